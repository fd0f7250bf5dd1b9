"""Every part of the bot is crashed on purpose while it trades: it trades on, and nothing is doubled or lost."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganglion.messages.lifecycle import ActorFailed, ActorStarted, CellState
from ganglion.messages.orders import OrderState, OrderUpdate
from ganglion.simulation.venue import VenueControl
from tests.acceptance.stage import BTC, ETH, Stage, arm_text, bot_text, configured, posts, traders

PARTS = [
    ("alpha", "account", "orders"),
    ("alpha", "account", "portfolio"),
    ("alpha", "account"),
    ("alpha", "exchange"),
    ("alpha", "books", "BTC-USDT"),
    ("alpha", "books"),
    ("alpha",),
    ("modes", "alpha-maker"),
    ("modes", "alpha-grid"),
    ("modes",),
    ("journal",),
    ("treasury",),
    ("monitor",),
    ("collector",),
    ("warden",),
]
"""In an order in which no budget of any place is spent."""


@pytest.fixture(scope="module")
def stage(folder: Path, alpha: VenueControl, beta: VenueControl) -> Iterator[Stage]:
    text = bot_text(
        arm_text("alpha", alpha.base_url), arm_text("beta", beta.base_url), *traders("alpha"), *traders("beta")
    )
    with Stage(configured(text, folder)) as stage:
        stage.wait(lambda: stage.trading("alpha") and stage.trading("beta"), 15, "both arms trade")
        yield stage


def levels_of(stage: Stage, arm: str) -> Counter[object]:
    """How often each price of the grid is open."""
    lines = stage.ledger(arm).open_lines()
    return Counter(line.intent.price for line in lines if line.intent.mode == f"{arm}-grid")


def place_under_way(stage: Stage, venue: VenueControl) -> None:
    """Wait until an order has been sent and its answer is held back by the venue."""
    venue.fault("delay_reply", requests="place", account="demo", seconds=2, times=4, delay_s=0.3)
    mark = stage.mark
    stage.until(OrderUpdate, lambda m: m.account == "alpha" and m.state is OrderState.SUBMITTED, after=mark)


def open_of(stage: Stage, mode: str) -> set[str]:
    """Client ids of a mode's orders that are open."""
    return {line.client_id for line in stage.ledger("alpha").open_lines() if line.intent.mode == mode}


def trades_on(stage: Stage, after: int) -> None:
    """Wait until the market maker has an order accepted that it decided `after` so many messages."""
    stage.until(
        OrderUpdate,
        lambda m: m.mode == "alpha-maker" and m.state is OrderState.ACCEPTED and m.venue_id is not None,
        after=after,
        timeout_s=15,
    )


@pytest.mark.parametrize("part", PARTS, ids="/".join)
def test_a_part_that_crashes_while_an_order_is_under_way_starts_again_and_the_arm_trades_on(
    stage: Stage, alpha: VenueControl, part: tuple[str, ...]
) -> None:
    path = "/".join(("/bot", *part))
    place_under_way(stage, alpha)
    before, mark = stage.cell(*part), stage.mark
    stage.bot.fail(*part)
    stage.until(ActorFailed, lambda m: m.path == path, after=mark)
    stage.until(ActorStarted, lambda m: m.path == path and m.incarnation == before.incarnation + 1, after=mark)
    alpha.clear()
    trades_on(stage, stage.mark)
    stage.agree("alpha", alpha)
    assert max(levels_of(stage, "alpha").values()) == 1, "two orders of the grid at one price"
    assert sum(levels_of(stage, "alpha").values()) <= 10


def test_a_crashed_market_maker_cancels_its_quotes_and_then_quotes_again(stage: Stage, alpha: VenueControl) -> None:
    stage.wait(lambda: open_of(stage, "alpha-maker"), 10, "it quotes")
    left, mark = open_of(stage, "alpha-maker"), stage.mark
    stage.bot.fail("modes", "alpha-maker")
    stage.until(ActorStarted, lambda m: m.path == "/bot/modes/alpha-maker", after=mark)
    trades_on(stage, stage.mark)
    news = list(stage.spy.received)
    again = next(i for i, m in enumerate(news) if i >= mark and isinstance(m, ActorStarted))
    first = next(
        i
        for i, m in enumerate(news)
        if i > again and isinstance(m, OrderUpdate) and (m.mode, m.state) == ("alpha-maker", OrderState.SUBMITTED)
    )
    ended = {m.client_id for m in news[:first] if isinstance(m, OrderUpdate) and m.state.terminal}
    assert left <= ended, "it quoted before its old quotes were gone"


def test_a_crashed_grid_adopts_its_orders_and_cancels_none(stage: Stage, alpha: VenueControl) -> None:
    stage.wait(lambda: len(open_of(stage, "alpha-grid")) >= 9, 10, "the grid stands")
    left, mark = open_of(stage, "alpha-grid"), stage.mark
    stage.bot.fail("modes", "alpha-grid")
    stage.until(ActorStarted, lambda m: m.path == "/bot/modes/alpha-grid", after=mark)
    trades_on(stage, mark)
    stage.wait(lambda: len(open_of(stage, "alpha-grid")) >= 9, 10, "the grid stands again")
    lines = stage.ledger("alpha").lines
    assert {lines[client_id].state for client_id in left} <= {
        OrderState.ACCEPTED,
        OrderState.PARTIALLY_FILLED,
        OrderState.FILLED,
    }


def test_no_order_was_sent_twice_and_no_invariant_broken(stage: Stage, alpha: VenueControl, beta: VenueControl) -> None:
    assert set(posts(alpha).values()) == {1}
    assert set(posts(beta).values()) == {1}
    assert stage.violations() == []


def test_the_market_maker_never_has_two_quotes_of_a_level(stage: Stage) -> None:
    lines = [line for line in stage.ledger("alpha").open_lines() if line.intent.mode == "alpha-maker"]
    assert len(lines) <= 4


def test_no_part_was_parked_and_the_other_arm_did_not_notice(stage: Stage, beta: VenueControl) -> None:
    assert all(cell.state is CellState.RUNNING for cell in stage.system.tree().root.walk())
    assert sum(cell.restarts for cell in stage.cell("beta").walk()) == 0
    stage.agree("beta", beta)
    assert {symbol: stage.tape.handled_ids("beta", symbol) != [] for symbol in (BTC, ETH)} == {BTC: True, ETH: True}

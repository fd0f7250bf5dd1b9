"""SIGKILL of a venue's process: its arm comes back by itself, the other arm misses nothing."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganglion.messages.lifecycle import ActorFailed, ConnectionChanged, ConnectionState
from ganglion.messages.market import BookInvalid, BookSnapshot
from ganglion.messages.orders import OrderState, OrderUpdate
from ganglion.simulation.venue import VenueControl, VenueProcess
from tests.acceptance.stage import (
    BTC,
    ETH,
    Stage,
    arm_text,
    bot_text,
    configured,
    frames_of,
    mode_text,
    odd_mode,
    traders,
)

BACK_WITHIN_S = 10.0


@dataclass
class Killed:
    """What is left to look at after the killing."""

    stage: Stage
    alpha: VenueProcess
    beta: VenueControl
    back_s: float
    """From the venue's return to Live and reconciled."""
    mark: int
    """Messages before the kill."""
    before: dict[str, int]
    """The last depth update of beta that was handled before the kill, by symbol."""
    first_trades: dict[str, int]
    under_way: str
    """Client id of an order that the venue took and never answered."""


@pytest.fixture(scope="module")
def killed(folder: Path, beta: VenueControl) -> Iterator[Killed]:
    with VenueProcess(["--seed", "1", "--state", str(folder / "alpha")]) as alpha:
        text = bot_text(
            arm_text("alpha", alpha.base_url),
            arm_text("beta", beta.base_url),
            *traders("alpha"),
            *traders("beta"),
            mode_text("listener", odd_mode("Listener"), "beta", BTC),
        )
        with Stage(configured(text, folder)) as stage:
            tape = stage.tape
            stage.wait(lambda: stage.trading("alpha") and stage.trading("beta"), 15, "both arms trade")
            stage.wait(lambda: tape.mode_trades("listener") and tape.candle_trades["beta", BTC], 10, "trades come")
            mark = stage.mark
            before = {symbol: tape.handled_ids("beta", symbol)[-1] for symbol in (BTC, ETH)}
            first = {
                "mode": int(tape.mode_trades("listener")[-1].trade_id),
                "candles": int(tape.candle_trades["beta", BTC][-1].trade_id),
            }
            under_way = place_under_way(stage, alpha.control)
            alpha.kill()
            stage.wait(lambda: stage.state("alpha") is not ConnectionState.LIVE, 10, "alpha leaves Live")
            alpha.start()
            returned_s = time.monotonic()
            stage.wait(lambda: stage.reconciled("alpha", mark), 30, "alpha is back")
            back_s = time.monotonic() - returned_s
            yield Killed(stage, alpha, beta, back_s, mark, before, first, under_way)


def place_under_way(stage: Stage, venue: VenueControl) -> str:
    """Wait until the venue has taken an order and neither answered it nor told the user stream; its client id."""
    venue.fault("freeze", stream="user", seconds=60)
    venue.fault("delay_reply", requests="place", times=100, delay_s=60)
    taken: list[str] = []

    def look() -> bool:
        taken[:] = [entry["client_id"] for entry in venue.requests(kind="place") if entry["fault"] == "delay_reply"]
        return bool(taken)

    stage.wait(look, 15, "an order is under way")
    return taken[0]


def test_its_arm_is_live_and_reconciled_within_ten_seconds_of_its_return(killed: Killed) -> None:
    assert killed.back_s < BACK_WITHIN_S


def test_its_arm_knows_every_order_and_every_fill_of_the_venue_and_the_other_way_round(killed: Killed) -> None:
    killed.stage.agree("alpha", killed.alpha.control)
    killed.stage.agree("beta", killed.beta)
    assert killed.stage.violations() == []


def test_an_order_that_the_venue_took_and_never_answered_is_one_known_order(killed: Killed) -> None:
    orders = [order["client_id"] for order in killed.alpha.control.ledger()["accounts"]["demo"]["orders"]]
    assert orders.count(killed.under_way) == 1
    line = killed.stage.ledger("alpha").lines[killed.under_way]
    assert line.venue_id is not None
    assert line.state not in {OrderState.UNKNOWN, OrderState.REJECTED, OrderState.DENIED}


def test_its_arm_trades_again(killed: Killed) -> None:
    stage = killed.stage
    back = stage.mark
    stage.until(OrderUpdate, lambda m: m.account == "alpha" and m.venue_id is not None, after=back)


def test_the_other_arms_connection_never_leaves_live(killed: Killed) -> None:
    stage = killed.stage
    moves = [m for m in stage.spy.received[killed.mark :] if isinstance(m, ConnectionChanged | BookInvalid)]
    assert [m for m in moves if m.exchange == "beta"] == []
    assert stage.heard(ActorFailed) == []


@pytest.mark.parametrize("symbol", [BTC, ETH])
def test_the_other_arms_books_handle_every_numbered_depth_frame_that_was_sent(killed: Killed, symbol: str) -> None:
    tape = killed.stage.tape
    killed.stage.wait(lambda: len(tape.handled_ids("beta", symbol)) > 20, 30, "frames enough to tell")
    handled = tape.handled_ids("beta", symbol)
    start = killed.before[symbol]
    stream = f"{symbol.replace('/', '').lower()}@depth*"
    assert handled[handled.index(start) + 1 :] == frames_of(killed.beta, stream, start, handled[-1])
    books = list(killed.stage.tape.books["beta", symbol])
    assert [m.sequence for m in books if isinstance(m, BookSnapshot)] == [1], "it needed another snapshot"
    gaps = [b for a, b in itertools.pairwise(books) if b.sequence != a.sequence + 1]
    assert gaps == []


@pytest.mark.parametrize("who", ["mode", "candles"])
def test_the_other_arms_candles_and_modes_handle_every_numbered_trade_that_was_sent(killed: Killed, who: str) -> None:
    tape = killed.stage.tape
    ticks = tape.mode_trades("listener") if who == "mode" else list(tape.candle_trades["beta", BTC])
    ids = [int(tick.trade_id) for tick in ticks]
    start = killed.first_trades[who]
    handled = [number for number in ids if number > start]
    assert handled == frames_of(killed.beta, "btcusdt@trade*", start, ids[-1])
    assert handled

"""A fill that the user stream never told, because its socket was down: it counts once, after the reconcile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ganglion.messages.lifecycle import ConnectionState
from ganglion.messages.orders import Fill, OrderState
from ganglion.simulation.venue import VenueControl
from tests.acceptance.stage import ETH, Stage, arm_text, bot_text, configured, mode_text

AWAY_S = 1.5


@pytest.fixture(scope="module")
def stage(folder: Path, alpha: VenueControl) -> Iterator[Stage]:
    grid = mode_text("grid", "grid", "alpha", ETH, levels=3, step_pct=0.3)
    with Stage(configured(bot_text(arm_text("alpha", alpha.base_url), grid), folder)) as stage:
        stage.wait(lambda: states_of(stage) == [OrderState.ACCEPTED] * 6, 15, "the grid stands")
        yield stage


def states_of(stage: Stage) -> list[OrderState]:
    return [line.state for line in stage.ledger("alpha").open_lines()]


def swept(venue: VenueControl, stage: Stage) -> set[int]:
    """Our trades among those of a sweep that is repeated until it reaches an order of ours."""
    for _ in range(20):
        trades = set(venue.sweep(ETH, "sell", "150"))
        ours = {fill["trade_id"] for fill in fills(venue) if fill["symbol"] == ETH}
        if trades & ours:
            return trades & ours
    pytest.fail("no sweep reached an order of the grid")


def fills(venue: VenueControl) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = venue.ledger()["accounts"]["demo"]["fills"]
    return found


def test_a_fill_that_came_while_the_user_stream_was_down_is_applied_once(stage: Stage, alpha: VenueControl) -> None:
    alpha.fault("answer", requests="stream", status=503, seconds=AWAY_S)
    assert alpha.drop_sockets("user")
    mark = stage.mark
    missed = swept(alpha, stage)
    assert stage.state("alpha") is not ConnectionState.LIVE or not stage.reconciled("alpha", mark)
    stage.wait(lambda: stage.reconciled("alpha", mark), 15, "alpha is reconciled again")
    stage.agree("alpha", alpha)
    counted = [m.trade_id for m in stage.heard(Fill, lambda m: m.symbol == ETH)]
    told = {str(trade_id) for trade_id in missed}
    assert {trade_id: counted.count(trade_id) for trade_id in told} == dict.fromkeys(told, 1)
    assert not any(m.synthetic for m in stage.heard(Fill))


def test_the_grid_puts_its_mirror_orders_and_stays_one_grid(stage: Stage, alpha: VenueControl) -> None:
    def whole() -> bool:
        lines = stage.ledger("alpha").open_lines()
        prices = [line.intent.price for line in lines]
        settled = all(line.state in {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED} for line in lines)
        return settled and len(set(prices)) == len(prices) == 6

    stage.wait(whole, 10, "six orders at six prices")
    stage.agree("alpha", alpha)
    assert stage.violations() == []

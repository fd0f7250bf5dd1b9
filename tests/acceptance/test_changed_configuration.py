"""A mode that is taken out of the bot.toml while it has orders and holdings at a real venue process."""

from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ganglion.bot.control.operator import Operator
from ganglion.bot.control.protocol import Command, Effect
from ganglion.bot.views import Status
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import Fill
from ganglion.simulation.venue import VenueControl
from tests.acceptance.stage import BTC, ETH, Stage, arm_text, bot_text, configured, mode_text

BUYER = """
from ganglion.actors.modes import ModeConfig, TradingMode


class Buyer(TradingMode[ModeConfig]):
    # Buys once, and leaves an order far below the market.

    def on_start(self):
        self.bought = False

    def on_book(self, top):
        if not self.bought:
            self.bought = True
            self.buy("0.5")
            self.buy("0.5", "-20%")
"""
WITHIN_S = 30.0
STEP = Decimal("0.0001")


def stage_of(folder: Path, venue: VenueControl, *modes: str, symbols: tuple[str, ...] = (BTC, ETH)) -> Stage:
    text = bot_text(arm_text("alpha", venue.base_url, symbols=symbols), *modes)
    text = text.replace('name = "acceptance"', 'name = "acceptance"\ncancel_on_stop = false')
    return Stage(configured(text, folder))


def open_at(venue: VenueControl) -> list[str]:
    orders = venue.ledger()["accounts"]["demo"]["orders"]
    return [order["client_id"] for order in orders if order["status"] in {"new", "partially_filled"}]


def reconciled(status: Status) -> bool:
    """As operators see it."""
    return bool(status.exchanges) and status.exchanges[0].reconciled


def flatten(stage: Stage) -> Effect:
    effect = Operator(stage.bot).carry_out(Command("flatten", scope="alpha", timeout_s=WITHIN_S), "anna")
    assert isinstance(effect, Effect)
    return effect


@pytest.fixture(scope="module")
def left(folder: Path, alpha: VenueControl) -> VenueControl:
    """Orders and a holding of grid stay behind at the venue."""
    source = folder / "buyer.py"
    source.write_text(BUYER)
    with stage_of(folder, alpha, mode_text("grid", f"{source}:Buyer", "alpha", ETH)) as stage:
        stage.until(Fill, lambda fill: fill.mode == "grid", WITHIN_S)
        stage.wait(lambda: open_at(alpha), WITHIN_S, "an order rests")
        assert stage.bot.drain()
    assert open_at(alpha)
    return alpha


def test_its_orders_are_cancelled_and_it_is_told(folder, left):
    with capture_logs() as lines, stage_of(folder, left) as stage:
        stage.wait(lambda: not open_at(left), WITHIN_S, "no order of grid is open")
        stage.agree("alpha", left)
        assert stage.violations() == []
    line = next(line for line in lines if line["event"] == "mode_not_configured")
    assert (line["mode"], line["symbol"]) == ("grid", ETH)
    assert line["open_orders"].endswith("being cancelled")


def test_a_flatten_without_its_market_names_what_it_leaves_and_is_not_done(folder, left):
    with stage_of(folder, left, symbols=(BTC,)) as stage:
        assert stage.bot.wait_until(reconciled, WITHIN_S)
        effect = flatten(stage)
        assert not effect.done
        (sold,) = effect.sold
        assert (sold.mode, sold.symbol, sold.sold, sold.left) == ("grid", ETH, "0", sold.held)
        assert "is not among the symbols of alpha" in sold.why


def test_a_flatten_of_its_account_sells_what_it_held(folder, left):
    with stage_of(folder, left) as stage:
        assert stage.bot.wait_until(reconciled, WITHIN_S)
        stage.until(TopOfBook, lambda top: top.symbol == ETH, WITHIN_S)
        effect = flatten(stage)
        assert effect.done, effect
        (sold,) = effect.sold
        assert sold.mode == "grid"
        assert Decimal(sold.left) < STEP
        stage.agree("alpha", left)
        assert stage.violations() == []

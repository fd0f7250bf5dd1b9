"""Orders that a starting bot has never seen: a stranger's are left alone, one with its own tag halts the account."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest

from ganglion.actors.trading.orders import tag_of
from ganglion.actors.trading.orders.client_ids import is_ours
from ganglion.messages.account import AccountSnapshot, Reconciled
from ganglion.messages.lifecycle import Halted
from ganglion.messages.values import Asset
from ganglion.simulation.venue import VenueControl, VenueProcess, ccxt_settings
from tests.acceptance.stage import BTC, ETH, Stage, arm_text, bot_text, configured, traders

STRANGER = {"clientOrderId": "somebody-else-1"}
BOT = "strange"


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueProcess]:
    with VenueProcess(["--seed", "1"]) as process:
        yield process


@pytest.fixture(scope="module")
def stranger(venue: VenueProcess) -> Iterator[Any]:
    """Another program on the bot's account."""
    exchange = ccxt.binance(ccxt_settings(venue.base_url, "demo", "demo"))
    exchange.load_markets()
    yield exchange
    exchange.session.close()


def stage_at(venue: VenueProcess, folder: Path) -> Stage:
    return Stage(configured(bot_text(arm_text("alpha", venue.base_url), *traders("alpha"), name=BOT), folder))


def far_below(stranger: Any, symbol: str) -> float:
    """A price that nothing trades at."""
    return round(float(stranger.fetch_ticker(symbol)["last"]) * 0.6, 2)


def at_venue(venue: VenueProcess, client_id: str) -> dict[str, Any]:
    orders = venue.control.ledger()["accounts"]["demo"]["orders"]
    (found,) = [order for order in orders if order["client_id"] == client_id]
    return dict(found)


def placed(control: VenueControl) -> dict[str, int]:
    """When each client id was placed, whoever did it."""
    return {entry["client_id"]: entry["time_ms"] for entry in control.requests(kind="place")}


def wall_ms(monotonic_s: float) -> float:
    return (time.time() - time.monotonic() + monotonic_s) * 1000


def test_it_trades_only_after_reconciled_and_leaves_a_strangers_orders_alone(
    venue: VenueProcess, stranger: Any, tmp_path: Path
) -> None:
    price = far_below(stranger, BTC)
    stranger.create_order(BTC, "limit", "buy", 0.01, price, STRANGER)
    stranger.create_order(ETH, "limit", "sell", 0.5, round(float(stranger.fetch_ticker(ETH)["last"]) * 1.5, 2))
    before = venue.control.ledger()["accounts"]["demo"]["orders"]
    known = placed(venue.control)
    with stage_at(venue, tmp_path) as stage:
        stage.wait(lambda: stage.trading("alpha"), 20, "it trades")
        snapshot = stage.heard(AccountSnapshot)[0]
        reconciled = stage.heard(Reconciled)[0]
        # One more after the start, on the stream instead of in the first reading.
        stranger.create_order(BTC, "limit", "buy", 0.02, price, {"clientOrderId": "somebody-else-2"})
        stage.wait(stage.bot.drain, 20, "it is drained")
        assert stage.heard(Halted) == []
        assert stage.violations() == []
    ours = {name: at_ms for name, at_ms in placed(venue.control).items() if is_ours(name, tag_of(BOT))}
    first_ms = min(at_ms for name, at_ms in ours.items() if name not in known)
    assert first_ms >= wall_ms(reconciled.at_s) - 5
    locked: dict[Asset, Any] = {balance.asset: float(balance.used) for balance in snapshot.locked_by_others}
    assert locked == {"USDT": pytest.approx(0.01 * price), "ETH": 0.5}
    now = {order["id"]: order for order in venue.control.ledger()["accounts"]["demo"]["orders"]}
    assert [now[order["id"]] for order in before] == before
    assert at_venue(venue, "somebody-else-2")["status"] == "new"


def test_an_order_with_its_tag_that_its_journal_does_not_know_halts_the_account_and_says_so(
    venue: VenueProcess, stranger: Any, tmp_path: Path
) -> None:
    orphan = tag_of(BOT) + "a" * 14
    stranger.create_order(BTC, "limit", "buy", 0.01, far_below(stranger, BTC), {"clientOrderId": orphan})
    known = placed(venue.control)
    with stage_at(venue, tmp_path) as stage:
        halted = stage.until(Halted, lambda m: m.mode is None, timeout_s=20)
        assert "ORPHAN" in halted.cause
        assert orphan in halted.cause
        assert "cancel it by hand" in halted.cause
        stage.wait(lambda: stage.heard(Reconciled), 10, "it is reconciled all the same")
        summary = stage.bot.summary()
        assert orphan in summary.exchanges["alpha"].halted
    assert placed(venue.control) == known
    assert at_venue(venue, orphan)["status"] == "new"
    # The halt is in the journal: gone from the venue, the order has still to be explained to an operator.
    stranger.cancel_order(at_venue(venue, orphan)["id"], BTC)
    with stage_at(venue, tmp_path) as stage:
        stage.wait(lambda: stage.heard(Reconciled), 20, "it is reconciled")
        halted = stage.until(Halted, lambda m: m.mode is None)
        assert orphan in halted.cause
    assert placed(venue.control) == known


def test_an_order_with_its_tag_that_has_ended_before_its_start_halts_the_account_too(
    venue: VenueProcess, stranger: Any, tmp_path: Path
) -> None:
    orphan = tag_of(BOT) + "c" * 14
    with stage_at(venue, tmp_path) as stage:
        stage.wait(lambda: stage.trading("alpha"), 20, "it trades")
        stage.wait(stage.bot.drain, 20, "it is drained")
    order = stranger.create_order(BTC, "market", "buy", 0.01, params={"clientOrderId": orphan})
    assert stranger.fetch_order(order["id"], BTC)["status"] == "closed"
    known = placed(venue.control)
    with stage_at(venue, tmp_path) as stage:
        halted = stage.until(Halted, lambda m: m.mode is None, timeout_s=20)
        assert "ORPHAN" in halted.cause
        assert orphan in halted.cause
    assert placed(venue.control) == known


@pytest.mark.parametrize(("kind", "status"), [("limit", "new"), ("market", "filled")])
def test_an_order_with_its_tag_that_turns_up_while_it_trades_halts_the_account(
    venue: VenueProcess, stranger: Any, tmp_path: Path, kind: str, status: str
) -> None:
    orphan = tag_of(BOT) + kind[0] * 14
    with stage_at(venue, tmp_path) as stage:
        stage.wait(lambda: stage.trading("alpha"), 20, "it trades")
        price = far_below(stranger, BTC) if kind == "limit" else None
        stranger.create_order(BTC, kind, "buy", 0.01, price, {"clientOrderId": orphan})
        halted = stage.until(Halted, lambda m: m.mode is None)
        assert "ORPHAN" in halted.cause
        assert orphan in halted.cause
        assert stage.bot.drain()
    assert at_venue(venue, orphan)["status"] == status
    if kind == "limit":
        stranger.cancel_order(at_venue(venue, orphan)["id"], BTC)

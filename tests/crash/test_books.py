"""The comparison that judges a campaign: each thing that could be wrong is found, and nothing is where nothing is."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ganglion.actors.trading.orders import make_client_id
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.messages.account import External
from ganglion.messages.orders import Balance, Intent, VenueOrder, VenueTrade
from ganglion.messages.values import OrderType, Side, TimeInForce
from tests.crash.books import Books, Bounds, _overexposed, differences, exposure, lost_or_doubled
from tests.crash.lifeline import too_early

D = Decimal
TAG = "gabc"
SYMBOL = "BTC/USDT"
BOUNDS = {"grid": Bounds("grid", 2), "maker": Bounds("market_making", 1)}
IDS = [make_client_id(TAG, bytes(16), "alpha", number) for number in range(8)]


def intent(number: int, price: str = "99", side: Side = Side.BUY, mode: str = "grid") -> Intent:
    return Intent(
        intent_id=f"i{number}",
        account="alpha",
        mode=mode,
        symbol=SYMBOL,
        side=side,
        type=OrderType.LIMIT,
        amount=D(1),
        price=D(price),
        time_in_force=TimeInForce.GTC,
        post_only=False,
        epoch=1,
        deadline_s=1.0,
        reason="",
        correlation_id="",
        causation_id="",
    )


def trade(trade_id: str = "t1", amount: str = "1", number: int = 1) -> VenueTrade:
    return VenueTrade(
        symbol=SYMBOL,
        trade_id=trade_id,
        venue_order_id=f"v{number}",
        client_id=IDS[number],
        side=Side.BUY,
        price=D(99),
        amount=D(amount),
        fee=D(0),
        fee_asset="BTC",
        liquidity=None,
        timestamp_ms=1,
    )


def seen(number: int, status: str = "open", filled: str = "0") -> r.OrderEvidence:
    order = VenueOrder(
        symbol=SYMBOL, venue_id=f"v{number}", client_id=IDS[number], status=status, filled=D(filled), amount=D(1)
    )
    return r.OrderEvidence(IDS[number], order)


def ledger(*more: r.AnyRecord) -> Ledger:
    """One order, wholly filled, and one that rests."""
    made = Ledger("alpha")
    opening = (Balance("BTC", D(2), D(0)), Balance("USDT", D(1000), D(0)))
    for record in (
        r.Opened(opening, 1, ()),
        r.Intended(intent(1), 1, IDS[1]),
        r.Sent(IDS[1], 1),
        seen(1, "closed", "1"),
        r.TradeEvidence(trade()),
        r.Intended(intent(2, "98"), 2, IDS[2]),
        r.Sent(IDS[2], 1),
        seen(2),
        *more,
    ):
        made.apply(record)
    return made


def order(number: int, status: str = "new", filled: str = "0", **more: Any) -> dict[str, Any]:
    price = str(100 - number)
    return {
        "client_id": IDS[number], "status": status, "filled": filled, "quantity": "1", "side": "buy", "price": price,
    } | more  # fmt: skip


def account(**more: Any) -> dict[str, Any]:
    """The venue's side of `ledger`."""
    return {
        "orders": [order(1, "filled", "1"), order(2)],
        "fills": [{"symbol": SYMBOL, "trade_id": "t1"}],
        "balances": {"BTC": {"free": "3", "locked": "0"}, "USDT": {"free": "803", "locked": "98"}},
    } | more


def test_books_that_are_equal_differ_in_nothing() -> None:
    assert differences(ledger(), account(), TAG) == []
    assert exposure(ledger(), account(), TAG, BOUNDS) == []


WRONG: dict[str, tuple[Callable[[], Ledger], Callable[[], dict[str, Any]], str]] = {
    "an order that the journal does not know": (
        ledger,
        lambda: account(orders=[*account()["orders"], order(3)]),
        "LOST",
    ),
    "an order that is there twice": (ledger, lambda: account(orders=[*account()["orders"], order(2)]), "DOUBLED"),
    "a fill that never was": (ledger, lambda: account(fills=[]), "MADE UP"),
    "a fill that is missing here": (
        ledger,
        lambda: account(fills=[*account()["fills"], {"symbol": SYMBOL, "trade_id": "t2"}]),
        "one side only",
    ),
    "an order that is open there only": (
        lambda: ledger(seen(2, "canceled")),
        account,
        "open on one side only",
    ),
    "an order that the venue never had": (ledger, lambda: account(orders=[order(1, "filled", "1")]), "unknown to the"),
    "a balance that is off by the last digit": (
        ledger,
        lambda: account(balances={**account()["balances"], "BTC": {"free": "3.00000001", "locked": "0"}}),
        "BTC: 3 here, 3.00000001 there",
    ),
    "a quantity that is off": (
        ledger,
        lambda: account(orders=[order(1, "filled", "1"), order(2, filled="0.5")]),
        "filled by 0 here, 0.5 there",
    ),
    "an order that nobody knows the state of": (lambda: ledger(r.Doubted(IDS[2], "")), account, "is unknown"),
    "money that no fill explains": (
        lambda: ledger(r.ExternalEntry(External("BTC", D(1), "found"))),
        account,
        "external entry",
    ),
    "more filled than was asked for": (
        lambda: ledger(r.TradeEvidence(trade("t2"))),
        lambda: account(fills=[{"symbol": SYMBOL, "trade_id": name} for name in ("t1", "t2")]),
        "I3",
    ),
    "an order that was refused before it was sent": (
        lambda: ledger(
            r.Intended(intent(3), 3, IDS[3]), r.Tombstoned(IDS[3], "halted", "")  # type: ignore[arg-type]
        ),
        lambda: account(orders=[*account()["orders"], order(3, "canceled")]),
        "SENT ALTHOUGH REFUSED",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_the_comparison_finds(what: str) -> None:
    here, there, text = WRONG[what]
    assert any(text in found for found in differences(here(), there(), TAG))


def test_what_is_on_its_way_is_no_loss_and_no_double() -> None:
    under_way = ledger(r.Intended(intent(3), 3, IDS[3]), r.Sent(IDS[3], 1))
    assert lost_or_doubled(under_way, account(), TAG) == []
    assert differences(under_way, account(), TAG) != []


def decided(*intents: Intent) -> list[str]:
    made = Books(ledger())
    found = []
    for number, known in enumerate(intents, start=3):
        record = r.Intended(known, number, IDS[number])
        made.ledger.apply(record)
        found += list(_overexposed(made.ledger, record, BOUNDS))
    return found


def test_a_level_that_is_decided_again_while_its_order_stands_is_found() -> None:
    assert decided(intent(3, "97")) == []
    assert "decided buy at 98 again" in decided(intent(3, "98"))[0]


def test_more_quotes_than_a_maker_has_are_found() -> None:
    assert decided(intent(3, "97", mode="maker"), intent(4, "97", Side.SELL, mode="maker")) == []
    assert "1 are its most" in decided(intent(3, "97", mode="maker"), intent(4, "96", mode="maker"))[0]


def test_a_grid_that_stands_twice_at_the_venue_is_found() -> None:
    twice = ledger(r.Intended(intent(3, "98"), 3, IDS[3]), r.Sent(IDS[3], 1), seen(3))
    there = account(orders=[*account()["orders"], order(3, price="98")])
    assert any("2 orders to buy at 98" in found for found in exposure(twice, there, TAG, BOUNDS))


def test_an_order_that_was_placed_before_reconciled_is_found() -> None:
    place = {"event": "place", "account": "alpha", "client_id": "c"}
    reconciled = {"event": "reconciled", "account": "alpha"}
    assert too_early([reconciled, place]) == []
    assert len(too_early([place, reconciled, place])) == 1

"""The matching engine's rules, one sentence each; `test_engine_properties.py` searches for what is not written here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.venue.clearing import FEES
from ganglion.simulation.venue.engine import Engine
from ganglion.simulation.venue.events import (
    Accepted,
    BalanceChanged,
    Canceled,
    Event,
    Expired,
    ExpireReason,
    Fill,
    LevelChanged,
    RejectCode,
    Rejected,
)
from ganglion.simulation.venue.markets import Market, MarketError, default_market
from ganglion.simulation.venue.orders import NewOrder, OrderStatus, SelfTrade

BTC = "BTC/USDT"


class Desk:
    """An engine with two rich customers, and orders written short."""

    def __init__(self) -> None:
        self.engine = Engine([default_market(BTC), default_market("ETH/USDT")])
        self.now_ms = 0
        self.count = 0
        for name in ("ann", "bob"):
            self.engine.open_account(name)
            self.engine.deposit(name, "BTC", Decimal(10))
            self.engine.deposit(name, "USDT", Decimal(1_000_000))

    def order(self, who: str, side: Side, quantity: str | None, price: str | None = None, **more: Any) -> list[Event]:
        self.count += 1
        self.now_ms += 1
        command = NewOrder(
            account=who,
            symbol=more.pop("symbol", BTC),
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            client_id=more.pop("client_id", f"c{self.count}"),
            quantity=None if quantity is None else Decimal(quantity),
            price=None if price is None else Decimal(price),
            **more,
        )
        return self.engine.place(command, self.now_ms)

    def buy(self, who: str, quantity: str | None, price: str | None = None, **more: Any) -> list[Event]:
        return self.order(who, Side.BUY, quantity, price, **more)

    def sell(self, who: str, quantity: str | None, price: str | None = None, **more: Any) -> list[Event]:
        return self.order(who, Side.SELL, quantity, price, **more)

    def balance(self, who: str, asset: str) -> tuple[Decimal, Decimal]:
        found = self.engine.accounts[who].balance(asset)
        return found.free, found.locked


@pytest.fixture
def desk() -> Desk:
    return Desk()


def only(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def rejected(events: list[Event]) -> RejectCode:
    assert len(events) == 1, "a refused command does nothing else"
    assert isinstance(events[0], Rejected)
    assert events[0].reason
    return events[0].code


def test_a_limit_order_rests_and_locks_its_money(desk: Desk):
    events = desk.buy("ann", "0.5", "60000")
    assert [type(event) for event in events] == [Accepted, LevelChanged, BalanceChanged]
    assert desk.balance("ann", "USDT") == (Decimal(970_000), Decimal(30_000))
    assert desk.engine.books[BTC].depth(5) == ([(Decimal(60000), Decimal("0.5"))], [])


def test_the_better_price_trades_first_and_at_equal_price_the_older_order(desk: Desk):
    desk.sell("ann", "1", "60010", client_id="late-price")
    desk.sell("ann", "1", "60000", client_id="first")
    desk.sell("bob", "1", "60000", client_id="second")
    desk.engine.open_account("cat")
    desk.engine.deposit("cat", "USDT", Decimal(1_000_000))
    fills = only(desk.buy("cat", "2.5", "60010"), Fill)
    assert [(f.maker_account, f.price, f.quantity) for f in fills] == [
        ("ann", Decimal(60000), Decimal(1)),
        ("bob", Decimal(60000), Decimal(1)),
        ("ann", Decimal(60010), Decimal("0.5")),
    ]


def test_a_fill_happens_at_the_resting_price_and_the_difference_comes_back(desk: Desk):
    desk.sell("ann", "1", "60000")
    desk.buy("bob", "1", "61000")
    assert desk.balance("bob", "USDT") == (Decimal(940_000), Decimal(0))


def test_each_side_pays_its_fee_in_the_asset_it_receives(desk: Desk):
    desk.sell("ann", "1", "60000")
    (fill,) = only(desk.buy("bob", "1", "60000"), Fill)
    assert (fill.taker_fee, fill.taker_fee_asset) == (Decimal("0.001"), "BTC")
    assert (fill.maker_fee, fill.maker_fee_asset) == (Decimal(60), "USDT")
    assert desk.balance("bob", "BTC")[0] == Decimal("10.999")
    assert desk.balance("ann", "USDT")[0] == Decimal(1_059_940)
    assert desk.balance(FEES, "USDT")[0] == Decimal(60)
    desk.engine.audit()


def test_maker_and_taker_pay_different_fees():
    market = default_market(BTC, maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.0007"))
    assert market.fee(Decimal(1000), maker=True) == Decimal("0.2")
    assert market.fee(Decimal(1000), maker=False) == Decimal("0.7")


def test_a_partly_filled_limit_order_rests_with_what_is_left(desk: Desk):
    desk.sell("ann", "0.4", "60000")
    desk.buy("bob", "1", "60000")
    assert desk.engine.books[BTC].depth(5)[0] == [(Decimal(60000), Decimal("0.6"))]
    (order,) = desk.engine.accounts["bob"].open.values()
    assert (order.status, order.filled) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.4"))


def test_a_market_order_takes_what_is_there_and_expires_with_the_rest(desk: Desk):
    desk.sell("ann", "0.4", "60000")
    events = desk.buy("bob", "1")
    assert sum(f.quantity for f in only(events, Fill)) == Decimal("0.4")
    assert only(events, Expired)[0].reason is ExpireReason.NO_LIQUIDITY
    assert desk.balance("bob", "USDT")[1] == 0


def test_a_market_order_by_quote_amount_buys_whole_steps_and_gives_back_the_rest(desk: Desk):
    desk.sell("ann", "5", "60000")
    events = desk.buy("bob", None, quote_quantity=Decimal(1000))
    (fill,) = only(events, Fill)
    assert fill.quantity == Decimal("0.01666")
    assert desk.balance("bob", "USDT") == (Decimal(1_000_000) - fill.quote, Decimal(0))
    order = desk.engine.accounts["bob"].orders[BTC, fill.taker_order_id]
    assert (order.status, order.quantity) == (OrderStatus.FILLED, fill.quantity)


def test_a_market_sell_by_quote_amount_sells_no_more_than_it_is_worth(desk: Desk):
    desk.buy("ann", "5", "60000")
    (fill,) = only(desk.sell("bob", None, quote_quantity=Decimal(600)), Fill)
    assert fill.quantity == Decimal("0.01")


def test_a_post_only_order_that_would_trade_is_refused(desk: Desk):
    desk.sell("ann", "1", "60000")
    assert rejected(desk.buy("bob", "1", "60000", post_only=True)) is RejectCode.WOULD_MATCH
    assert isinstance(desk.buy("bob", "1", "59999.99", post_only=True)[0], Accepted)


def test_an_ioc_order_never_rests(desk: Desk):
    desk.sell("ann", "0.4", "60000")
    events = desk.buy("bob", "1", "60000", time_in_force=TimeInForce.IOC)
    assert only(events, Expired)[0].filled == Decimal("0.4")
    assert not desk.engine.accounts["bob"].open
    assert desk.engine.books[BTC].depth(5) == ([], [])


def test_a_fok_order_fills_whole_or_not_at_all(desk: Desk):
    desk.sell("ann", "0.4", "60000")
    desk.sell("ann", "0.4", "60001")
    events = desk.buy("bob", "0.9", "60001", time_in_force=TimeInForce.FOK)
    assert not only(events, Fill)
    assert len(only(events, Expired)) == 1
    events = desk.buy("bob", "0.8", "60001", time_in_force=TimeInForce.FOK)
    assert len(only(events, Fill)) == 2


def test_a_fok_order_does_not_count_the_orders_of_its_own_account(desk: Desk):
    desk.sell("bob", "1", "60000")
    desk.sell("ann", "0.5", "60000")
    assert not only(desk.buy("bob", "1", "60000", time_in_force=TimeInForce.FOK), Fill)


def test_cancel_returns_the_money_and_frees_the_client_id(desk: Desk):
    desk.buy("ann", "1", "60000", client_id="mine")
    (canceled,) = only(desk.engine.cancel("ann", BTC, 9, client_id="mine", cancel_id="bye"), Canceled)
    assert (canceled.client_id, canceled.cancel_id) == ("mine", "bye")
    assert desk.balance("ann", "USDT") == (Decimal(1_000_000), Decimal(0))
    assert isinstance(desk.buy("ann", "1", "60000", client_id="mine")[0], Accepted)


def test_a_cancel_of_a_filled_order_is_refused_as_unknown(desk: Desk):
    desk.sell("ann", "1", "60000", client_id="gone")
    desk.buy("bob", "1", "60000")
    assert rejected(desk.engine.cancel("ann", BTC, 9, client_id="gone")) is RejectCode.UNKNOWN_ORDER


def test_nobody_cancels_the_order_of_another(desk: Desk):
    (accepted,) = only(desk.buy("ann", "1", "60000"), Accepted)
    answer = desk.engine.cancel("bob", BTC, 9, order_id=accepted.order_id)
    assert rejected(answer) is RejectCode.UNKNOWN_ORDER


def test_a_client_id_is_unique_among_open_orders_of_one_account_only(desk: Desk):
    desk.buy("ann", "1", "60000", client_id="same")
    assert rejected(desk.buy("ann", "1", "59000", client_id="same")) is RejectCode.DUPLICATE_CLIENT_ID
    assert isinstance(desk.buy("bob", "1", "59000", client_id="same")[0], Accepted)
    desk.sell("bob", "2", "59000")
    assert isinstance(desk.buy("ann", "1", "50000", client_id="same")[0], Accepted)


@pytest.mark.parametrize(
    ("mode", "own_left", "new_status", "bought"),
    [
        (SelfTrade.EXPIRE_MAKER, 0, OrderStatus.FILLED, "1"),
        (SelfTrade.EXPIRE_TAKER, 1, OrderStatus.EXPIRED_SELF_TRADE, "0"),
        (SelfTrade.EXPIRE_BOTH, 0, OrderStatus.EXPIRED_SELF_TRADE, "0"),
    ],
)
def test_an_account_never_trades_with_itself(
    desk: Desk, mode: SelfTrade, own_left: int, new_status: OrderStatus, bought: str
):
    desk.sell("ann", "1", "60000", client_id="own")
    desk.sell("bob", "1", "60000")
    events = desk.buy("ann", "1", "60000", client_id="new", self_trade=mode)
    assert sum((f.quantity for f in only(events, Fill)), Decimal(0)) == Decimal(bought)
    assert all(f.maker_account != f.taker_account for f in only(events, Fill))
    assert len(desk.engine.accounts["ann"].open) == own_left
    assert desk.engine.accounts["ann"].by_client_id[BTC, "new"].status is new_status
    desk.engine.audit()


@pytest.mark.parametrize(
    ("quantity", "price", "code"),
    [
        ("0.000001", "60000", RejectCode.LOT_SIZE),
        ("0.000015", "60000", RejectCode.LOT_SIZE),
        ("10000", "60000", RejectCode.LOT_SIZE),
        ("1", "60000.001", RejectCode.PRICE_FILTER),
        ("1", "0", RejectCode.NOTIONAL),
        ("1", "300000.01", RejectCode.PRICE_BAND),
        ("1", "11999.99", RejectCode.PRICE_BAND),
        ("0.00008", "60000", RejectCode.NOTIONAL),
        ("20", "60000", RejectCode.INSUFFICIENT_BALANCE),
    ],
)
def test_an_order_off_the_market_s_filters_is_refused_and_changes_nothing(
    desk: Desk, quantity: str, price: str, code: RejectCode
):
    assert rejected(desk.buy("ann", quantity, price)) is code
    assert desk.balance("ann", "USDT") == (Decimal(1_000_000), Decimal(0))


def test_a_market_order_that_the_account_cannot_pay_is_refused(desk: Desk):
    desk.engine.deposit("ann", "BTC", Decimal(100))
    desk.sell("ann", "100", "60000")
    assert rejected(desk.buy("bob", "20")) is RejectCode.INSUFFICIENT_BALANCE


def test_unknown_symbols_and_accounts_are_refused(desk: Desk):
    assert rejected(desk.buy("ann", "1", "1", symbol="DOG/USDT")) is RejectCode.UNKNOWN_SYMBOL
    assert rejected(desk.buy("eve", "1", "60000")) is RejectCode.UNKNOWN_ACCOUNT


@pytest.mark.parametrize("amounts", [{}, {"quantity": Decimal(1), "quote_quantity": Decimal(1)}])
def test_a_market_order_has_exactly_one_amount(desk: Desk, amounts: dict[str, Decimal]):
    command = NewOrder("ann", BTC, Side.BUY, OrderType.MARKET, "c", **amounts)
    assert rejected(desk.engine.place(command, 1)) is RejectCode.MALFORMED


def test_an_account_has_at_most_so_many_open_orders(desk: Desk):
    for _ in range(200):
        assert isinstance(desk.buy("ann", "0.001", "50000")[0], Accepted)
    assert rejected(desk.buy("ann", "0.001", "50000")) is RejectCode.MAX_OPEN_ORDERS


def test_order_ids_and_trade_ids_count_up_per_symbol(desk: Desk):
    desk.engine.deposit("ann", "ETH", Decimal(10))
    for symbol, price in ((BTC, "60000"), ("ETH/USDT", "3000")):
        (accepted,) = only(desk.sell("ann", "1", price, symbol=symbol), Accepted)
        (fill,) = only(desk.buy("bob", "1", price, symbol=symbol), Fill)
        assert (accepted.order_id, fill.taker_order_id, fill.trade_id) == (1, 2, 1)


def test_every_level_change_has_the_next_number(desk: Desk):
    changes = only(desk.sell("ann", "1", "60000"), LevelChanged)
    changes += only(desk.sell("ann", "1", "60001"), LevelChanged)
    changes += only(desk.buy("bob", "1.5", "60001"), LevelChanged)
    assert [change.update_id for change in changes] == [1, 2, 3, 4]
    assert [change.quantity for change in changes] == [Decimal(1), Decimal(1), Decimal(0), Decimal("0.5")]
    assert desk.engine.books[BTC].update_id == 4


def test_a_market_whose_costs_would_not_be_exact_cannot_be_made():
    with pytest.raises(MarketError, match="finer than"):
        Market(
            "A/B",
            "A",
            "B",
            price=Decimal(1),
            tick=Decimal("0.00001"),
            step=Decimal("0.0001"),
            min_quantity=Decimal(1),
            max_quantity=Decimal(2),
            min_notional=Decimal(1),
        )


@pytest.mark.parametrize("symbol", ["BTCUSDT", "btc/usdt", "BTC/", "BTC/USDT:USDT"])
def test_a_symbol_that_is_no_spot_pair_is_refused_with_the_right_spelling(symbol: str):
    with pytest.raises(MarketError, match="BASE/QUOTE"):
        default_market(symbol)

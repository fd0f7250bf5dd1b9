"""Orders whose fee is charged in an asset of their own choice, and orders that change: money stays money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.messages.values import OrderType, Side
from ganglion.simulation.venue.clearing import FEES
from ganglion.simulation.venue.engine import Engine
from ganglion.simulation.venue.events import Accepted, Amended, Canceled, Event, Expired, ExpireReason, Fill, Rejected
from ganglion.simulation.venue.markets import default_market
from ganglion.simulation.venue.orders import FeeAsset, NewOrder, OrderStatus

BTC = "BTC/USDT"
D = Decimal


class Desk:
    """An engine with two customers, and orders written short."""

    def __init__(self, maker_fee: str = "0.001", taker_fee: str = "0.002") -> None:
        self.engine = Engine([default_market(BTC, D(maker_fee), D(taker_fee))])
        self.count = 0
        for name in ("ann", "bob"):
            self.engine.open_account(name)
            self.engine.deposit(name, "BTC", D(10))
            self.engine.deposit(name, "USDT", D(1_000_000))

    def order(self, who: str, side: Side, quantity: str, price: str | None = None, **more: Any) -> list[Event]:
        self.count += 1
        command = NewOrder(
            account=who,
            symbol=BTC,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            client_id=f"c{self.count}",
            quantity=D(quantity),
            price=None if price is None else D(price),
            **more,
        )
        return self.engine.place(command, self.count)

    def free(self, who: str, asset: str) -> Decimal:
        return self.engine.accounts[who].balance(asset).free


@pytest.fixture
def desk() -> Desk:
    return Desk()


def accepted(events: list[Event]) -> int:
    assert isinstance(events[0], Accepted), events
    return events[0].order_id


def test_a_buy_with_its_fee_in_quote_locks_the_worst_fee_and_gets_back_what_it_did_not_cost(desk: Desk):
    order = accepted(desk.order("ann", Side.BUY, "1", "60000", fee_asset=FeeAsset.QUOTE))
    assert desk.free("ann", "USDT") == D(1_000_000) - 60000 - 120, "the taker's fee, as it may still take"
    desk.order("bob", Side.SELL, "1", "60000")
    assert desk.free("ann", "USDT") == D(1_000_000) - 60000 - 60, "it made"
    assert desk.free("ann", "BTC") == 11
    assert desk.engine.accounts["ann"].orders[BTC, order].locked == 0
    desk.engine.audit()


def test_a_sell_with_its_fee_in_base_pays_it_on_top(desk: Desk):
    desk.order("ann", Side.BUY, "1", "60000")
    (_, fill, *_) = desk.order("bob", Side.SELL, "1", None, fee_asset=FeeAsset.BASE)
    assert isinstance(fill, Fill)
    assert (fill.taker_fee, fill.taker_fee_asset) == (D("0.002"), "BTC")
    assert desk.free("bob", "BTC") == D("8.998")
    assert desk.free("bob", "USDT") == D(1_060_000)
    assert desk.engine.accounts[FEES].balance("BTC").free == D("0.003")


def test_an_order_that_can_pay_itself_but_not_its_fee_is_refused(desk: Desk):
    (refused,) = desk.order("ann", Side.BUY, "10", "100000", fee_asset=FeeAsset.QUOTE)
    assert isinstance(refused, Rejected)
    assert isinstance(desk.order("ann", Side.BUY, "10", "100000")[0], Accepted)


def test_a_resting_order_can_be_amended_and_keeps_its_id_and_its_place_when_it_shrinks(desk: Desk):
    first = accepted(desk.order("ann", Side.SELL, "2", "61000"))
    second = accepted(desk.order("bob", Side.SELL, "1", "61000"))
    events = desk.engine.amend("ann", BTC, first, 9, quantity=D(1))
    assert isinstance(events[0], Amended)
    assert list(desk.engine.books[BTC].asks.levels[D(61000)].orders) == [first, second]
    desk.engine.amend("ann", BTC, first, 10, quantity=D("1.5"))
    assert list(desk.engine.books[BTC].asks.levels[D(61000)].orders) == [second, first], "a bigger one queues again"
    assert desk.free("ann", "BTC") == D("8.5")
    assert desk.engine.books[BTC].asks.levels[D(61000)].total == D("2.5")


def test_an_amended_price_may_trade_at_once_unless_it_must_not(desk: Desk):
    desk.order("bob", Side.SELL, "1", "61000")
    order = accepted(desk.order("ann", Side.BUY, "1", "59000"))
    (refused,) = desk.engine.amend("ann", BTC, order, 8, price=D(61000), post_only=True)
    assert isinstance(refused, Rejected)
    events = desk.engine.amend("ann", BTC, order, 9, price=D(61000))
    assert [type(event) for event in events[:2]] == [Amended, Fill]
    assert desk.engine.accounts["ann"].orders[BTC, order].status is OrderStatus.FILLED
    desk.engine.audit()


def test_an_amendment_at_or_under_what_is_filled_ends_the_order(desk: Desk):
    order = accepted(desk.order("ann", Side.BUY, "2", "60000"))
    desk.order("bob", Side.SELL, "1", None)
    events = desk.engine.amend("ann", BTC, order, 9, quantity=D(1))
    assert any(isinstance(event, Canceled) for event in events)
    assert desk.engine.accounts["ann"].balance("USDT").locked == 0


def test_an_amendment_that_cannot_be_paid_changes_nothing(desk: Desk):
    order = accepted(desk.order("ann", Side.BUY, "1", "60000"))
    (refused,) = desk.engine.amend("ann", BTC, order, 9, quantity=D(100))
    assert isinstance(refused, Rejected)
    assert desk.engine.accounts["ann"].orders[BTC, order].quantity == 1
    (unknown,) = desk.engine.amend("bob", BTC, order, 9, quantity=D(1))
    assert isinstance(unknown, Rejected)


def test_an_order_ends_when_its_own_time_is_over(desk: Desk):
    order = accepted(desk.order("ann", Side.BUY, "1", "59000", expires_ms=100))
    assert desk.engine.expire_due(desk.engine.accounts["ann"], 99) == []
    ((ended, *_),) = desk.engine.expire_due(desk.engine.accounts["ann"], 100)
    assert isinstance(ended, Expired)
    assert (ended.order_id, ended.reason) == (order, ExpireReason.TIME)
    assert desk.engine.accounts["ann"].balance("USDT").locked == 0


QUANTITIES = st.integers(1, 30).map(lambda steps: str(D("0.00137") * steps))
PRICES = st.integers(-5, 5).map(lambda steps: str(D(60000) + D("0.01") * steps * 333))
STEPS = st.one_of(
    st.tuples(
        st.just("order"),
        st.sampled_from(("ann", "bob")),
        st.sampled_from(Side),
        QUANTITIES,
        st.one_of(st.none(), PRICES),
        st.sampled_from(FeeAsset),
    ),
    st.tuples(st.just("amend"), st.integers(0, 50), QUANTITIES, PRICES),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
)


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=40), st.sampled_from(["0", "0.0007", "0.0333"]), st.sampled_from(["0", "0.0011"]))
def test_whatever_is_placed_amended_and_canceled_money_is_conserved(steps: list[Any], maker: str, taker: str):
    desk = Desk(maker, taker)
    placed: list[tuple[str, int]] = []
    for step in steps:
        if step[0] == "order":
            _, who, side, quantity, price, fee_asset = step
            events = desk.order(who, side, str(D(quantity).quantize(D("0.00001"))), price, fee_asset=fee_asset)
            if isinstance(events[0], Accepted):
                placed.append((who, events[0].order_id))
        elif placed and step[0] == "amend":
            who, order_id = placed[step[1] % len(placed)]
            quantity = D(step[2]).quantize(D("0.00001"))
            desk.engine.amend(who, BTC, order_id, desk.count, quantity=quantity, price=D(step[3]))
        elif placed:
            who, order_id = placed[step[1] % len(placed)]
            desk.engine.cancel(who, BTC, desk.count, order_id=order_id)
        desk.engine.audit()
        for name in ("ann", "bob"):
            account = desk.engine.accounts[name]
            locked: dict[str, Decimal] = {"BTC": D(0), "USDT": D(0)}
            for order in account.open.values():
                locked["USDT" if order.side is Side.BUY else "BTC"] += order.locked
            assert {asset: account.balance(asset).locked for asset in locked} == locked

"""The engine against a second, naive one: any sequence of commands gives the same fills, and money stays money.

The model below finds the next order to trade by looking through all of them, which is slow and obviously right.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.venue.engine import Engine
from ganglion.simulation.venue.events import Accepted, Canceled, Event, Expired, Fill, LevelChanged, Rejected
from ganglion.simulation.venue.markets import default_market
from ganglion.simulation.venue.orders import NewOrder, SelfTrade

SYMBOL = "BTC/USDT"
NAMES = ("ann", "bob", "cat")
PRICES = st.integers(-4, 4).map(lambda step: Decimal(60000) + step * Decimal("0.01"))
QUANTITIES = st.integers(1, 40).map(lambda step: step * Decimal("0.01337"))
SIDES = st.sampled_from(Side)


@dataclass
class Resting:
    """An order of the model."""

    order_id: int
    account: str
    side: Side
    price: Decimal
    left: Decimal


class NaiveBook:
    """Matches by searching everything."""

    def __init__(self) -> None:
        self.resting: list[Resting] = []

    def match(self, taker: Resting, price: Decimal | None) -> list[tuple[int, Decimal, Decimal]]:
        """Trade `taker` until nothing fits: (maker's order id, price, quantity); own orders expire on the way."""
        fills = []
        while taker.left:
            fitting = [
                r
                for r in self.resting
                if r.side is not taker.side
                and (price is None or (r.price <= price if taker.side is Side.BUY else r.price >= price))
            ]
            if not fitting:
                break
            sign = 1 if taker.side is Side.BUY else -1
            maker = min(fitting, key=lambda r: (sign * r.price, r.order_id))
            if maker.account == taker.account:
                self.resting.remove(maker)
                continue
            quantity = min(taker.left, maker.left)
            taker.left -= quantity
            maker.left -= quantity
            fills.append((maker.order_id, maker.price, quantity))
            if not maker.left:
                self.resting.remove(maker)
        return fills

    def available(self, account: str, side: Side, price: Decimal) -> Decimal:
        """What others offer at `price` or better."""
        return sum(
            (
                r.left
                for r in self.resting
                if r.side is not side
                and r.account != account
                and (r.price <= price if side is Side.BUY else r.price >= price)
            ),
            Decimal(0),
        )


class EngineMachine(RuleBasedStateMachine):
    """Random commands of three accounts, one of them poor."""

    @initialize()
    def open(self) -> None:
        self.engine = Engine([default_market(SYMBOL)])
        for name, btc, usdt in (("ann", 5, 300_000), ("bob", 5, 300_000), ("cat", "0.05", "2500.5")):
            self.engine.open_account(name)
            self.engine.deposit(name, "BTC", Decimal(btc))
            self.engine.deposit(name, "USDT", Decimal(usdt))
        self.model = NaiveBook()
        self.now_ms = 0
        self.levels: dict[tuple[Side, Decimal], Decimal] = {}
        self.update_id = 0

    def place(
        self,
        name: str,
        side: Side,
        quantity: Decimal | None,
        price: Decimal | None,
        *,
        quote: Decimal | None = None,
        tif: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
        mode: SelfTrade = SelfTrade.EXPIRE_MAKER,
    ) -> list[Event]:
        self.now_ms += 1
        command = NewOrder(
            account=name,
            symbol=SYMBOL,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            client_id=f"c{self.now_ms}",
            quantity=quantity,
            price=price,
            quote_quantity=quote,
            time_in_force=tif,
            post_only=post_only,
            self_trade=mode,
        )
        events = self.engine.place(command, self.now_ms)
        self.follow(events)
        return events

    def follow(self, events: list[Event]) -> None:
        """Keep a book from level changes alone, as a client of depth frames does."""
        for event in events:
            if isinstance(event, LevelChanged):
                assert event.update_id == self.update_id + 1
                self.update_id = event.update_id
                self.levels[event.side, event.price] = event.quantity
                if not event.quantity:
                    del self.levels[event.side, event.price]

    @rule(
        name=st.sampled_from(NAMES),
        side=SIDES,
        quantity=QUANTITIES,
        price=PRICES,
        tif=st.sampled_from(TimeInForce),
        post_only=st.booleans(),
    )
    def limit(
        self, name: str, side: Side, quantity: Decimal, price: Decimal, tif: TimeInForce, *, post_only: bool
    ) -> None:
        if tif is not TimeInForce.GTC:
            post_only = False
        crossing = self.model.available("", side, price)
        enough = self.model.available(name, side, price) >= quantity
        events = self.place(name, side, quantity, price, tif=tif, post_only=post_only)
        if isinstance(events[0], Rejected):
            return
        assert isinstance(events[0], Accepted)
        assert not (post_only and crossing), "a post-only order never takes"
        taker = Resting(events[0].order_id, name, side, price, quantity)
        if tif is TimeInForce.FOK and not enough:
            assert not [e for e in events if isinstance(e, Fill)]
            return
        expected = self.model.match(taker, price)
        self.compare(events, expected)
        if taker.left and tif is TimeInForce.GTC:
            self.model.resting.append(taker)

    @rule(name=st.sampled_from(NAMES), side=SIDES, quantity=QUANTITIES)
    def market(self, name: str, side: Side, quantity: Decimal) -> None:
        events = self.place(name, side, quantity, None)
        if isinstance(events[0], Accepted):
            taker = Resting(events[0].order_id, name, side, Decimal(0), quantity)
            self.compare(events, self.model.match(taker, None))

    @rule(name=st.sampled_from(NAMES), side=SIDES, quote=st.integers(5, 30_000))
    def market_by_quote(self, name: str, side: Side, quote: int) -> None:
        events = self.place(name, side, None, None, quote=Decimal(quote))
        fills = [e for e in events if isinstance(e, Fill)]
        assert sum(f.quote for f in fills) <= quote
        if isinstance(events[0], Accepted):
            taker = Resting(events[0].order_id, name, side, Decimal(0), sum((f.quantity for f in fills), Decimal(0)))
            self.compare(events, self.model.match(taker, None))
            # what expired of the account's own is gone in both books
            mine = {order.id for order in self.engine.accounts[name].open.values()}
            self.model.resting = [r for r in self.model.resting if r.account != name or r.order_id in mine]

    @rule(name=st.sampled_from(NAMES), pick=st.integers(0, 1_000))
    def cancel(self, name: str, pick: int) -> None:
        open_ = list(self.engine.accounts[name].open.values())
        if not open_:
            return
        order = open_[pick % len(open_)]
        events = self.engine.cancel(name, SYMBOL, self.now_ms, order_id=order.id)
        self.follow(events)
        assert isinstance(events[0], Canceled)
        self.model.resting = [r for r in self.model.resting if r.order_id != order.id]

    def compare(self, events: list[Event], expected: list[tuple[int, Decimal, Decimal]]) -> None:
        fills = [e for e in events if isinstance(e, Fill)]
        assert [(f.maker_order_id, f.price, f.quantity) for f in fills] == expected
        assert all(f.maker_account != f.taker_account for f in fills)
        kinds = [type(e) for e in events if isinstance(e, Fill | Expired | Canceled)]
        assert kinds.count(Canceled) == 0

    @invariant()
    def money_is_conserved_and_never_negative(self) -> None:
        self.engine.audit()
        for account in self.engine.accounts.values():
            for balance in account.balances.values():
                assert balance.free >= 0
                assert balance.locked >= 0

    @invariant()
    def what_is_locked_is_what_open_orders_need(self) -> None:
        for name in NAMES:
            account = self.engine.accounts[name]
            buys = [o for o in account.open.values() if o.side is Side.BUY and o.price is not None]
            sells = [o for o in account.open.values() if o.side is Side.SELL]
            assert account.balance("USDT").locked == sum((o.remaining * (o.price or 0) for o in buys), Decimal(0))
            assert account.balance("BTC").locked == sum((o.remaining for o in sells), Decimal(0))

    @invariant()
    def the_book_is_the_model_s_the_deltas_and_not_crossed(self) -> None:
        bids, asks = self.engine.books[SYMBOL].depth(1_000)
        assert [p for p, _ in bids] == sorted((p for p, _ in bids), reverse=True)
        assert [p for p, _ in asks] == sorted(p for p, _ in asks)
        assert not bids or not asks or bids[0][0] < asks[0][0]
        book = {(Side.BUY, p): q for p, q in bids} | {(Side.SELL, p): q for p, q in asks}
        assert book == self.levels
        model: dict[tuple[Side, Decimal], Decimal] = {}
        for r in self.model.resting:
            model[r.side, r.price] = model.get((r.side, r.price), Decimal(0)) + r.left
        assert book == model

    @invariant()
    def an_order_never_fills_more_than_its_quantity_and_its_fills_add_up(self) -> None:
        for name in NAMES:
            account = self.engine.accounts[name]
            filled: dict[int, Decimal] = {}
            for fill in account.fills.get(SYMBOL, []):
                own = fill.taker_order_id if fill.taker_account == name else fill.maker_order_id
                filled[own] = filled.get(own, Decimal(0)) + fill.quantity
            for order in account.orders.values():
                assert order.filled <= order.quantity
                assert order.filled == filled.get(order.id, Decimal(0))


@pytest.mark.parametrize("seed", range(12))
def test_a_long_dense_day_keeps_every_rule(seed: int):
    """Hypothesis shrinks but seldom fills a book; this fills one, with the same rules and invariants."""
    source = random.Random(seed)
    machine = EngineMachine()
    machine.open()
    for _ in range(250):
        name, side = source.choice(NAMES), source.choice(list(Side))
        quantity = source.randint(1, 12) * Decimal("0.00337")
        price = Decimal(60000) + source.randint(-4, 4) * Decimal("0.01")
        drawn = source.random()
        if drawn < 0.7:
            tif = source.choices(list(TimeInForce), [8, 1, 1])[0]
            machine.limit(name, side, quantity, price, tif, post_only=drawn < 0.2)
        elif drawn < 0.85:
            machine.cancel(name, source.randrange(1_000))
        elif drawn < 0.95:
            machine.market(name, side, quantity)
        else:
            machine.market_by_quote(name, side, source.randint(5, 3_000))
        machine.money_is_conserved_and_never_negative()
        machine.what_is_locked_is_what_open_orders_need()
        machine.the_book_is_the_model_s_the_deltas_and_not_crossed()
    machine.an_order_never_fills_more_than_its_quantity_and_its_fills_add_up()


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

"""A model venue behind the exchange's place in the order line: small, exact, and as unreliable as a test wants.

`World` is the venue's truth: balances, orders, trades, with a client id unique among open orders only. `ModelExchange`
speaks the exchange actor's side of the contract in virtual time, and draws from `Fates` what goes wrong.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from ganglion.messages.base import Message, Overflow
from ganglion.messages.lifecycle import EpochOpened, Failure, Operation
from ganglion.messages.market import Market
from ganglion.messages.orders import (
    AccountRead,
    Balance,
    CancelAnswered,
    LookUpDone,
    LookUpOrder,
    OpenEpoch,
    OrderSeen,
    OrderType,
    PlaceAnswered,
    PlaceVerdict,
    ReadAccount,
    SendCancel,
    SendOrder,
    Side,
    TradeSeen,
    VenueOrder,
    VenueTrade,
)
from ganglion.supervision import Actor, Address, receives

D = Decimal
SYMBOL = "BTC/USDT"
FEE = D("0.001")
ZERO = D(0)

MARKET = Market(
    exchange="alpha",
    symbol=SYMBOL,
    price_step=D("0.01"),
    amount_step=D("0.0001"),
    min_amount=D("0.0001"),
    min_cost=D("5"),
    maker_fee=FEE,
    taker_fee=FEE,
    fee_side="get",
)


@dataclass
class Fates:
    """What may go wrong, as probabilities; a seed makes them repeat."""

    seed: int = 0
    lost_request: float = 0.0
    lost_reply: float = 0.0
    silence: float = 0.0
    """No answer at all, applied or not."""
    late_arrival: float = 0.0
    """Answered as a timeout at once, applied by the venue some seconds later."""
    late_s: float = 1.0
    refusal: float = 0.0
    duplicate: float = 0.0
    delay_s: float = 0.0
    """Most that an event of the stream or an answer trails."""
    held_back: bool = False
    """Places wait for the rate budget: neither sent nor answered."""
    stream_loss: float = 0.0
    bad_read: float = 0.0
    no_vote: float = 0.0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def hit(self, probability: float) -> bool:
        return probability > 0 and self.chance.random() < probability

    def wait_s(self) -> float:
        return self.chance.uniform(0.0, self.delay_s) if self.delay_s else 0.0

    def heal(self) -> None:
        self.lost_request = self.lost_reply = self.silence = self.late_arrival = 0.0
        self.refusal = self.duplicate = self.stream_loss = self.bad_read = self.no_vote = 0.0
        self.delay_s = 0.0


@dataclass
class Resting:
    venue_id: str
    client_id: str
    symbol: str
    side: Side
    price: Decimal
    amount: Decimal
    filled: Decimal = ZERO
    status: str = "open"
    created_ms: int = 0


@dataclass
class World:
    """The venue's truth."""

    balances: dict[str, Decimal] = field(default_factory=lambda: {"BTC": D("2"), "USDT": D("100000")})
    orders: dict[str, Resting] = field(default_factory=dict)
    trades: list[VenueTrade] = field(default_factory=list)
    hidden: dict[str, None] = field(default_factory=dict)
    """Trade ids that no stream and no reading shows."""
    arrivals: dict[str, int] = field(default_factory=dict)
    """How often each client id made an order."""
    now_ms: Callable[[], int] = lambda: 0
    listeners: list[Callable[[VenueOrder | VenueTrade], None]] = field(default_factory=list)

    def open_orders(self) -> list[Resting]:
        return [order for order in self.orders.values() if order.status == "open"]

    def used(self, asset: str, orders: list[Resting] | None = None) -> Decimal:
        held = ZERO
        for order in self.open_orders() if orders is None else orders:
            rest = order.amount - order.filled
            if order.side is Side.SELL and asset == "BTC":
                held += rest
            elif order.side is Side.BUY and asset == "USDT":
                held += rest * order.price
        return held

    def place(self, client_id: str, side: Side, price: Decimal, amount: Decimal) -> Resting | str:
        if any(order.client_id == client_id for order in self.open_orders()):
            return "Duplicate order sent."
        need, asset = (amount * price, "USDT") if side is Side.BUY else (amount, "BTC")
        if self.balances[asset] - self.used(asset) < need:
            return "Account has insufficient balance for requested action."
        venue_id = str(len(self.orders) + 1)
        order = Resting(venue_id, client_id, SYMBOL, side, price, amount, created_ms=self.now_ms())
        self.orders[order.venue_id] = order
        self.arrivals[client_id] = self.arrivals.get(client_id, 0) + 1
        self._tell(seen(order))
        return order

    def cancel(self, order: Resting) -> None:
        order.status = "canceled"
        self._tell(seen(order))

    def fill(self, order: Resting, amount: Decimal, *, hidden: bool = False) -> VenueTrade:
        amount = min(amount, order.amount - order.filled)
        order.filled += amount
        if order.filled == order.amount:
            order.status = "closed"
        cost = amount * order.price
        buy = order.side is Side.BUY
        fee, fee_asset = (amount * FEE, "BTC") if buy else (cost * FEE, "USDT")
        self.balances["BTC"] += amount if buy else -amount
        self.balances["USDT"] += -cost if buy else cost
        self.balances[fee_asset] -= fee
        trade = VenueTrade(
            symbol=SYMBOL,
            trade_id=f"t{len(self.trades) + 1}",
            venue_order_id=order.venue_id,
            client_id=None,
            side=order.side,
            price=order.price,
            amount=amount,
            fee=fee,
            fee_asset=fee_asset,
            liquidity=None,
            timestamp_ms=self.now_ms(),
        )
        self.trades.append(trade)
        if hidden:
            self.hidden[trade.trade_id] = None
        else:
            self._tell(trade)
        self._tell(seen(order))
        return trade

    def shown(self) -> list[VenueTrade]:
        return [trade for trade in self.trades if trade.trade_id not in self.hidden]

    def _tell(self, event: VenueOrder | VenueTrade) -> None:
        for listener in self.listeners:
            listener(event)


def seen(order: Resting) -> VenueOrder:
    return VenueOrder(
        symbol=order.symbol,
        venue_id=order.venue_id,
        client_id=order.client_id,
        status=order.status,
        side=order.side,
        type=OrderType.LIMIT,
        price=order.price,
        amount=order.amount,
        filled=order.filled,
        cost=order.filled * order.price,
        timestamp_ms=order.created_ms,
    )


class Due(Message, frozen=True, gc=False):
    number: int
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Reconnect(Message, frozen=True, gc=False):
    reason: str = "the user stream broke"
    overflow: ClassVar[Overflow] = Overflow.KEEP


class ModelExchange(Actor[SendOrder | SendCancel | LookUpOrder | ReadAccount | OpenEpoch | Due | Reconnect]):
    """The exchange actor's side of the contract; its restart opens an epoch, as the real one does."""

    def __init__(self, world: World, fates: Fates, orders: Address[Any]) -> None:
        self.world = world
        self.fates = fates
        self.orders = orders
        self.number = 0
        self.epoch = 0
        self.sequence = 0
        self.due: dict[int, Callable[[], None]] = {}
        self.writes: dict[int, None] = {}
        self.heard: list[Message] = []
        self.reads = 0

    def on_start(self) -> None:
        self.world.listeners[:] = [self.stream]
        self.world.now_ms = self.clock.now_ms
        self.new_epoch("start")

    def new_epoch(self, reason: str) -> None:
        # Write tasks of the old epoch are ended first, as the contract says.
        for number in list(self.writes):
            self.due.pop(number, None)
        self.writes.clear()
        self.number += 1
        self.epoch = (self.incarnation << 20) | self.number
        self.orders.tell(EpochOpened("alpha", self.epoch, reason, self.sequence))

    def later(self, delay_s: float, call: Callable[[], None], *, write: bool = False) -> None:
        self.number += 1
        self.due[self.number] = call
        if write:
            self.writes[self.number] = None
        self.after(delay_s, Due(self.number))

    @receives
    def on_due(self, message: Due) -> None:
        self.writes.pop(message.number, None)
        call = self.due.pop(message.number, None)
        if call is not None:
            call()

    @receives
    def reconnect(self, message: Reconnect) -> None:
        self.due = {number: call for number, call in self.due.items() if number in self.writes}
        self.new_epoch(message.reason)

    @receives
    def open_epoch(self, message: OpenEpoch) -> None:
        self.new_epoch(message.reason)

    # ------------------------------------------------------------ the stream

    def stream(self, event: VenueOrder | VenueTrade) -> None:
        if self.fates.hit(self.fates.stream_loss):
            return
        for _ in range(1 + self.fates.hit(self.fates.duplicate)):
            self.later(self.fates.wait_s(), lambda: self.arrive(event))

    def arrive(self, event: VenueOrder | VenueTrade) -> None:
        self.sequence += 1
        if isinstance(event, VenueOrder):
            self.orders.tell(OrderSeen(event, self.sequence))
        else:
            self.orders.tell(TradeSeen(event, self.sequence))

    # ------------------------------------------------------------ writes

    @receives
    def send_order(self, message: SendOrder) -> None:
        fates = self.fates
        if message.epoch != self.epoch:
            self.answer(message, failure("StaleEpoch", "before_send"), PlaceVerdict.DENIED)
            return
        if fates.held_back:
            return
        timeout = failure("RequestTimeout", "maybe_sent")
        if fates.hit(fates.refusal):
            self.answer(message, failure("InvalidOrder", "after_reply"), PlaceVerdict.REJECTED)
        elif fates.hit(fates.lost_request):
            self.answer(message, timeout, PlaceVerdict.RECONCILE)
        elif fates.hit(fates.silence):
            if fates.hit(0.5):
                self.apply(message)
        elif fates.hit(fates.late_arrival):
            # What is on the wire already: an epoch does not call it back.
            self.later(fates.late_s + fates.wait_s(), lambda: self.apply(message))
            self.answer(message, timeout, PlaceVerdict.RECONCILE)
        else:
            result = self.apply(message)
            if isinstance(result, str):
                refusal = failure("InvalidOrder", "after_reply", result)
                self.answer(message, refusal, PlaceVerdict.REJECTED)
            elif fates.hit(fates.lost_reply):
                self.answer(message, timeout, PlaceVerdict.RECONCILE)
            else:
                self.answer(message, None, None, seen(result))

    def apply(self, message: SendOrder) -> Resting | str:
        intent = message.intent
        assert intent.price is not None
        return self.world.place(message.client_id, intent.side, intent.price, intent.amount)

    def answer(
        self,
        message: SendOrder,
        why: Failure | None,
        verdict: PlaceVerdict | None,
        order: VenueOrder | None = None,
    ) -> None:
        sent_ms = self.clock.now_ms()
        answered = PlaceAnswered(message.client_id, message.attempt, order, why, verdict, sent_ms)
        self.later(self.fates.wait_s(), lambda: self.orders.tell(answered))

    @receives
    def send_cancel(self, message: SendCancel) -> None:
        fates = self.fates
        self.heard.append(message)
        found = [o for o in self.world.open_orders() if o.client_id == message.client_id]
        lost = fates.hit(fates.lost_request)
        if found and not lost:
            self.world.cancel(found[0])
        if lost or fates.hit(fates.lost_reply):
            why = failure("RequestTimeout", "maybe_sent")
            answered = CancelAnswered(message.client_id, None, why)
        elif not found:
            why = failure("OrderNotFound", "after_reply")
            answered = CancelAnswered(message.client_id, None, why)
        else:
            answered = CancelAnswered(message.client_id, seen(found[0]), None)
        if not fates.hit(fates.silence):
            self.later(fates.wait_s(), lambda: self.orders.tell(answered))

    # ------------------------------------------------------------ reads

    @receives
    def look_up(self, message: LookUpOrder) -> None:
        self.heard.append(message)
        self.later(self.fates.wait_s(), lambda: self.look(message))

    def look(self, message: LookUpOrder) -> None:
        if self.fates.hit(self.fates.bad_read):
            why = failure("RequestTimeout", "maybe_sent", operation=Operation.READ)
            now = self.clock.now_ms()
            self.orders.tell(LookUpDone(message.client_id, None, (), counts=False, venue_ms=now, failure=why))
            return
        found = [o for o in self.world.orders.values() if o.client_id == message.client_id]
        ids = [order.venue_id for order in found]
        trades = tuple(t for t in self.world.shown() if t.venue_order_id in ids)
        self.orders.tell(
            LookUpDone(
                message.client_id,
                seen(found[-1]) if found else None,
                trades,
                counts=not self.fates.hit(self.fates.no_vote),
                venue_ms=self.clock.now_ms(),
            )
        )

    @receives
    def read_account(self, message: ReadAccount) -> None:
        self.later(self.fates.wait_s(), lambda: self.read(message))

    def read(self, message: ReadAccount) -> None:
        self.reads += 1
        settled = not self.fates.hit(self.fates.bad_read)
        world = self.world
        self.orders.tell(
            AccountRead(
                epoch=message.epoch,
                open_orders=tuple(seen(order) for order in world.open_orders()),
                trades=tuple(trade for trade in world.shown() if trade.timestamp_ms >= message.since_ms),
                balances=tuple(
                    Balance(asset, amount - world.used(asset), world.used(asset))
                    for asset, amount in sorted(world.balances.items())
                ),
                markets=(MARKET,),
                as_of=self.sequence,
                settled=settled,
                read_ms=self.clock.now_ms(),
                recent_orders=tuple(seen(o) for o in world.orders.values() if self.listed(o, message)),
            )
        )

    def listed(self, order: Resting, message: ReadAccount) -> bool:
        return message.recent and order.created_ms >= message.since_ms


def failure(error: str, phase: str, text: str = "as drawn", operation: Operation = Operation.PLACE) -> Failure:
    return Failure(error, text, operation=operation, phase=phase)

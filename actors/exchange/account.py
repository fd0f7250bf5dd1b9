"""The account side of an exchange actor: user stream, its check by polling, and the whole account as one reading.

Called by actor.py in its turns. Everything the venue says about the account goes to the orders actor as
evidence with a sequence number; nothing is kept back or judged here, except that an account which had money
and comes back empty is halted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.budget import Priority
from ganglion.actors.exchange.user_polling import UserPolling
from ganglion.messages.lifecycle import Failure, HaltAccount, Operation
from ganglion.messages.orders import (
    AccountRead,
    Balance,
    BalancesSeen,
    OrderSeen,
    ReadAccount,
    TradeSeen,
    VenueOrder,
    VenueTrade,
)
from ganglion.messages.values import ZERO, Symbol
from ganglion.messages.venue import (
    BalanceFetched,
    BalancesStreamed,
    FetchBalance,
    FetchMyTrades,
    FetchOpenOrders,
    FetchRecentOrders,
    OrdersFetched,
    OrdersStreamed,
    StreamKind,
    TradesFetched,
    TradesStreamed,
    VenueReply,
    VenueRequest,
)

READ_RETRIES = 3
LOOK_BACK_MS = 60_000
"""Trades that the stream told incompletely are read again from so far back."""
EMPTY = "comes back empty"


OrderKey = tuple[Symbol, str]
"""Market and venue id: some venues (Binance) number the orders of each market by themselves."""


@dataclass(slots=True)
class Reading:
    """One attempt at a coherent picture: trades, open orders, balances, trades again."""

    request: ReadAccount
    symbols: tuple[Symbol, ...]
    attempt: int
    began_sequence: int
    steps: list[Callable[[], None]] = field(default_factory=list)
    trades: list[dict[tuple[Symbol, str], VenueTrade]] = field(default_factory=list)
    """The first and the second look."""
    orders: list[VenueOrder] = field(default_factory=list)
    recent: list[VenueOrder] = field(default_factory=list)
    balances: tuple[Balance, ...] = ()
    read_ms: int = 0
    ended: set[OrderKey] = field(default_factory=set)
    """What the stream ended since it began."""


class Account:
    """Streams and readings of one account."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self.reading: Reading | None = None
        self.user = UserPolling(arm)
        """What stands in for the user stream while it cannot be believed; the link's."""
        self._filled: dict[OrderKey, Decimal] = {}
        """Cumulative fill of open orders as last seen."""
        self._traded: dict[OrderKey, Decimal] = {}
        """What the stream's trades added since: some venues tell a partial fill as a trade only."""
        self._suspects: set[OrderKey] = set()
        """Orders that a poll knew better than the stream did."""

    # -------------------------------------------------------------- user stream

    def orders_streamed(self, message: OrdersStreamed) -> None:
        """Order updates."""
        self.user.delivered()
        for order in message.orders:
            grew = self._note(order)
            self.arm.tell_orders(OrderSeen(order=order, sequence=self.arm.next_sequence()))
            if grew and not self.arm.offers(StreamKind.MY_TRADES):
                self.read_trades(order.symbol)

    def trades_streamed(self, message: TradesStreamed) -> None:
        """Own trades; those without a fee are read by request."""
        self.user.delivered()
        for trade in message.trades:
            key = (trade.symbol, trade.venue_order_id or "")
            if key in self._filled:
                self._traded[key] = self._traded.get(key, ZERO) + trade.amount
            self.arm.tell_orders(TradeSeen(trade=trade, sequence=self.arm.next_sequence()))
        for symbol in message.incomplete:
            self.read_trades(symbol)

    def balances_streamed(self, message: BalancesStreamed) -> None:
        """Balances, for comparison."""
        sequence = self.arm.next_sequence()
        self.arm.tell_orders(BalancesSeen(balances=message.balances, sequence=sequence))

    def read_trades(self, symbol: Symbol) -> None:
        """Read the latest own trades of one market."""
        arm = self.arm

        def make(number: int) -> FetchMyTrades:
            return FetchMyTrades(number, symbol, arm.venue_ms - LOOK_BACK_MS)

        def done(reply: VenueReply) -> None:
            if isinstance(reply, TradesFetched):
                for trade in reply.trades:
                    arm.tell_orders(TradeSeen(trade=trade, sequence=arm.next_sequence()))

        arm.fetch(make, Priority.QUERY, done, self._ignored("own trades"), READ_RETRIES)

    def _note(self, order: VenueOrder) -> bool:
        """Remember an order as the stream told it; True if more of it is filled."""
        if order.venue_id is None:
            return False
        key = (order.symbol, order.venue_id)
        known = self._filled.get(key, Decimal(0))
        filled = order.filled if order.filled is not None else known
        self._suspects.discard(key)
        if order.filled is not None:
            self._traded.pop(key, None)
        if order.status in {"closed", "canceled", "expired", "rejected"}:
            self._filled.pop(key, None)
            if self.reading is not None:
                self.reading.ended.add(key)
        else:
            self._filled[key] = filled
        return filled > known

    # -------------------------------------------------------------- polling

    def poll(self) -> None:
        """Check the user stream: what is open at the venue must be what the stream told."""
        if self.arm.capabilities.private and self.arm.live:
            for symbol in self._readable():
                self._poll(symbol)

    def _poll(self, symbol: Symbol) -> None:
        def done(reply: VenueReply) -> None:
            if isinstance(reply, OrdersFetched):
                self._polled(symbol, reply.orders)

        def make(number: int) -> FetchOpenOrders:
            return FetchOpenOrders(number, symbol)

        self.arm.fetch(make, Priority.POLL, done, self._ignored("open orders"))

    def _polled(self, symbol: Symbol, orders: tuple[VenueOrder, ...]) -> None:
        present = {order.venue_id for order in orders}
        # open by the stream and not at the venue: its end was not told
        missed = [key for key in self._filled if key[0] == symbol and key[1] not in present]
        for order in orders:
            key = (order.symbol, order.venue_id or "")
            told, filled = self._filled.get(key), order.filled or ZERO
            if told is None or filled not in {told, told + self._traded.get(key, ZERO)}:
                missed.append(key)
            self.arm.tell_orders(OrderSeen(order=order, sequence=self.arm.next_sequence()))
        if not self.arm.offers(StreamKind.ORDERS):
            return
        # seen once, an update may be on its way; seen at two polls, the stream lost it
        lost = sorted(self._suspects.intersection(missed))
        self._suspects = {key for key in self._suspects if key[0] != symbol}.union(missed)
        if lost:
            self._suspects.clear()
            # said once: from here on the stream is compared with what is known now, even if it is not opened anew
            for key in missed:
                self._filled.pop(key, None)
                self._traded.pop(key, None)
            self._filled |= {(order.symbol, order.venue_id or ""): order.filled or ZERO for order in orders}
            self.arm.host.private_lost(f"the user stream never told of order {lost[0][1]} in {lost[0][0]}")

    # -------------------------------------------------------------- the whole account

    def read(self, request: ReadAccount) -> None:
        """Begin a reading; a newer request replaces an older one."""
        self._begin(request, attempt=1)

    def forget(self) -> None:
        """The connection is lost: what was being read is void, what the stream told is old."""
        self._filled.clear()
        self._traded.clear()
        self._suspects.clear()
        if self.reading is not None:
            request, self.reading = self.reading.request, None
            text = f"the connection was lost during the reading ({self.arm.connection.reason})"
            self._unsettled(request, Failure(error="NetworkError", text=text, operation=Operation.READ))

    def _begin(self, request: ReadAccount, attempt: int) -> None:
        symbols = request.symbols or self.arm.settings.symbols
        symbols = tuple(symbol for symbol in symbols if symbol not in self.arm.parked)
        reading = self.reading = Reading(request, symbols, attempt, self.arm.sequence)
        by_symbol = self.arm.capabilities.own_trades_need_symbol or len(symbols) == 1
        scopes: tuple[Symbol | None, ...] = symbols if by_symbol else (None,)
        for symbol in scopes if self.arm.capabilities.own_trades else ():
            reading.steps.append(partial(self._read_trades, reading, symbol, 0))
        for symbol in symbols:
            reading.steps.append(partial(self._read_orders, reading, symbol))
        for symbol in symbols if request.recent and self.arm.capabilities.recent_orders else ():
            reading.steps.append(partial(self._read_recent, reading, symbol))
        reading.steps.append(lambda: self._read_balance(reading))
        for symbol in scopes if self.arm.capabilities.own_trades else ():
            reading.steps.append(partial(self._read_trades, reading, symbol, 1))
        reading.trades = [{}, {}]
        reading.read_ms = self.arm.venue_ms
        self._step(reading)

    def _step(self, reading: Reading) -> None:
        if self.reading is not reading:
            return  # replaced, or void
        if reading.steps:
            reading.steps.pop(0)()
        else:
            self._finish(reading)

    def _query(
        self,
        reading: Reading,
        make: Callable[[int], VenueRequest],
        take: Callable[[VenueReply], None],
    ) -> None:
        def done(reply: VenueReply) -> None:
            take(reply)
            self._step(reading)

        def failed(failure: Failure) -> None:
            if self.reading is reading:
                self.reading = None
                self._unsettled(reading.request, failure)

        priority = Priority.POLL if reading.request.audit else Priority.QUERY
        self.arm.fetch(make, priority, done, failed, READ_RETRIES)

    def _read_trades(self, reading: Reading, symbol: Symbol | None, look: int) -> None:
        def make(number: int) -> FetchMyTrades:
            return FetchMyTrades(number, symbol, reading.request.since_ms)

        def take(reply: VenueReply) -> None:
            if isinstance(reply, TradesFetched):
                found = {(trade.symbol, trade.trade_id): trade for trade in reply.trades}
                reading.trades[look].update(found)

        self._query(reading, make, take)

    def _read_orders(self, reading: Reading, symbol: Symbol) -> None:
        def take(reply: VenueReply) -> None:
            if isinstance(reply, OrdersFetched):
                reading.orders.extend(reply.orders)

        self._query(reading, lambda number: FetchOpenOrders(number, symbol), take)

    def _read_recent(self, reading: Reading, symbol: Symbol) -> None:
        """What has ended since; without it the reading is whole all the same, only less is found out by it."""

        def done(reply: VenueReply) -> None:
            if isinstance(reply, OrdersFetched):
                reading.recent.extend(reply.orders)
            self._step(reading)

        def failed(failure: Failure) -> None:
            self.arm.log.warning("recent orders not read", symbol=symbol, error=failure.error, text=failure.text)
            self._step(reading)

        def make(number: int) -> FetchRecentOrders:
            return FetchRecentOrders(number, symbol, reading.request.since_ms)

        self.arm.fetch(make, Priority.QUERY, done, failed, READ_RETRIES)

    def _read_balance(self, reading: Reading) -> None:
        def take(reply: VenueReply) -> None:
            if isinstance(reply, BalanceFetched):
                reading.balances = reply.balances

        self._query(reading, FetchBalance, take)

    def _finish(self, reading: Reading) -> None:
        self.reading = None
        request, first, second = reading.request, *reading.trades
        if not reading.balances and self.arm.memory.had_money:
            self._came_back_empty(request)
            return
        self.arm.memory.had_money = self.arm.memory.had_money or bool(reading.balances)
        settled = self.arm.sequence == reading.began_sequence and first.keys() == second.keys()
        if not settled and not request.audit and reading.attempt < self.arm.settings.readings:
            self._begin(request, reading.attempt + 1)
            return
        for order in reading.orders:
            # what ended while the rest was read is not open again
            if (order.symbol, order.venue_id) not in reading.ended:
                self._note(order)
        trades = sorted(second.values(), key=lambda trade: (trade.timestamp_ms, trade.trade_id))
        self.arm.tell_orders(
            AccountRead(
                epoch=request.epoch,
                open_orders=tuple(reading.orders),
                trades=tuple(trades),
                balances=reading.balances,
                markets=tuple(self.arm.markets.values()),
                as_of=self.arm.sequence,
                settled=settled,
                read_ms=reading.read_ms,
                recent_orders=tuple(reading.recent),
            )
        )

    def _came_back_empty(self, request: ReadAccount) -> None:
        name = self.arm.name
        text = f"{name} {EMPTY}: no balance at all where there was money; look at the account before resuming"
        self.arm.log.error("account comes back empty", exchange=name)
        halt = HaltAccount(account=name, cause=text)
        self.arm.tell_orders(halt)
        self.arm.host.publish(halt)
        self._unsettled(request, Failure(error="BadResponse", text=text, operation=Operation.READ))

    def _unsettled(self, request: ReadAccount, failure: Failure) -> None:
        self.arm.tell_orders(
            AccountRead(
                epoch=request.epoch,
                open_orders=(),
                trades=(),
                balances=(),
                markets=tuple(self.arm.markets.values()),
                as_of=self.arm.sequence,
                settled=False,
                read_ms=self.arm.venue_ms,
                failure=failure,
            )
        )

    def _readable(self) -> tuple[Symbol, ...]:
        return tuple(symbol for symbol in self.arm.settings.symbols if symbol not in self.arm.parked)

    def _ignored(self, what: str) -> Callable[[Failure], None]:
        def failed(failure: Failure) -> None:
            self.arm.log.info("reading failed", what=what, error=failure.error, text=failure.text)

        return failed

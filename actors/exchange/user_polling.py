"""The account by request, in rounds, while its user stream is silent, cannot be had, or does not exist.

Called by link.py and account.py. A round reads balances, open orders, own trades, and each order that is no longer
among the open ones; what is new goes to the orders actor as evidence, where fills are applied once by their trade id.
The next round begins some seconds after the last has ended, so that its pace is what the rate budget gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.budget import Priority
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import Failure
from ganglion.messages.orders import Balance, BalancesSeen, OrderSeen, TradeSeen, VenueOrder
from ganglion.messages.values import Symbol
from ganglion.messages.venue import (
    BalanceFetched,
    FetchBalance,
    FetchMyTrades,
    FetchOpenOrders,
    FetchOrder,
    OrderFetched,
    OrdersFetched,
    TradesFetched,
    VenueReply,
    VenueRequest,
)

OVERLAP_MS = 60_000
"""Own trades are read again from so far back: venues list them late."""
WHAT = "user stream"


@dataclass(slots=True)
class Round:
    """One reading of everything."""

    began_ms: int
    """By the venue's clock."""
    steps: list[Callable[[], None]] = field(default_factory=list)
    failed: bool = False
    """Something could not be read: own trades are asked for since the same time again."""


class UserPolling:
    """What stands in for one arm's user stream."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self.on = False
        self.silent = False
        """The stream is up and says nothing: it has to speak before it is believed."""
        self.ended: Callable[[], None] = lambda: None
        """Called when the stream is believed again."""
        self._round: Round | None = None
        self._open: dict[Symbol, dict[str, VenueOrder | None]] = {}
        """Orders that were open when they were last heard of, by venue id; None where that is all that is known."""
        self._balances: tuple[Balance, ...] | None = None
        self._told: dict[Symbol | None, frozenset[tuple[Symbol, str]]] = {}
        """Own trades that were told, as far as the last reading of their scope listed them."""
        self._since_ms = 0

    def begin(self, why: str, *, silent: bool = False) -> None:
        """Stand in for the stream, from now on."""
        if self.on:
            return
        self.on, self.silent = True, silent
        self._since_ms = self.arm.venue_ms
        self._balances = None
        self.arm.log.warning("user stream polled", reason=why)
        self.arm.host.publish(Degraded(self.arm.name, WHAT, f"polled by request: {why}", self.arm.now_s))

    def end(self, why: str) -> None:
        """The stream is believed again."""
        if not self.on:
            return
        self.on = self.silent = False
        self._round = None
        self._open.clear()
        self._told.clear()
        self.arm.host.wake("poll", self.arm.settings.account_poll_s)
        self.arm.log.warning("user stream no longer polled", reason=why)
        self.arm.host.publish(Degraded(self.arm.name, WHAT, "", self.arm.now_s))
        self.ended()

    def delivered(self) -> None:
        """The stream told of an order or a trade."""
        if self.silent:
            self.end("it delivers again")

    def placed(self, order: VenueOrder) -> None:
        """An order was taken: it may end before a round sees it open."""
        if self.on and order.venue_id is not None:
            self._open.setdefault(order.symbol, {}).setdefault(order.venue_id, None)

    def forget(self) -> None:
        """The connection is lost: a round under way is void."""
        self._round = None
        if self.on:
            self.arm.host.wake("poll", self.arm.settings.user_poll_s)

    def look(self, *, reading: bool) -> bool:
        """Begin a round unless one is under way, or the whole account is being read; True if it began."""
        arm = self.arm
        if not self.on or not arm.live or reading or self._round is not None:
            return False
        current = self._round = Round(arm.venue_ms)
        symbols = [symbol for symbol in arm.settings.symbols if symbol not in arm.parked]
        current.steps.append(partial(self._read_balance, current))
        current.steps += [partial(self._read_orders, current, symbol) for symbol in symbols]
        if arm.capabilities.own_trades:
            whole = not arm.capabilities.own_trades_need_symbol and len(symbols) != 1
            scopes: list[Symbol | None] = [None] if whole else list(symbols)
            current.steps += [partial(self._read_trades, current, symbol) for symbol in scopes]
        self._step(current)
        return True

    # -------------------------------------------------------------- a round

    def _step(self, current: Round) -> None:
        if self._round is not current:
            return
        if current.steps:
            current.steps.pop(0)()
            return
        self._round = None
        if not current.failed:
            self._since_ms = current.began_ms
        self.arm.host.wake("poll", self.arm.settings.user_poll_s)

    def _ask(
        self, current: Round, make: Callable[[int], VenueRequest], take: Callable[[VenueReply], None], what: str
    ) -> None:
        def done(reply: VenueReply) -> None:
            if self._round is current:
                take(reply)
                self._step(current)

        def failed(failure: Failure) -> None:
            # what this step would have told, the next round's tells
            self.arm.log.info("not polled", what=what, error=failure.error, text=failure.text)
            current.failed = True
            self._step(current)

        self.arm.fetch(make, Priority.POLL, done, failed)

    def _read_balance(self, current: Round) -> None:
        def take(reply: VenueReply) -> None:
            if isinstance(reply, BalanceFetched) and reply.balances != self._balances:
                self._balances = reply.balances
                self.arm.tell_orders(BalancesSeen(balances=reply.balances, sequence=self.arm.next_sequence()))

        self._ask(current, FetchBalance, take, "balances")

    def _read_orders(self, current: Round, symbol: Symbol) -> None:
        def take(reply: VenueReply) -> None:
            if isinstance(reply, OrdersFetched):
                self._compare(current, symbol, reply.orders)

        self._ask(current, lambda number: FetchOpenOrders(number, symbol), take, "open orders")

    def _compare(self, current: Round, symbol: Symbol, orders: tuple[VenueOrder, ...]) -> None:
        known = self._open.setdefault(symbol, {})
        present = {order.venue_id or "": order for order in orders}
        for venue_id, order in present.items():
            if known.get(venue_id) != order:
                known[venue_id] = order
                self._tell_order(order)
        for venue_id in [venue_id for venue_id in known if venue_id not in present]:
            current.steps.insert(0, partial(self._read_order, current, symbol, venue_id))

    def _read_order(self, current: Round, symbol: Symbol, venue_id: str) -> None:
        """It is not among the open ones any more: what became of it."""
        known = self._open.get(symbol, {})
        last = known.get(venue_id)
        client_id = "" if last is None else last.client_id or ""

        def take(reply: VenueReply) -> None:
            if isinstance(reply, OrderFetched):
                if reply.order.status != "open":
                    known.pop(venue_id, None)
                self._tell_order(reply.order)

        self._ask(current, lambda number: FetchOrder(number, symbol, client_id, venue_id), take, "an order")

    def _read_trades(self, current: Round, symbol: Symbol | None) -> None:
        since_ms = self._since_ms - OVERLAP_MS

        def take(reply: VenueReply) -> None:
            if isinstance(reply, TradesFetched):
                told = self._told.get(symbol, frozenset())
                self._told[symbol] = frozenset((trade.symbol, trade.trade_id) for trade in reply.trades)
                for trade in reply.trades:
                    if (trade.symbol, trade.trade_id) not in told:
                        self.arm.tell_orders(TradeSeen(trade=trade, sequence=self.arm.next_sequence()))

        self._ask(current, lambda number: FetchMyTrades(number, symbol, since_ms), take, "own trades")

    def _tell_order(self, order: VenueOrder) -> None:
        self.arm.tell_orders(OrderSeen(order=order, sequence=self.arm.next_sequence()))

"""Sees which situations a bot went through, from what its actors publish, and counts them in a `Coverage`.

Pure but for the coverage it counts in. It is told by the observer of each life (observer.py) and, of kills, by the
world; what it has heard it keeps across the bot's lives. A situation is counted as often as it is met.
"""

from __future__ import annotations

from collections.abc import Callable

from ganglion.actors.trading.journal.device import JOURNAL, Device
from ganglion.actors.trading.journal.remains import numbers_in, path_of
from ganglion.actors.trading.journal.segments import scan
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.states import AT_RISK
from ganglion.messages.account import AccountSnapshot, Reconciled
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import (
    ActorFailed,
    ActorStarted,
    ConnectionChanged,
    ConnectionState,
    EpochOpened,
    VenuePaused,
)
from ganglion.messages.market import BookInvalid
from ganglion.messages.orders import (
    Admitted,
    Fill,
    OrderDenied,
    OrderState,
    OrderUpdate,
    SendOrder,
)
from ganglion.messages.trading import By, TradingState, TradingStates
from ganglion.messages.values import Symbol
from ganglion.simulation.judging.coverage import SITUATIONS, Coverage
from ganglion.simulation.judging.reconciles import Reconciles
from ganglion.supervision.errors import InjectedFailure

OVERLAP_MS = 60_000
"""A reading lists trades again from this long before the last one (`OrdersSettings.overlap_s`)."""
_INTENDED = OrderState.INTENDED
_WORKING = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED})
_ON_ITS_WAY = AT_RISK | {_INTENDED}
_CLEARING = "on_restart = cancel"
"""The reason of a mode's cancels when it comes back."""
_CANCEL_ANSWERED = "its cancel was answered "
"""Why an order is Unknown whose cancel did not succeed; found to work on, that cancel was refused."""
_COUNTED_DENIALS = frozenset(name.partition(": ")[2] for name in SITUATIONS if name.startswith("denied: "))


class Sights:
    """What was heard of all of a bot's accounts, over all of its lives."""

    def __init__(self, coverage: Coverage, now_ms: Callable[[], int]) -> None:
        """Take where to count, and the true date."""
        self._met = coverage.sometimes
        self._now_ms = now_ms
        self._orders: dict[str, OrderUpdate] = {}
        """Latest update of each intent that is open."""
        self._ended: dict[str, OrderUpdate] = {}
        """Last update of each intent that has ended."""
        self._opened_ms: dict[str, int] = {}
        """When the epoch that is not reconciled yet began, by account."""
        self._last_fill_ms: dict[str, int] = {}
        self._live: dict[str, bool] = {}
        self._silent_until_s: dict[str, float] = {}
        self._halts: dict[str, frozenset[str]] = {}
        self._lost_books: dict[tuple[str, Symbol], None] = {}
        self._left: dict[str, dict[str, None]] = {}
        """Intents that were open when their mode went, by mode."""
        self._half_known: set[str] = set()
        self.reconciles: Reconciles | None = None
        """Judges the epochs that are heard of; the world's."""
        self.raised: Callable[[ActorFailed], None] = lambda _: None
        """Told of actors that failed although no fault and no venue made them; the world's."""

    # -------------------------------------------------------------- orders

    def update(self, now: OrderUpdate) -> None:
        """Where an order stands."""
        key = now.intent_id
        last = self._orders.pop(key, None) or self._ended.pop(key, None)
        old = _INTENDED if last is None else last.state
        if now.state is not old:
            self._moved(now, old, "" if last is None else last.reason)
        if now.state.terminal:
            self._ended[key] = now
        else:
            self._orders[key] = now
        left = self._left.get(now.mode)
        if left:
            self._after_return(now, old, left)

    def _moved(self, now: OrderUpdate, old: OrderState, why: str) -> None:
        state = now.state
        if state is OrderState.UNKNOWN:
            self._met("order unknown")
        elif state is OrderState.PARTIALLY_FILLED:
            self._met("partial fill")
        elif state is OrderState.CANCELED and 0 < now.filled < now.amount:
            self._met("partial fill, then canceled")
        elif state is OrderState.REJECTED and old is not OrderState.UNKNOWN:
            self._met("order refused by the venue")
        if old is OrderState.UNKNOWN:
            absent = state is OrderState.REJECTED and now.reason.startswith("not placed")
            if absent:
                self._met("unknown order not placed")
            elif now.venue_id is not None:
                self._met("unknown order found")
            if state in _WORKING and why.startswith(_CANCEL_ANSWERED):
                self._met("cancel refused")
        elif old in {OrderState.REJECTED, OrderState.CANCELED} and not state.terminal:
            self._met("late arrival")
        elif old is OrderState.PENDING_CANCEL and state is OrderState.FILLED:
            self._met("cancel of a filled order")

    def _after_return(self, now: OrderUpdate, old: OrderState, left: dict[str, None]) -> None:
        """A mode is back: does it clear what it had, or go on beside it?"""
        if now.intent_id in left:
            if now.reason == _CLEARING:
                self._met("orders cleared by a mode")
                del self._left[now.mode]
            elif now.state.terminal:
                del left[now.intent_id]
        elif old is _INTENDED and now.state is OrderState.SUBMITTED:
            if any(self._orders[key].state in _WORKING for key in left if key in self._orders):
                self._met("orders adopted by a mode")
            del self._left[now.mode]

    def fill(self, fill: Fill) -> None:
        """A trade was counted."""
        if fill.synthetic:
            self._met("synthetic fill")
        elif any(name.startswith("synthetic-") for name in fill.replaces):
            self._met("synthetic fill replaced")
        known = self._orders.get(fill.intent_id or "")
        if known is not None and known.state is OrderState.SUBMITTED:
            self._met("fill before accepted")
        opened_ms = self._opened_ms.get(fill.account)
        if opened_ms is not None and fill.timestamp_ms < opened_ms and not fill.synthetic:
            self._met("missed fill found")
        self._last_fill_ms[fill.account] = max(fill.timestamp_ms, self._last_fill_ms.get(fill.account, 0))

    def denied(self, denied: OrderDenied) -> None:
        """A command was refused by us."""
        self._orders.pop(denied.intent_id, None)
        if denied.deny_reason in _COUNTED_DENIALS:
            self._met(f"denied: {denied.deny_reason}")

    def sent(self, order: SendOrder, now_s: float) -> None:
        """An order goes to the exchange."""
        until_s = self._silent_until_s.get(order.intent.account)
        if until_s is not None and now_s >= until_s:
            self._met("ban obeyed")
            del self._silent_until_s[order.intent.account]

    def look(self, ledger: Ledger) -> None:
        """What no message tells: an order's end is known, its fills are not. To be called now and then."""
        for client_id, line in ((client_id, ledger.lines[client_id]) for client_id in ledger.unsettled):
            if line.ended is not None and line.missing and client_id not in self._half_known:
                self._half_known.add(client_id)
                self._met("fill after the end was told")

    # -------------------------------------------------------------- epochs

    def epoch(self, opened: EpochOpened) -> None:
        """An account is frozen and will be reconciled."""
        if self.reconciles is not None:
            self.reconciles.epoch(opened)
        self._opened_ms[opened.exchange] = self._now_ms()
        if self._in_flight(opened.exchange):
            self._met("epoch over an order in flight")

    def snapshot(self, snapshot: AccountSnapshot) -> None:
        """What an account is reconciled to."""
        if snapshot.open_orders:
            self._met("reconciled with open orders")

    def reconciled(self, reconciled: Reconciled) -> None:
        """An epoch is reconciled."""
        if self.reconciles is not None:
            self.reconciles.reconciled(reconciled)
        opened_ms = self._opened_ms.pop(reconciled.account, None)
        last_ms = self._last_fill_ms.get(reconciled.account, 0)
        if opened_ms is not None and opened_ms - OVERLAP_MS < last_ms < opened_ms:
            self._met("fill told again")

    def connection(self, changed: ConnectionChanged) -> None:
        """A connection moved."""
        live = changed.state is ConnectionState.LIVE
        if self._live.get(changed.exchange) and not live:
            self._met("connection lost")
        self._live[changed.exchange] = live

    # -------------------------------------------------------------- restarts

    def failed(self, failed: ActorFailed) -> None:
        """An actor failed: what does it leave behind?"""
        steps = failed.path.split("/")
        part, account = steps[-1], steps[2] if len(steps) > 3 else ""
        failure = failed.failure
        # An exchange actor fails with its venue's errors, as the error table says.
        if part != "exchange" and failure.error != InjectedFailure.__name__ and not failure.escalated:
            self.raised(failed)
        if part == "orders" and self._in_flight(account):
            self._met("orders restarted with an order in flight")
        elif part == "portfolio" and self._open(account):
            self._met("portfolio restarted with reservations")
        elif part == "exchange" and self._open(account):
            self._met("exchange restarted with open orders")
        elif account == "modes" and self._leave(part):
            self._met("mode restarted with open orders")

    def started(self, started: ActorStarted, *, supervisor: bool) -> None:
        """An actor can receive."""
        if supervisor and started.incarnation > 1:
            self._met("supervisor restarted")

    def _leave(self, mode: str) -> bool:
        left = {key: None for key, order in self._orders.items() if order.mode == mode and order.state in _WORKING}
        if left:
            self._left[mode] = left
        return bool(left)

    def killed(self, disk: Device) -> None:
        """The process is dead; `disk` is what its next life will find."""
        if any(order.state in _ON_ITS_WAY for order in self._orders.values()):
            self._met("killed with an order in flight")
        if any(order.state in _WORKING for order in self._orders.values()):
            self._met("killed with open orders")
        for mode in dict.fromkeys(order.mode for order in self._orders.values()):
            self._leave(mode)
        if torn(disk):
            self._met("torn journal cut")
        self._live.clear()
        self._opened_ms.clear()
        self._silent_until_s.clear()

    def _in_flight(self, account: str) -> bool:
        return any(order.account == account and order.state in _ON_ITS_WAY for order in self._orders.values())

    def _open(self, account: str) -> bool:
        return any(order.account == account for order in self._orders.values())

    # -------------------------------------------------------------- stops, pauses, books

    def states(self, states: TradingStates) -> None:
        """What is not active in an account."""
        halts = {entry.cause.by: None for entry in states.entries if entry.state is TradingState.HALTED}
        known = self._halts.get(states.account, frozenset())
        self._halts[states.account] = frozenset(halts)
        for by in halts:
            if by not in known and by is By.JOURNAL:
                self._met("journal halt")
            elif by not in known and by in (By.ERROR, By.INVARIANT):
                self._met("halt by an error")

    def paused(self, paused: VenuePaused) -> None:
        """A venue wants silence."""
        self._silent_until_s[paused.exchange] = paused.until_s

    def degraded(self, degraded: Degraded) -> None:
        """Something is polled."""
        if degraded.reason.startswith("polled by request"):
            if degraded.what.startswith("book "):
                self._met("book polled")
            elif degraded.what == "user stream":
                self._met("user stream polled")

    def breaker(self, *, opened: bool) -> None:
        """A venue's breaker moved."""
        self._met("breaker opened" if opened else "breaker closed")

    def book(self, invalid: BookInvalid) -> None:
        """A book can't be decided on."""
        kind = invalid.reason.partition(":")[0]
        if kind == "gap":
            self._met("book gap")
        elif kind == "stale":
            self._met("book stale")
        if kind != "starting":
            self._lost_books[invalid.exchange, invalid.symbol] = None

    def admitted(self, admitted: Admitted) -> None:
        """An intent was admitted on a book."""
        if (admitted.account, admitted.symbol) in self._lost_books:
            del self._lost_books[admitted.account, admitted.symbol]
            self._met("book whole again")


def torn(disk: Device) -> bool:
    """Whether the newest segment on a disk ends in half a record, which the next opening cuts off."""
    numbers = numbers_in(disk, JOURNAL)
    if not numbers:
        return False
    flaw = scan(disk.read(path_of(numbers[-1])), "newest", last=True).flaw
    return flaw is not None and flaw.torn

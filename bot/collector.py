"""Keeps what summary and live view need, from published facts and tree events; answers `ReadStatus`.

It subscribes to portfolios, books, exchanges, the monitor and the system's events (the types stand below). It tells
nobody anything, and nothing that trades depends on it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ganglion.actors.modes.amounts import exact_mid
from ganglion.actors.trading.trading_states import StateTree
from ganglion.bot.order_notes import OrderNotes
from ganglion.bot.views import (
    BalanceView,
    ExchangeView,
    Inventory,
    MarketView,
    ModeView,
    OrdersView,
    StateView,
    Status,
)
from ganglion.messages.account import AccountSnapshot, PortfolioView, Reconciled
from ganglion.messages.base import Request
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import (
    ActorFailed,
    ActorParked,
    ActorStarted,
    ActorStopped,
    ConnectionChanged,
    ConnectionState,
    DeadLetter,
    Violation,
)
from ganglion.messages.market import BookInvalid, TopOfBook
from ganglion.messages.orders import Fill, OrderDenied, OrderState, OrderUpdate
from ganglion.messages.trading import ScopeKind, StateEntry, TradingState, TradingStates
from ganglion.messages.values import ZERO, base_of, quote_of
from ganglion.supervision import Actor, receives

FAILURES_KEPT = 20
REFUSALS_KEPT = 200


class ReadStatus(Request[Status], frozen=True, gc=False):
    """Ask for everything the collector knows."""


class ReadOrders(Request[OrdersView], frozen=True, gc=False):
    """Ask for every order that this process heard of."""


CollectorMessage: TypeAlias = (
    OrderUpdate
    | Fill
    | OrderDenied
    | AccountSnapshot
    | PortfolioView
    | Reconciled
    | TradingStates
    | TopOfBook
    | BookInvalid
    | ConnectionChanged
    | Degraded
    | Violation
    | ActorStarted
    | ActorFailed
    | ActorParked
    | ActorStopped
    | DeadLetter
    | ReadStatus
    | ReadOrders
)

PORTFOLIO_FACTS = (OrderUpdate, Fill, OrderDenied, AccountSnapshot, PortfolioView, Reconciled, TradingStates)
BOOK_FACTS = (TopOfBook, BookInvalid)
EXCHANGE_FACTS = (ConnectionChanged, Degraded)
MONITOR_FACTS = (Violation,)
TREE_EVENTS = (ActorStarted, ActorFailed, ActorParked, ActorStopped, DeadLetter)


class Account:
    """What is known of one exchange account."""

    def __init__(self, name: str, symbols: tuple[str, ...], now_s: float) -> None:
        self.name = name
        self.symbols = symbols
        self.state = ConnectionState.DOWN
        self.reason = ""
        self.since_s = now_s
        self.seconds_in: dict[str, float] = {}
        self.was_live = False
        self.reconnects = 0
        self.tops: dict[str, TopOfBook] = {}
        self.invalid: dict[str, str] = {}
        self.orders: dict[str, OrderUpdate] = {}
        self.fills = 0
        self.view: PortfolioView | None = None
        self.reconciled: Reconciled | None = None
        self.states = StateTree()
        self.notes = OrderNotes()
        self.degraded: dict[str, str] = {}

    def take_orders(self, snapshot: AccountSnapshot) -> None:
        """Believe a snapshot about what is open; what it does not list any more has ended by its fills or without."""
        filled: dict[str, Decimal] = {}
        for fill in snapshot.fills:
            if fill.intent_id is not None:
                filled[fill.intent_id] = filled.get(fill.intent_id, ZERO) + fill.amount
        listed = {order.update.intent_id: order.update for order in snapshot.open_orders}
        for intent_id, update in self.orders.items():
            if not update.state.terminal and intent_id not in listed:
                full = filled.get(intent_id, ZERO) >= update.amount
                state = OrderState.FILLED if full else OrderState.CANCELED
                self.orders[intent_id] = msgspec.structs.replace(update, state=state)
        self.orders |= listed

    def move(self, changed: ConnectionChanged, now_s: float) -> None:
        """Count the time in the state that ends."""
        self._count_time(now_s)
        if changed.state is ConnectionState.LIVE and self.state is not ConnectionState.LIVE:
            self.reconnects += self.was_live
            self.was_live = True
        self.state, self.reason = changed.state, changed.reason

    def show(self, now_s: float) -> ExchangeView:
        """The account as a value."""
        self._count_time(now_s)
        states = Counter(str(update.state) for update in self.orders.values())
        open_by_symbol = Counter(u.symbol for u in self.orders.values() if not u.state.terminal)
        assets = self.view.assets if self.view else ()
        return ExchangeView(
            name=self.name,
            state=str(self.state),
            reason=self.reason,
            seconds_in=dict(self.seconds_in),
            reconnects=self.reconnects,
            orders=dict(sorted(states.items())),
            fills=self.fills,
            balances={a.asset: BalanceView(a.free, a.reserved + a.locked, a.total) for a in assets},
            markets=tuple(
                MarketView(s, self.tops.get(s), self.invalid.get(s, ""), open_by_symbol[s]) for s in self.symbols
            ),
            halted=_cause(self.states.halted()) or (self.view.halted or "" if self.view else ""),
            reconciled=self.view.reconciled if self.view else False,
            reconciled_epoch=self.reconciled.epoch if self.reconciled else 0,
            balances_equal=self.reconciled.balances_equal if self.reconciled else None,
            differences=tuple(
                f"{d.asset} {d.amount} ({d.reason})" for d in (self.reconciled.differences if self.reconciled else ())
            ),
            trading=_state(self.states.effective()),
            states=tuple(map(_state_view, self.states.entries)),
            degraded=tuple(f"{what}: {why}" for what, why in sorted(self.degraded.items())),
        )

    def _count_time(self, now_s: float) -> None:
        state = str(self.state)
        self.seconds_in[state] = self.seconds_in.get(state, 0.0) + now_s - self.since_s
        self.since_s = now_s


class Mode:
    """What is known of one trading mode."""

    def __init__(self, account: str, symbol: str) -> None:
        self.account = account
        self.symbol = symbol
        self.intents: set[str] = set()
        self.fills = 0
        self.denied = 0
        self.rejected: set[str] = set()
        self.inventory = Inventory()
        self._synthetic: dict[str, Fill] = {}

    def forget_fills(self) -> None:
        """Begin to sum up again."""
        self.fills = 0
        self.inventory = Inventory()
        self._synthetic.clear()

    def fill(self, fill: Fill) -> None:
        """Sum up a fill; a real trade takes the place of the synthetic ones that it replaces."""
        for trade_id in fill.replaces:
            stood_in = self._synthetic.pop(trade_id, None)
            if stood_in is not None:
                self._add(stood_in, -1)
        if fill.synthetic:
            self._synthetic[fill.trade_id] = fill
        self._add(fill, 1)

    def _add(self, fill: Fill, times: int) -> None:
        self.fills += times
        own = self.inventory
        own.cash -= times * fill.side.sign * fill.price * fill.amount
        own.base += times * fill.side.sign * fill.amount
        if fill.fee_asset == quote_of(self.symbol):
            own.fees_quote += times * fill.fee
        elif fill.fee_asset == base_of(self.symbol):
            own.fees_base += times * fill.fee
        elif fill.fee:
            own.fees_other[fill.fee_asset] = own.fees_other.get(fill.fee_asset, ZERO) + times * fill.fee


class CollectorActor(Actor[CollectorMessage]):
    """The bot's own memory of what happened; nothing depends on it."""

    def __init__(self, exchanges: Mapping[str, tuple[str, ...]], modes: Mapping[str, tuple[str, str]]) -> None:
        """Name what there is: symbols by exchange, (exchange, symbol) by mode."""
        self._exchange_symbols = dict(exchanges)
        self._mode_markets = dict(modes)

    def on_start(self) -> None:
        """Begin to count."""
        now_s = self.clock.monotonic_s()
        self._started_s = now_s
        self._accounts = {name: Account(name, symbols, now_s) for name, symbols in self._exchange_symbols.items()}
        self._modes = {name: Mode(*market) for name, market in self._mode_markets.items()}
        self._violations: list[str] = []
        self._dead: Counter[str] = Counter()
        self._failures: deque[str] = deque(maxlen=FAILURES_KEPT)
        self._parked: dict[str, str] = {}
        self._refused: dict[str, str] = {}

    @receives
    def order_update(self, message: OrderUpdate) -> None:
        """Remember where an order stands."""
        account = self._accounts.get(message.account)
        if account is not None:
            account.orders[message.intent_id] = message
            account.notes.heard(message, self.clock.monotonic_s())
        mode = self._modes.get(message.mode)
        if mode is not None:
            mode.intents.add(message.intent_id)
            if message.state is OrderState.REJECTED:
                mode.rejected.add(message.intent_id)

    @receives
    def fill(self, message: Fill) -> None:
        """Count a fill and add it to its mode's inventory."""
        account = self._accounts.get(message.account)
        if account is not None:
            account.fills += not message.replaces
            account.notes.fill(message)
        mode = self._modes.get(message.mode or "")
        if mode is not None:
            mode.fill(message)

    @receives
    def snapshot(self, message: AccountSnapshot) -> None:
        """Count again from what the order line knows: facts that nobody published while parts were down are in it."""
        account = self._accounts.get(message.account)
        if account is None:
            return
        account.take_orders(message)
        account.notes.count_anew((order.update for order in message.open_orders), self.clock.monotonic_s())
        account.fills = 0
        for mode in self._modes.values():
            if mode.account == message.account:
                mode.forget_fills()
        for fill in message.fills:
            self.fill(fill)

    @receives
    def denied(self, message: OrderDenied) -> None:
        """Count a denial, and remember why for a while."""
        self._refused[message.intent_id] = message.text
        while len(self._refused) > REFUSALS_KEPT:
            del self._refused[next(iter(self._refused))]
        mode = self._modes.get(message.mode)
        if mode is not None:
            mode.denied += 1

    @receives
    def portfolio(self, message: PortfolioView) -> None:
        """Remember the newest balances."""
        account = self._accounts.get(message.account)
        if account is not None:
            account.view = message

    @receives
    def reconciled(self, message: Reconciled) -> None:
        """Remember what the last comparison with the venue found."""
        account = self._accounts.get(message.account)
        if account is not None:
            account.reconciled = message

    @receives
    def states(self, message: TradingStates) -> None:
        """Remember what is not active, and why."""
        account = self._accounts.get(message.account)
        if account is not None:
            account.states.replace(message.entries)

    @receives
    def top(self, message: TopOfBook) -> None:
        """Remember the best prices."""
        account = self._accounts.get(message.exchange)
        if account is not None:
            account.tops[message.symbol] = message
            account.invalid.pop(message.symbol, None)

    @receives
    def book_invalid(self, message: BookInvalid) -> None:
        """Remember why a book is not whole."""
        account = self._accounts.get(message.exchange)
        if account is not None:
            account.tops.pop(message.symbol, None)
            account.invalid[message.symbol] = message.reason

    @receives
    def connection(self, message: ConnectionChanged) -> None:
        """Follow an exchange's connection."""
        account = self._accounts.get(message.exchange)
        if account is not None:
            account.move(message, self.clock.monotonic_s())

    @receives
    def degraded(self, message: Degraded) -> None:
        """Remember what works less well than it should, until it does."""
        account = self._accounts.get(message.exchange)
        if account is not None:
            account.degraded.pop(message.what, None)
            if message.reason:
                account.degraded[message.what] = message.reason

    @receives
    def violation(self, message: Violation) -> None:
        """Remember a violation."""
        self._violations.append(f"{message.invariant} {message.account}: {message.text}")

    @receives
    def started(self, message: ActorStarted) -> None:
        """An actor that runs is not parked."""
        self._parked.pop(message.path, None)

    @receives
    def failed(self, message: ActorFailed) -> None:
        """Remember the newest failures."""
        self._failures.append(f"{message.path}: {message.failure.error}: {message.failure.text}")

    @receives
    def parked(self, message: ActorParked) -> None:
        """Remember who is parked and why."""
        self._parked[message.path] = f"{message.failure.error}: {message.failure.text}"

    @receives
    def stopped(self, message: ActorStopped) -> None:
        """An actor that is gone is not parked."""
        self._parked.pop(message.path, None)

    @receives
    def dead_letter(self, message: DeadLetter) -> None:
        """Count by type."""
        self._dead[message.type] += 1

    @receives
    def read(self, message: ReadStatus) -> Status:
        """Everything, as a value."""
        now_s = self.clock.monotonic_s()
        return Status(
            seconds=now_s - self._started_s,
            exchanges=tuple(account.show(now_s) for account in self._accounts.values()),
            modes=tuple(self._mode_view(name, mode) for name, mode in self._modes.items()),
            violations=tuple(self._violations),
            dead_letters=dict(self._dead),
            failures=tuple(self._failures),
            parked=tuple(f"{path}: {why}" for path, why in sorted(self._parked.items())),
        )

    @receives
    def read_orders(self, message: ReadOrders) -> OrdersView:
        """Every order that this process heard of, those that have ended included."""
        now_s = self.clock.monotonic_s()
        views = [view for account in self._accounts.values() for view in account.notes.show(account.orders, now_s)]
        return OrdersView(tuple(views), dict(self._refused))

    def _mode_view(self, name: str, mode: Mode) -> ModeView:
        account = self._accounts.get(mode.account)
        top = account.tops.get(mode.symbol) if account else None
        entry = account.states.effective(name, mode.symbol) if account else None
        own = entry is not None and entry.scope.kind in {ScopeKind.MODE, ScopeKind.SYMBOL}
        return ModeView(
            name=name,
            account=mode.account,
            symbol=mode.symbol,
            orders=len(mode.intents),
            fills=mode.fills,
            pnl=mode.inventory.pnl(exact_mid(top) if top else None),
            denied=mode.denied,
            rejected=len(mode.rejected),
            halted=_cause(entry) if own and _state(entry) == TradingState.HALTED else "",
            trading=_state(entry),
        )


def _state(entry: StateEntry | None) -> str:
    return str(TradingState.ACTIVE if entry is None else entry.state)


def _cause(entry: StateEntry | None) -> str:
    return "" if entry is None else str(entry.cause)


def _state_view(entry: StateEntry) -> StateView:
    cause = entry.cause
    return StateView(
        scope=str(entry.scope),
        kind=str(entry.scope.kind),
        state=str(entry.state),
        cause=cause.text,
        by=str(cause.by),
        who=cause.who,
        at_ms=cause.at_ms,
    )

"""Keeps what summary and live view need, from published facts and tree events; answers `ReadStatus`.

It subscribes to portfolios, books, exchanges, the monitor and the system's events (the types stand below). It tells
nobody anything, and nothing that trades depends on it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import TypeAlias

from ganglion.actors.modes.amounts import exact_mid
from ganglion.bot.collected import Account, Mode, cause_of, state_of
from ganglion.bot.views import (
    ModeView,
    OrdersView,
    Status,
    ViolationView,
)
from ganglion.messages.account import AccountSnapshot, LedgerRead, PortfolioView, Reconciled
from ganglion.messages.base import Request
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import (
    ActorFailed,
    ActorParked,
    ActorStarted,
    ActorStopped,
    ConnectionChanged,
    DeadLetter,
    MarketPaused,
    VenuePaused,
    Violation,
)
from ganglion.messages.market import BookInvalid, TopOfBook
from ganglion.messages.orders import Fill, OrderDenied, OrderState, OrderUpdate
from ganglion.messages.trading import ScopeKind, TradingState, TradingStates
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
    | LedgerRead
    | PortfolioView
    | Reconciled
    | TradingStates
    | TopOfBook
    | BookInvalid
    | ConnectionChanged
    | Degraded
    | VenuePaused
    | MarketPaused
    | Violation
    | ActorStarted
    | ActorFailed
    | ActorParked
    | ActorStopped
    | DeadLetter
    | ReadStatus
    | ReadOrders
)

PORTFOLIO_FACTS = (
    OrderUpdate,
    Fill,
    OrderDenied,
    AccountSnapshot,
    LedgerRead,
    PortfolioView,
    Reconciled,
    TradingStates,
)
BOOK_FACTS = (TopOfBook, BookInvalid)
EXCHANGE_FACTS = (ConnectionChanged, Degraded, VenuePaused, MarketPaused)
MONITOR_FACTS = (Violation,)
TREE_EVENTS = (ActorStarted, ActorFailed, ActorParked, ActorStopped, DeadLetter)


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
        self._violated: dict[tuple[str, str, str], ViolationView] = {}
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
            account.count(message)
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
        self._count_anew(account, message)

    @receives
    def ledger(self, message: LedgerRead) -> None:
        """Until the account is reconciled its journal is what is known."""
        account = self._accounts.get(message.account)
        if account is None:
            return
        account.journal_trouble = message.trouble
        self._count_anew(account, message)

    def _count_anew(self, account: Account, message: AccountSnapshot | LedgerRead) -> None:
        account.known = True
        account.take_orders(message)
        account.notes.count_anew((order.update for order in message.open_orders), self.clock.monotonic_s())
        account.count_anew(message.fills)
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
    def venue_paused(self, message: VenuePaused) -> None:
        """Remember until when a venue wants silence."""
        account = self._accounts.get(message.exchange)
        if account is not None:
            account.pause("", message.until_s, message.reason)

    @receives
    def market_paused(self, message: MarketPaused) -> None:
        """Remember until when a market is closed."""
        account = self._accounts.get(message.exchange)
        if account is not None:
            account.pause(message.symbol, message.until_s, message.reason)

    @receives
    def violation(self, message: Violation) -> None:
        """Remember a violation."""
        self._violations.append(f"{message.invariant} {message.account}: {message.text}")
        key, now_ms = (message.invariant, message.account, message.text), self.clock.now_ms()
        # The newest stands last.
        before = self._violated.pop(key, None)
        first_ms, count = (now_ms, 0) if before is None else (before.first_ms, before.count)
        self._violated[key] = ViolationView(*key, first_ms, now_ms, count + 1)

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
            exchanges=tuple(account.show(now_s, self.clock.now_ms()) for account in self._accounts.values()),
            modes=tuple(self._mode_view(name, mode) for name, mode in self._modes.items()),
            violations=tuple(self._violations),
            dead_letters=dict(self._dead),
            failures=tuple(self._failures),
            parked=tuple(f"{path}: {why}" for path, why in sorted(self._parked.items())),
            violated=tuple(reversed(self._violated.values())),
        )

    @receives
    def read_orders(self, message: ReadOrders) -> OrdersView:
        """Every order that this process heard of, those that have ended included."""
        now_s = self.clock.monotonic_s()
        views = [
            view
            for account in self._accounts.values()
            for view in account.notes.show(account.orders, now_s, account.unsettled)
        ]
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
            halted=cause_of(entry) if own and state_of(entry) == TradingState.HALTED else "",
            trading=state_of(entry),
        )

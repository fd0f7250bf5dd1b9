"""What the collector keeps of each exchange account and each trading mode, and how it is shown as values.

Pure but for what it is told; only the collector's turn touches it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from ganglion.actors.trading.trading_states import StateTree
from ganglion.bot.order_notes import OrderNotes
from ganglion.bot.views import BalanceView, ExchangeView, Inventory, MarketView, PauseView, StateView
from ganglion.messages.account import AccountSnapshot, LedgerRead, PortfolioView, Reconciled
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import Fill, OrderState, OrderUpdate
from ganglion.messages.trading import StateEntry, TradingState
from ganglion.messages.values import ZERO, base_of, quote_of


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
        self.fills_of_run = 0
        self._before: int | None = None
        self.view: PortfolioView | None = None
        self.reconciled: Reconciled | None = None
        self.states = StateTree()
        self.notes = OrderNotes()
        self.degraded: dict[str, str] = {}
        self.pauses: dict[str, tuple[float, str]] = {}
        self.epoch = 0
        """Of the connection."""
        self.known = False
        """Its journal was read, or a snapshot came."""
        self.journal_trouble = ""

    def count_anew(self, fills: Sequence[Fill]) -> None:
        """Believe a snapshot about what was filled; what the first one holds was booked before this run."""
        if self._before is None:
            self._before = max((fill.sequence for fill in fills), default=0)
        self.fills = self.fills_of_run = 0

    def count(self, fill: Fill) -> None:
        """Count a fill, of the journal or just booked; a trade that stands in for a synthetic one was counted."""
        if self._before is None:
            # Nobody told what there was before it: its number does.
            self._before = fill.sequence - 1
        if not fill.replaces:
            self.fills += 1
            self.fills_of_run += fill.sequence > self._before

    def take_orders(self, snapshot: AccountSnapshot | LedgerRead) -> None:
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
        self.epoch = changed.epoch

    @property
    def unsettled(self) -> str:
        """Why nobody can say now what is open and held; empty where the account agrees with its venue."""
        if not self.known:
            return "its journal was not read yet"
        if self.journal_trouble:
            return f"its journal is damaged, more may be open than it knows ({self.journal_trouble})"
        if self.state is not ConnectionState.LIVE:
            return f"its venue is {self.state}" + (f": {self.reason}" if self.reason else "")
        if self.reconciled is None or self.reconciled.epoch < self.epoch or not (self.view and self.view.reconciled):
            return "it is being reconciled"
        return ""

    def pause(self, symbol: str, until_s: float, reason: str) -> None:
        """The venue wants silence; a shorter wish never shortens a longer one."""
        if until_s >= self.pauses.get(symbol, (0.0, ""))[0]:
            self.pauses[symbol] = (until_s, reason)

    def _paused(self, now_s: float, now_ms: int) -> tuple[PauseView, ...]:
        return tuple(
            PauseView(now_ms + int((until_s - now_s) * 1000), reason, symbol)
            for symbol, (until_s, reason) in sorted(self.pauses.items())
            if until_s > now_s
        )

    def show(self, now_s: float, now_ms: int) -> ExchangeView:
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
            fills_of_run=self.fills_of_run,
            balances={a.asset: BalanceView(a.free, a.reserved + a.locked, a.total) for a in assets},
            markets=tuple(
                MarketView(s, self.tops.get(s), self.invalid.get(s, ""), open_by_symbol[s]) for s in self.symbols
            ),
            halted=cause_of(self.states.halted()) or (self.view.halted or "" if self.view else ""),
            reconciled=self.view.reconciled if self.view else False,
            reconciled_epoch=self.reconciled.epoch if self.reconciled else 0,
            balances_equal=self.reconciled.balances_equal if self.reconciled else None,
            differences=tuple(
                f"{d.asset} {d.amount} ({d.reason})" for d in (self.reconciled.differences if self.reconciled else ())
            ),
            trading=state_of(self.states.effective()),
            states=tuple(map(state_view, self.states.entries)),
            unsettled=self.unsettled,
            known=self.known,
            paused=self._paused(now_s, now_ms),
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
        own, sign = self.inventory, times * fill.side.sign
        own.cash -= sign * fill.price * fill.amount
        own.base += sign * fill.amount
        if fill.fee_asset == quote_of(self.symbol):
            own.fees_quote += times * fill.fee
        elif fill.fee_asset == base_of(self.symbol):
            own.fees_base += times * fill.fee
        elif fill.fee:
            own.fees_other[fill.fee_asset] = own.fees_other.get(fill.fee_asset, ZERO) + times * fill.fee


def state_of(entry: StateEntry | None) -> str:
    """The state of an entry; active where there is none."""
    return str(TradingState.ACTIVE if entry is None else entry.state)


def cause_of(entry: StateEntry | None) -> str:
    """The first cause of an entry; empty where there is none."""
    return "" if entry is None else str(entry.cause)


def state_view(entry: StateEntry) -> StateView:
    """An entry as a value to be shown."""
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

"""The monitor: checks the invariants on what orders and portfolios publish, and halts the account that breaks one.

Subscribes to each orders actor (`ORDERS_TOPICS`), each portfolio (`PORTFOLIO_TOPICS`), each exchange actor
(`EXCHANGE_TOPICS`) and the system's events (DeadLetter); tells HaltAccount to that account's portfolio and publishes
each Violation once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ganglion.actors.trading.monitor import invariants as check
from ganglion.actors.trading.orders.states import AT_RISK
from ganglion.actors.trading.trading_states import StateTree
from ganglion.messages.account import AccountSnapshot, PortfolioView, Reconciled
from ganglion.messages.base import Message
from ganglion.messages.degraded import VenueBack, VenueDown
from ganglion.messages.lifecycle import (
    BudgetSpent,
    ConnectionChanged,
    ConnectionState,
    DeadLetter,
    EpochOpened,
    HaltAccount,
    Tick,
    VenuePaused,
    Violation,
)
from ganglion.messages.orders import Admitted, Fill, OrderState, OrderUpdate, SendOrder
from ganglion.messages.trading import By, TradingStates
from ganglion.messages.values import Symbol
from ganglion.supervision import Actor, Address, receives

MonitorMessage: TypeAlias = (
    PortfolioView
    | OrderUpdate
    | Fill
    | AccountSnapshot
    | Reconciled
    | Admitted
    | SendOrder
    | BudgetSpent
    | ConnectionChanged
    | VenuePaused
    | VenueDown
    | VenueBack
    | EpochOpened
    | TradingStates
    | Violation
    | DeadLetter
    | Tick
)

ORDERS_TOPICS: tuple[type[Message], ...] = (SendOrder, EpochOpened, Reconciled, TradingStates, Violation)
"""What a monitor subscribes to at each orders actor."""

PORTFOLIO_TOPICS: tuple[type[Message], ...] = (
    PortfolioView,
    OrderUpdate,
    Fill,
    AccountSnapshot,
    Admitted,
    Violation,
)
"""What a monitor subscribes to at each portfolio."""

EXCHANGE_TOPICS: tuple[type[Message], ...] = (BudgetSpent, ConnectionChanged, VenuePaused, VenueDown, VenueBack)
"""What a monitor subscribes to at each exchange actor."""


@dataclass
class _Watched:
    """What is remembered of one account."""

    opened: int | None = None
    reconciled: int | None = None
    connected: bool = True
    """As far as is known: a monitor that restarts hears of the next change."""
    down: bool = False
    """The venue's breaker is open."""
    silent_until_s: float = 0.0
    """The venue asked for silence."""
    trading: StateTree = field(default_factory=StateTree)
    owners: dict[str, str] = field(default_factory=dict)
    """Intents by client id."""
    venue_ids: dict[str, str] = field(default_factory=dict)
    states: dict[str, OrderUpdate] = field(default_factory=dict)
    """Latest update by intent."""
    since_s: dict[str, float] = field(default_factory=dict)
    """Since when an intent is at risk."""
    fills: dict[tuple[Symbol, str], None] = field(default_factory=dict)
    stand_ins: dict[tuple[Symbol, str], tuple[Fill, float]] = field(default_factory=dict)
    """Fills that were inferred, and since when they wait for their trades."""
    snapshot: AccountSnapshot | None = None
    spent: BudgetSpent | None = None
    """Latest report of the rate budget."""
    least_unspent: float = 0.0
    """Lowest point of the budget's envelope since its figures changed."""

    def healed(self, now_s: float) -> bool:
        """Whether the venue can be asked about an order, and the account is reconciled with it."""
        reachable = self.connected and not self.down and now_s >= self.silent_until_s
        return reachable and self.opened == self.reconciled


class MonitorActor(Actor[MonitorMessage]):
    """One bot's monitor."""

    def __init__(
        self,
        portfolios: Mapping[str, Address[HaltAccount]],
        *,
        settle_s: float = 300.0,
        every_s: float = 10.0,
        max_book_age_s: float = 5.0,
    ) -> None:
        self._portfolios = portfolios
        self._max_book_age_s = max_book_age_s
        self._settle_s = settle_s
        self._every_s = every_s
        self._accounts: dict[str, _Watched] = {}
        self._told: dict[tuple[str, str, str], None] = {}
        self._dead_letters: dict[str, int] = {}

    def on_start(self) -> None:
        """Look for what takes too long at a steady pace."""
        self.after(self._every_s, Tick("settled"))

    def _of(self, account: str) -> _Watched:
        watched = self._accounts.get(account)
        if watched is None:
            watched = self._accounts[account] = _Watched()
        return watched

    def _judge(self, *found: Violation | None) -> None:
        if any(found):
            for violation in found:
                if violation is not None:
                    self._violated(violation)

    def _violated(self, violation: Violation) -> None:
        key = (violation.invariant, violation.account, violation.text)
        if key in self._told:
            return
        self._told[key] = None
        self.log.error(
            "invariant violated",
            invariant=violation.invariant,
            account=violation.account,
            text=violation.text,
        )
        self.publish(violation)
        portfolio = self._portfolios.get(violation.account)
        if portfolio is not None:
            cause = f"{violation.invariant}: {violation.text}"
            portfolio.tell(HaltAccount(violation.account, cause, By.INVARIANT))

    # -------------------------------------------------------------- portfolios

    @receives
    def view(self, message: PortfolioView) -> None:
        """I1."""
        self._judge(check.money_conserved(message))
        snapshot = self._of(message.account).snapshot
        if snapshot is not None and message.sequence == snapshot.as_of:
            totals = {asset.asset: asset.total for asset in message.assets}
            self._judge(check.counted_right(snapshot, totals))

    @receives
    def update(self, message: OrderUpdate) -> None:
        """I2, I3, I7."""
        watched = self._of(message.account)
        last = watched.states.get(message.intent_id)
        self._remember(watched, message)
        self._judge(
            check.client_id_unique(watched.owners[message.client_id], message),
            check.one_order_per_intent(watched.venue_ids.get(message.intent_id), message),
            check.not_overfilled(message),
            None if last is None else check.legal_move(last.state, message),
            None if last is None else check.filled_grows(last.filled, message),
        )

    def _remember(self, watched: _Watched, update: OrderUpdate) -> None:
        watched.owners.setdefault(update.client_id, update.intent_id)
        if update.venue_id is not None:
            watched.venue_ids.setdefault(update.intent_id, update.venue_id)
        watched.states[update.intent_id] = update
        if update.state in AT_RISK or update.state is OrderState.INTENDED:
            if update.intent_id not in watched.since_s:
                watched.since_s[update.intent_id] = self.clock.monotonic_s()
        else:
            watched.since_s.pop(update.intent_id, None)

    @receives
    def fill(self, message: Fill) -> None:
        """I10."""
        watched = self._of(message.account)
        key = (message.symbol, message.trade_id)
        self._judge(check.fill_once(key in watched.fills, message))
        watched.fills[key] = None
        for trade_id in message.replaces:
            watched.stand_ins.pop((message.symbol, trade_id), None)
        if message.synthetic:
            watched.stand_ins[key] = (message, self.clock.monotonic_s())

    @receives
    def snapshot(self, message: AccountSnapshot) -> None:
        """What was missed while a portfolio was down is taken from here."""
        watched = self._of(message.account)
        watched.snapshot = message
        watched.states.clear()
        since_s, watched.since_s = watched.since_s, {}
        for order in message.open_orders:
            self._remember(watched, order.update)
            if order.update.intent_id in since_s and order.update.intent_id in watched.since_s:
                watched.since_s[order.update.intent_id] = since_s[order.update.intent_id]
        watched.fills = {(fill.symbol, fill.trade_id): None for fill in message.fills}
        known, now_s = watched.stand_ins, self.clock.monotonic_s()
        watched.stand_ins = {
            key: known.get(key, (fill, now_s))
            for key, fill in zip(watched.fills, message.fills, strict=True)
            if fill.synthetic
        }

    @receives
    def admitted(self, message: Admitted) -> None:
        """I8."""
        self._judge(check.book_fit(message, self._max_book_age_s))

    # -------------------------------------------------------------- exchanges

    @receives
    def spent(self, message: BudgetSpent) -> None:
        """I11."""
        watched = self._of(message.exchange)
        before, watched.spent = watched.spent, message
        least, watched.least_unspent = watched.least_unspent, check.unspent(message)
        self._judge(check.reserve_kept(before, message))
        if before is None:
            return
        self._judge(check.silent_in_a_ban(before, message))
        if (message.units_per_s, message.burst) != (before.units_per_s, before.burst):
            return  # other figures, another envelope
        exceeded = check.budget_kept(message, least)
        self._judge(exceeded)
        if exceeded is None:
            watched.least_unspent = min(least, watched.least_unspent)

    @receives
    def connection(self, message: ConnectionChanged) -> None:
        """I4: nobody can tell what became of an order while the venue is away, or its arm is parked."""
        self._of(message.exchange).connected = message.state is ConnectionState.LIVE

    @receives
    def paused(self, message: VenuePaused) -> None:
        """I4: nor while it wants silence, which may be for days."""
        self._of(message.exchange).silent_until_s = message.until_s

    @receives
    def down(self, message: VenueDown) -> None:
        """I4: nor while its breaker is open."""
        self._of(message.exchange).down = True

    @receives
    def back(self, message: VenueBack) -> None:
        """It answers again."""
        self._of(message.exchange).down = False

    # -------------------------------------------------------------- order lines

    @receives
    def epoch_opened(self, message: EpochOpened) -> None:
        """Nothing may be sent from here on until Reconciled."""
        self._of(message.exchange).opened = message.epoch

    @receives
    def reconciled(self, message: Reconciled) -> None:
        """I6."""
        watched = self._of(message.account)
        watched.reconciled = message.epoch
        # Waiting counts from here: before, the venue may have been away.
        now_s = self.clock.monotonic_s()
        watched.since_s = dict.fromkeys(watched.since_s, now_s)
        self._judge(check.balances_equal(message))

    @receives
    def sent(self, message: SendOrder) -> None:
        """I5, I9."""
        account = message.intent.account
        watched = self._of(account)
        self._judge(
            check.placed_after_reconcile(message, account, watched.opened, watched.reconciled),
            check.not_halted(message, account, watched.trading.effective(message.intent.mode, message.intent.symbol)),
        )

    @receives
    def states(self, message: TradingStates) -> None:
        """What is not active from here on; an account that was resumed is judged anew, old texts included."""
        states = self._of(message.account).trading
        was_halted = states.halted() is not None
        states.replace(message.entries)
        if was_halted and states.halted() is None:
            self._told = {key: None for key in self._told if key[1] != message.account}

    @receives
    def violation(self, message: Violation) -> None:
        """One that an orders actor or a portfolio found itself."""
        self._violated(message)

    # -------------------------------------------------------------- the system

    @receives
    def dead_letter(self, message: DeadLetter) -> None:
        """I12: every one is counted."""
        self._dead_letters[message.type] = self._dead_letters.get(message.type, 0) + 1
        for account, portfolio in self._portfolios.items():
            if message.path.rpartition("/")[0] == portfolio.path.rpartition("/")[0]:
                self._judge(check.nothing_dropped(message, account))

    @receives
    def tick(self, message: Tick) -> None:
        """I4, I6."""
        self.after(self._every_s, message)
        now_s = self.clock.monotonic_s()
        for account, watched in self._accounts.items():
            if not watched.healed(now_s):
                # Waiting counts from healing.
                watched.since_s = dict.fromkeys(watched.since_s, now_s)
                watched.stand_ins = {key: (fill, now_s) for key, (fill, _) in watched.stand_ins.items()}
                continue
            for intent_id, since_s in list(watched.since_s.items()):
                update = watched.states[intent_id]
                self._judge(check.settled_in_time(update, since_s, now_s, self._settle_s))
            overdue = [fill for fill, since_s in watched.stand_ins.values() if now_s - since_s > self._settle_s]
            self._judge(check.no_stand_ins(account, overdue, self._settle_s))

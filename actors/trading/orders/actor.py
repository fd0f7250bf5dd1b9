"""The orders actor of one account: keeps the promise that no order is lost, none doubled, no money made up.

Between portfolio and exchange. It journals an intent before the exchange hears of it, turns whatever the venue says
into facts through the ledger, and reconciles at each epoch. The work is in placing.py, looking.py, reconciling.py;
here is only who says what.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias, TypeVarTuple, Unpack

from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.checkpoint import restore
from ganglion.actors.trading.orders.desk import Desk, ToExchange, ToJournal, ToPortfolio
from ganglion.actors.trading.orders.intake import Intake
from ganglion.actors.trading.orders.looking import Looking
from ganglion.actors.trading.orders.placing import Placing
from ganglion.actors.trading.orders.reconciling import Reconciling
from ganglion.actors.trading.orders.settings import OrdersSettings
from ganglion.messages.account import Drain, SaveState, SnapshotRequest
from ganglion.messages.degraded import VenueBack, VenueDown
from ganglion.messages.journal import CheckpointWanted, Durable, JournalFailed, JournalRead, ReadJournal
from ganglion.messages.lifecycle import (
    ConnectionChanged,
    ConnectionState,
    EpochOpened,
    HaltAccount,
    HaltMode,
    MarketPaused,
    Tick,
    VenuePaused,
)
from ganglion.messages.orders import (
    AccountRead,
    AmendOrder,
    BalancesSeen,
    CancelAll,
    CancelAnswered,
    CancelOrder,
    DenyReason,
    LookUpDone,
    OrderSeen,
    PlaceAnswered,
    PlaceOrder,
    TradeSeen,
)
from ganglion.messages.trading import LiftTradingState, SetTradingState, StateEntry
from ganglion.messages.values import Symbol
from ganglion.supervision import Actor, Address, receives

OrdersMessage: TypeAlias = (
    PlaceOrder
    | CancelOrder
    | AmendOrder
    | CancelAll
    | SnapshotRequest
    | SaveState
    | Drain
    | HaltAccount
    | HaltMode
    | SetTradingState
    | LiftTradingState
    | JournalRead
    | Durable
    | JournalFailed
    | CheckpointWanted
    | EpochOpened
    | PlaceAnswered
    | CancelAnswered
    | LookUpDone
    | OrderSeen
    | TradeSeen
    | BalancesSeen
    | AccountRead
    | VenuePaused
    | VenueDown
    | VenueBack
    | MarketPaused
    | ConnectionChanged
    | Tick
)

Given = TypeVarTuple("Given")

READING = "is reading its journal"
"""In the answer to a resume that came too early."""
_JOURNAL_RETRY_S = 5.0
_NOTHING_KEPT = "this run keeps none, and its order line was restarted: what it knew is gone; look why it failed"


class OrdersActor(Actor[OrdersMessage]):
    """One account's order line."""

    def __init__(
        self,
        account: str,
        tag: str,
        symbols: tuple[Symbol, ...],
        *,
        exchange: Address[ToExchange],
        portfolio: Address[ToPortfolio],
        journal: Address[ToJournal],
        settings: OrdersSettings | None = None,
    ) -> None:
        self._account = account
        self._journal = journal
        self._desk = Desk(
            account,
            tag,
            symbols,
            settings or OrdersSettings(),
            exchange=exchange,
            portfolio=portfolio,
            journal=journal,
            outside=self,
        )
        self._looking = Looking(self._desk)
        self._placing = Placing(self._desk, self._looking)
        self._intake = Intake(self._desk, self._placing)
        self._reconciling = Reconciling(self._desk, self._looking, self._placing, self._intake)
        self._looking.follow = self._placing.follow
        self._ready = False
        self._early: list[Callable[[], None]] = []
        """What came before the journal was read, as calls to be made then."""
        self._early_epoch: EpochOpened | None = None

    def on_start(self) -> None:
        """Everything starts from the journal."""
        self._journal.tell(ReadJournal(self._account, self.incarnation))
        self.after(_JOURNAL_RETRY_S, Tick("journal"))

    @receives
    def journal_read(self, message: JournalRead) -> None:
        """Rebuild the ledger; then a new epoch, because whoever starts knows nothing of what is under way."""
        if self._ready:
            return
        desk = self._desk
        desk.ledger, trouble = restore(self._account, message.checkpoint, message.records)
        if not desk.settings.journaled and self.incarnation > 1:
            trouble = _NOTHING_KEPT
        desk.journals = desk.settings.journaled and not trouble
        # An id that a lying disk has lost is not made again by the next process.
        desk.run_root = message.run_root + message.opening
        self._ready = True
        desk.tell_states()
        if trouble:
            self._journal_lost(trouble)
        else:
            desk.tell_ledger()
        early, self._early = self._early, []
        for call in early:
            call()
        if self._early_epoch is not None:
            self._reconciling.open(self._early_epoch)
            self._early_epoch = None
        else:
            desk.request_epoch(f"orders of {self._account} (re)started")

    def _when_ready(self, call: Callable[[Unpack[Given]], None], *given: *Given) -> None:
        if self._ready:
            call(*given)
        else:
            self._early.append(partial(call, *given))

    # -------------------------------------------------------------- commands

    @receives
    def place(self, message: PlaceOrder) -> None:
        """From the portfolio, which has reserved the funds."""
        if self._ready:
            self._placing.place(message)
        else:
            self._desk.deny(message.intent, DenyReason.NOT_RECONCILED, _TOO_EARLY)

    @receives
    def amend(self, message: AmendOrder) -> None:
        """From the portfolio, which has reserved the larger of both."""
        if self._ready:
            self._placing.amend(message)
        else:
            self._desk.deny(message.intent, DenyReason.NOT_RECONCILED, _TOO_EARLY)

    @receives
    def cancel(self, message: CancelOrder) -> None:
        """Always passes."""
        self._when_ready(self._placing.cancel, message)

    @receives
    def cancel_all(self, message: CancelAll) -> None:
        """Always passes."""
        self._when_ready(self._placing.cancel_all, message)

    @receives
    def drain(self, message: Drain) -> None:
        """The bot stops: what was not sent yet never will be."""
        self._desk.drain = message.reason
        self._when_ready(self._placing.drop_waiting)

    @receives
    def snapshot_request(self, message: SnapshotRequest) -> None:
        """A portfolio wants to be told everything: a new epoch."""
        self._when_ready(self._reconciling.snapshot_wanted, message.reason)

    @receives
    def save(self, message: SaveState) -> None:
        """A mode's state, for its next incarnation."""
        record = r.Saved(message.mode, message.state, message.sequence)
        self._when_ready(self._desk.record, record)

    @receives
    def halt_account(self, message: HaltAccount) -> None:
        """Nothing is placed any more; cancels and look-ups pass."""
        self._when_ready(self._desk.halt, None, message.cause, message.by)

    @receives
    def halt_mode(self, message: HaltMode) -> None:
        """Nothing is placed for this mode any more."""
        self._when_ready(self._desk.halt, message.mode, message.cause, message.by)

    @receives
    def set_state(self, message: SetTradingState) -> None:
        """A scope comes to a state; the first cause is kept."""
        entry = StateEntry(message.scope, message.state, message.cause)
        self._when_ready(self._desk.set_state, entry)

    @receives
    def lift_state(self, message: LiftTradingState) -> str:
        """An operator lets a scope be active again; whoever trades there goes on after the reconcile that follows."""
        if not self._ready:
            return f"{self._account} {READING}: try again in a moment"
        return self._reconciling.lift(message.scope, message.who)

    # -------------------------------------------------------------- journal

    @receives
    def durable(self, message: Durable) -> None:
        """Records can't be lost any more."""
        for key in message.keys:
            self._placing.durable(key)

    @receives
    def journal_failed(self, message: JournalFailed) -> None:
        """Never trade unjournaled; what the venue says is still taken over, and cancels pass."""
        self._when_ready(self._journal_lost, message.cause)

    def _journal_lost(self, cause: str) -> None:
        self._desk.journal_trouble = cause
        self._placing.journal_failed(cause)
        if not self._desk.epoch:
            self._desk.tell_ledger()

    @receives
    def checkpoint_wanted(self, message: CheckpointWanted) -> None:
        """The journal goes on in a new segment: with the whole state in it, the older ones are not needed."""
        self._when_ready(self._desk.checkpoint)

    # -------------------------------------------------------------- the venue

    @receives
    def epoch_opened(self, message: EpochOpened) -> None:
        """What we knew may be old."""
        if self._ready:
            self._reconciling.open(message)
        else:
            self._early_epoch = message

    @receives
    def place_answered(self, message: PlaceAnswered) -> None:
        """How an attempt ended, of whichever epoch."""
        self._when_ready(self._placing.answered, message)

    @receives
    def cancel_answered(self, message: CancelAnswered) -> None:
        """How a cancel ended."""
        self._when_ready(self._placing.cancel_answered, message)

    @receives
    def look_up_done(self, message: LookUpDone) -> None:
        """What became of an order."""
        self._when_ready(self._looked_up, message)

    def _looked_up(self, message: LookUpDone) -> None:
        self._looking.done(message)
        self._reconciling.looked_up(message.client_id)

    @receives
    def order_seen(self, message: OrderSeen) -> None:
        """From the user stream."""
        self._when_ready(self._intake.order_seen, message)

    @receives
    def trade_seen(self, message: TradeSeen) -> None:
        """From the user stream."""
        self._when_ready(self._intake.trade_seen, message)

    @receives
    def balances_seen(self, message: BalancesSeen) -> None:
        """From the user stream."""
        self._when_ready(self._reconciling.balances_seen, message)

    @receives
    def account_read(self, message: AccountRead) -> None:
        """The whole account."""
        self._when_ready(self._reconciling.account_read, message)

    @receives
    def venue_paused(self, message: VenuePaused) -> None:
        """The portfolio denies places meanwhile."""
        self._desk.portfolio.tell(message)

    @receives
    def venue_down(self, message: VenueDown) -> None:
        """The portfolio denies places until it is back."""
        self._desk.portfolio.tell(message)

    @receives
    def venue_back(self, message: VenueBack) -> None:
        """The portfolio lets its modes go on."""
        self._desk.portfolio.tell(message)

    @receives
    def market_paused(self, message: MarketPaused) -> None:
        """The portfolio denies places in this market meanwhile."""
        self._desk.portfolio.tell(message)

    @receives
    def connection_changed(self, message: ConnectionChanged) -> None:
        """Nothing is placed into a connection that is not Live."""
        self._desk.live = message.state is ConnectionState.LIVE
        self._desk.stopped = message.reason if message.stopped else ""
        self._desk.portfolio.tell(message)

    # -------------------------------------------------------------- timers

    @receives
    def tick(self, message: Tick) -> None:
        """A timer: `kind:what[:number]`."""
        kind, _, rest = message.key.partition(":")
        if kind == "journal":
            if not self._ready:
                self.on_start()
            return
        match kind:
            case "durable":
                self._placing.not_durable(rest)
            case "answer":
                self._placing.unanswered(rest)
            case "cancel":
                self._placing.cancel_again(rest)
            case "ask":
                client_id, _, asked = rest.rpartition(":")
                self._looking.tick(client_id, int(asked))
            case "read":
                self._reconciling.read_again(int(rest))
            case "overdue":
                self._reconciling.reading_overdue(int(rest))
            case "conclude":
                self._reconciling.wait_over(int(rest))
            case "suspect":
                self._reconciling.suspect(int(rest))
            case "audit":
                self._reconciling.audit_due(int(rest))
            case "epoch":
                self._reconciling.epoch_overdue(int(rest))
            case _:
                self.log.error("unknown timer", key=message.key)


_TOO_EARLY = "the account's journal is being read: wait for Resume"

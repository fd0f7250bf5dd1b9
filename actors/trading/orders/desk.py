"""What the parts of the orders actor share: the ledger, the doors to its neighbours, and the one way to change facts.

Built by the actor for each incarnation; only its own turn touches it. `record` is the order of things everywhere:
the ledger takes a record over, the journal gets it, then the neighbours hear the facts.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol, TypeAlias

from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.checkpoint import encode_ledger
from ganglion.actors.trading.orders.counted import Anomaly
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.settings import OrdersSettings
from ganglion.actors.trading.trading_states import account_scope, mode_scope
from ganglion.messages.account import AccountSnapshot, LedgerRead, LockedByOthers, OpenOrder, Reconciled
from ganglion.messages.base import Message
from ganglion.messages.degraded import VenueBack, VenueDown
from ganglion.messages.journal import Append, Checkpoint, Durable, ReadJournal
from ganglion.messages.lifecycle import (
    ConnectionChanged,
    EpochOpened,
    MarketPaused,
    Tick,
    VenuePaused,
    Violation,
)
from ganglion.messages.market import Market
from ganglion.messages.orders import (
    DenyReason,
    Fill,
    Intent,
    LookUpOrder,
    OpenEpoch,
    OrderDenied,
    OrderUpdate,
    ReadAccount,
    SendCancel,
    SendOrder,
)
from ganglion.messages.trading import By, Cause, StateEntry, TradingState, TradingStates
from ganglion.messages.values import Symbol
from ganglion.supervision import Address, Clock

ToExchange: TypeAlias = SendOrder | SendCancel | LookUpOrder | ReadAccount | OpenEpoch
ToPortfolio: TypeAlias = (
    OrderUpdate
    | Fill
    | OrderDenied
    | AccountSnapshot
    | LedgerRead
    | Reconciled
    | LockedByOthers
    | EpochOpened
    | TradingStates
    | VenuePaused
    | VenueDown
    | VenueBack
    | MarketPaused
    | ConnectionChanged
)
ToJournal: TypeAlias = Append | ReadJournal | Checkpoint

_EPOCH_RETRY_S = 60.0
NEVER_S = float("inf")
"""In settings: no timer is set."""


class Outside(Protocol):
    """What the desk needs of the actor that it serves."""

    @property
    def clock(self) -> Clock:
        """The system's clock."""

    @property
    def incarnation(self) -> int:
        """One more with each restart."""

    @property
    def address(self) -> Address[Any]:
        """Its own."""

    def publish(self, message: Message) -> None:
        """Tell the subscribers."""

    def after(self, delay_s: float, message: Tick) -> object:
        """Tell the actor itself later."""


class Desk:
    """The shared part of one orders actor."""

    def __init__(
        self,
        account: str,
        tag: str,
        symbols: tuple[Symbol, ...],
        settings: OrdersSettings,
        *,
        exchange: Address[ToExchange],
        portfolio: Address[ToPortfolio],
        journal: Address[ToJournal],
        outside: Outside,
    ) -> None:
        self.account = account
        self.tag = tag
        self.symbols = symbols
        self.settings = settings
        self.exchange = exchange
        self.portfolio = portfolio
        self.outside = outside
        self.ledger = Ledger(account)
        self.run_root = b""
        self.markets: dict[Symbol, Market] = {}
        self.epoch = 0
        self.reconciled = False
        """Places are allowed: this epoch agrees with the venue."""
        self.live = True
        self.journal_trouble = ""
        """Why nothing can be made durable until the bot is started anew; empty while it can."""
        self.stopped = ""
        """Why the arm rests until the bot is started anew; empty while it does not."""
        self.drain = ""
        """Why the bot stops; empty while it does not. Nothing is sent any more but cancels and look-ups."""
        self.epoch_asked = False
        """A new epoch was asked for and has not come."""
        self.journals = True
        """False where nobody could read what is written: the settings want no journal, or this one is damaged."""
        self._journal = journal
        self._keys = 0

    @cached_property
    def clock(self) -> Clock:
        """The system's."""
        return self.outside.clock

    @cached_property
    def _own(self) -> Address[Any]:
        return self.outside.address

    def now_s(self) -> float:
        """By the system's monotonic clock."""
        return self.clock.monotonic_s()

    def after(self, delay_s: float, key: str) -> None:
        """A Tick of this key, later; never where the settings say so."""
        if delay_s == NEVER_S:
            return
        self.outside.after(delay_s, Tick(key))

    # -------------------------------------------------------------- facts

    def record(self, record: r.AnyRecord, key: str = "") -> None:
        """Apply a record, journal it and tell what follows; where a key is given, Durable will name it."""
        facts = self.ledger.apply(record)
        if self.journals:
            self._journal.tell(Append(self.account, key, r.encode(record), self.outside.incarnation))
        elif key and not self.settings.journaled:
            # Behind what waits, as a journal's answer comes: a cancel in the same breath still takes it back.
            self._own.tell(Durable((key,)))
        for fact in facts:
            if isinstance(fact, Anomaly):
                self.violate(fact.invariant, fact.text)
            else:
                self.portfolio.tell(fact)

    def next_key(self) -> str:
        """A key for a record that somebody waits for."""
        self._keys += 1
        return f"{self._key_root}{self._keys}"

    @cached_property
    def _key_root(self) -> str:
        # With the incarnation in it, a late Durable can't answer for another incarnation's record.
        return f"{self.account}-{self.outside.incarnation}-"

    def checkpoint(self) -> None:
        """Everything that is known, in one piece: a start needs no older record."""
        if not self.journals:
            return
        before_ms = self.ledger.watermark_ms - int(self.settings.forget_after_s * 1000)
        if any(line.over_since(before_ms) for line in self.ledger.lines.values()):
            self.record(r.Forgotten(before_ms))
        self._journal.tell(Checkpoint(self.account, encode_ledger(self.ledger), self.outside.incarnation))

    def violate(self, invariant: str, text: str) -> None:
        """An invariant does not hold: say so and halt the account."""
        self.outside.publish(Violation(invariant, self.account, text))
        self.halt(None, f"{invariant}: {text}", By.INVARIANT)

    def halt(self, mode: str | None, cause: str, by: By) -> None:
        """Stop placing for a mode, or the whole account; the first cause is kept and outlives every restart."""
        scope = account_scope(self.account) if mode is None else mode_scope(self.account, mode)
        why = Cause(cause, by, self.clock.now_ms())
        self.set_state(StateEntry(scope, TradingState.HALTED, why))

    def set_state(self, entry: StateEntry) -> None:
        """Let a scope come to a state, unless it is in it or in a severer one."""
        if self.ledger.states.takes(entry):
            self.record(r.StateSet(entry))
        self.tell_states()

    def tell_states(self) -> None:
        """What is not active, with first causes, to portfolio and monitor."""
        states = TradingStates(self.account, tuple(self.ledger.states.entries))
        self.portfolio.tell(states)
        self.outside.publish(states)

    def tell_ledger(self) -> None:
        """What the journal says, for people, until the venue has been heard."""
        ledger = self.ledger
        self.portfolio.tell(
            LedgerRead(
                self.account,
                tuple(OpenOrder(ledger.update_of(line)) for line in ledger.open_lines()),
                tuple(ledger.fills.values()),
                self.journal_trouble,
            )
        )

    def request_epoch(self, reason: str) -> None:
        """Ask for a new epoch: everything is reconciled from scratch."""
        self.reconciled = False
        if self.epoch_asked:
            return
        self.epoch_asked = True
        self.exchange.tell(OpenEpoch(reason))
        self.after(_EPOCH_RETRY_S, f"epoch:{self.epoch}")

    def deny(self, intent: Intent, reason: DenyReason, text: str) -> None:
        """Answer a command that nothing was sent for."""
        self.portfolio.tell(
            OrderDenied(intent.intent_id, self.account, intent.mode, reason, text, intent.correlation_id)
        )

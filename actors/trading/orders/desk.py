"""What the parts of the orders actor share: the ledger, the doors to its neighbours, and the one way to change facts.

Built by the actor for each incarnation; only its own turn touches it. `record` is the order of things everywhere:
the ledger takes a record over, the journal gets it, then the neighbours hear the facts.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.counted import Anomaly, Fact
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.settings import OrdersSettings
from ganglion.messages.account import AccountSnapshot, Append, LockedByOthers, ReadJournal, Reconciled
from ganglion.messages.base import Message
from ganglion.messages.lifecycle import (
    ConnectionChanged,
    EpochOpened,
    Halted,
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
from ganglion.messages.values import Symbol
from ganglion.supervision import Address, Clock

ToExchange: TypeAlias = SendOrder | SendCancel | LookUpOrder | ReadAccount | OpenEpoch
ToPortfolio: TypeAlias = (
    OrderUpdate
    | Fill
    | OrderDenied
    | AccountSnapshot
    | Reconciled
    | LockedByOthers
    | EpochOpened
    | Halted
    | VenuePaused
    | MarketPaused
    | ConnectionChanged
)
ToJournal: TypeAlias = Append | ReadJournal

_EPOCH_RETRY_S = 60.0


class Outside(Protocol):
    """What the desk needs of the actor that it serves."""

    @property
    def clock(self) -> Clock:
        """The system's clock."""

    @property
    def incarnation(self) -> int:
        """One more with each restart."""

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
        self.drain = ""
        """Why the bot stops; empty while it does not. Nothing is sent any more but cancels and look-ups."""
        self.epoch_asked = False
        """A new epoch was asked for and has not come."""
        self._journal = journal
        self._keys = 0

    @property
    def halted(self) -> str | None:
        """The first cause that the whole account is halted for."""
        return self.ledger.halts.get("")

    def now_s(self) -> float:
        """By the system's monotonic clock."""
        return self.outside.clock.monotonic_s()

    def after(self, delay_s: float, key: str) -> None:
        """A Tick of this key, later."""
        self.outside.after(delay_s, Tick(key))

    # -------------------------------------------------------------- facts

    def record(self, record: r.AnyRecord) -> str:
        """Apply a record, journal it and tell what follows; the key that Durable will name."""
        facts = self.ledger.apply(record)
        self._keys += 1
        # With the incarnation in it, a late Durable can't answer for another incarnation's record.
        key = f"{self.account}-{self.outside.incarnation}-{self._keys}"
        self._journal.tell(Append(self.account, key, r.encode(record)))
        for fact in facts:
            self._tell(fact)
        return key

    def _tell(self, fact: Fact) -> None:
        if isinstance(fact, Anomaly):
            self.violate(fact.invariant, fact.text)
        else:
            self.portfolio.tell(fact)

    def violate(self, invariant: str, text: str) -> None:
        """An invariant does not hold: say so and halt the account."""
        self.outside.publish(Violation(invariant, self.account, text))
        self.halt(None, f"{invariant}: {text}")

    def halt(self, mode: str | None, cause: str) -> None:
        """Stop placing; the first cause is kept and outlives every restart."""
        if (mode or "") not in self.ledger.halts:
            self.record(r.HaltEntry(mode, cause))
        self.tell_halts()

    def tell_halts(self) -> None:
        """What is halted, with its first cause, to portfolio and monitor."""
        for mode, cause in self.ledger.halts.items():
            halted = Halted(self.account, mode or None, cause)
            self.portfolio.tell(halted)
            self.outside.publish(halted)

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

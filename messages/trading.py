"""Trading states: what may be placed, in which scope, who said so first, and what an operator asks of an account.

Set by operators, the monitor, the warden, the exchange's error table, the journal and the loss limits; kept by each
account's orders actor in its journal; read by portfolios, modes, the monitor, the collector and the command line.
No state stops cancels and look-ups.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import ClassVar

from ganglion.messages.base import Message, Overflow, Request
from ganglion.messages.values import Symbol


class TradingState(enum.StrEnum):
    """What may be placed; of all that apply to an order the severest counts."""

    ACTIVE = "active"
    REDUCING = "reducing"
    """Only what reduces: on a spot market a sell of what the mode holds. A buy does not reduce."""
    HALTED = "halted"
    """Nothing but an operator's flatten."""

    @property
    def severity(self) -> int:
        """0 for active; the greater stops more."""
        return _SEVERITY[self]


_SEVERITY = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}


class By(enum.StrEnum):
    """Who set a state."""

    OPERATOR = "operator"
    INVARIANT = "invariant"
    """The monitor, or an actor that found its own state impossible."""
    ERROR = "error"
    """The error table: what the venue answered."""
    LOSS_LIMIT = "loss limit"
    PARKED = "parked"
    """The warden: a part that spent its restarts."""
    JOURNAL = "journal"


class ScopeKind(enum.StrEnum):
    """How far a state reaches."""

    BOT = "bot"
    ACCOUNT = "account"
    SYMBOL = "symbol"
    MODE = "mode"


class Scope(Message, frozen=True, gc=False):
    """Where a state applies. `str` is what people write: `bot`, `alpha`, `alpha/BTC/USDT`, `grid`."""

    kind: ScopeKind
    account: str = ""
    """Of an account, a symbol or a mode; empty for the whole bot."""
    name: str = ""
    """The symbol, or the mode's name; empty for a whole account and the whole bot."""

    def __str__(self) -> str:
        """As it is written on the command line."""
        match self.kind:
            case ScopeKind.BOT:
                return "bot"
            case ScopeKind.ACCOUNT:
                return self.account
            case ScopeKind.SYMBOL:
                return f"{self.account}/{self.name}"
            case ScopeKind.MODE:
                return self.name

    def covers(self, mode: str | None, symbol: Symbol | None) -> bool:
        """Whether it reaches a mode, or a market, of its account."""
        match self.kind:
            case ScopeKind.SYMBOL:
                return self.name == symbol
            case ScopeKind.MODE:
                return self.name == mode
            case _:
                return True


BOT_SCOPE = Scope(ScopeKind.BOT)


class Cause(Message, frozen=True, gc=False):
    """Why a state was set, by whom and when."""

    text: str
    by: By
    at_ms: int
    """By the system's wall clock."""
    who: str = ""
    """The operator's name; empty where nobody in person did it."""

    def __str__(self) -> str:
        """For people: the cause, with the operator's name where there is one."""
        return f"{self.text} (by {self.who})" if self.who else self.text


class StateEntry(Message, frozen=True, gc=False):
    """One scope's state with its first cause."""

    scope: Scope
    state: TradingState
    cause: Cause


class SetTradingState(Message, frozen=True, gc=False):
    """Let a scope come to a state, where it is not in it or a severer one; the first cause of each is kept.

    To a portfolio, which passes it on, or to an order line. The whole bot's goes to each account.
    """

    scope: Scope
    state: TradingState
    cause: Cause
    overflow: ClassVar[Overflow] = Overflow.KEEP


class LiftTradingState(Request[str], frozen=True, gc=False):
    """From an operator to an order line: let a scope be active again, by the way of a start (a new epoch).

    Answered with why it can't be; empty where it was done, or where nothing was set.
    """

    scope: Scope
    who: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class TradingStates(Message, frozen=True, gc=False):
    """Everything that is not active in one account, the bot's own states included; replaces what was told before."""

    account: str
    entries: tuple[StateEntry, ...]
    """In the order they were set."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Loss(Message, frozen=True, gc=False):
    """A loss limit that is exceeded now."""

    scope: Scope
    text: str
    """With the figures."""


class ReadLosses(Request[tuple[Loss, ...]], frozen=True, gc=False):
    """From an operator to the treasury: which loss limits are exceeded now?"""


class FlattenPart(Message, frozen=True, gc=False):
    """What a flatten did for one mode in one market."""

    mode: str
    symbol: Symbol
    held: Decimal
    """Base asset that the mode's own fills left it with."""
    selling: Decimal
    """Of it, what is being sold; 0 where nothing could be."""
    intent_id: str
    """Of the sell; empty where there is none."""
    why: str
    """Why not all of it, or nothing, is being sold; empty where all is."""
    stuck: bool = False
    """Nothing can be sold before somebody sees to `why`; False for what is only too little."""


class Flatten(Request[tuple[FlattenPart, ...]], frozen=True, gc=False):
    """From an operator to a portfolio: sell at market what the modes of this scope hold from their own fills.

    Only under REDUCING or HALTED. Through the line of every order: reserve, journal, client id, price collar.
    """

    scope: Scope
    who: str
    deadline_s: float
    """Of each sell, by the system's monotonic clock."""
    overflow: ClassVar[Overflow] = Overflow.KEEP

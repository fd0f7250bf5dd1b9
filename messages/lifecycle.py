"""Life and death: failures as plain values, events of the tree, connection states and epochs.

Said by cells, supervisors and exchange actors; read by supervisors, the monitor, the dashboard and the log.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from typing import ClassVar

from ganglion.messages.base import Message, Overflow
from ganglion.messages.trading import By
from ganglion.messages.values import Symbol


class Operation(enum.StrEnum):
    """What was being done when something failed."""

    READ = "read"
    STREAM = "stream"
    PLACE = "place"
    CANCEL = "cancel"
    AMEND = "amend"
    LOCAL = "local"


class Failure(Message, frozen=True, gc=False):
    """A failure as a value: it can be sent, stored, compared. Never the exception object, which pins frames."""

    error: str
    """The error's class name, `RequestTimeout`."""
    text: str
    traceback: str = ""
    """`file:line in function` per frame, outermost first; empty where it says nothing."""
    operation: Operation = Operation.LOCAL
    phase: str = "before_send"
    """before_send | maybe_sent | after_reply; only meaningful for requests to a venue."""
    message: str = ""
    """Type name of the message that was being handled."""
    bases: tuple[str, ...] = ()
    """Class names the error inherits from, nearest first: an error table looks them up in turn."""
    retry_after_s: float | None = None
    """What the venue asked us to wait."""
    fact: str = ""
    """Digest of the message that was being handled: the same fact failing twice in a row is not retried."""
    stop: bool = False
    """Restarting can't help (a wrong key, an unknown market): park without a slow retry."""
    escalated: bool = False
    """A supervisor failed with it, because a child of its had spent the budget."""
    blameless: bool = False
    """Its thread was hung by another actor: it is built anew and spends no budget."""


class CellState(enum.StrEnum):
    """Where a cell stands."""

    RESERVED = "reserved"
    """Its address is known, nothing runs in it yet; what is sent waits."""
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    """Failed or being restarted; what is sent waits."""
    PARKED = "parked"
    """Failed over its budget; alone, until a slow retry or a resume."""
    STOPPING = "stopping"
    STOPPED = "stopped"


# ------------------------------------------------------------------ events of the tree (the event stream)


class ActorStarted(Message, frozen=True, gc=False):
    """An actor can receive; `incarnation` above 1 means it was restarted."""

    path: str
    incarnation: int
    overflow: ClassVar[Overflow] = Overflow.KEEP


class ActorFailed(Message, frozen=True, gc=False):
    """A handler or a start raised; what the supervisor does about it follows."""

    path: str
    incarnation: int
    failure: Failure
    overflow: ClassVar[Overflow] = Overflow.KEEP


class ActorParked(Message, frozen=True, gc=False):
    """An actor spent its restart budget and stands alone until it is resumed."""

    path: str
    failure: Failure
    retry_s: float | None
    """When the slow retry comes; None where only an operator resumes it."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class ActorStopped(Message, frozen=True, gc=False):
    """A cell is gone for good; its address is dead."""

    path: str
    reason: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class ActorStuck(Message, frozen=True, gc=False):
    """A dispatcher has messages waiting and has made no progress for `seconds`."""

    dispatcher: str
    path: str
    """The actor whose turn it is; empty where none is known."""
    seconds: float
    overflow: ClassVar[Overflow] = Overflow.KEEP


class ThreadAbandoned(Message, frozen=True, gc=False):
    """A dispatcher's thread did not come back and was left to itself; its actors were built anew on another."""

    dispatcher: str
    path: str
    """The actor that hung it; empty where none is known."""
    handling: str
    """Type name of the message that it handled, or what else it was doing."""
    seconds: float
    stack: str
    """`file:line in function` per frame of the hung thread, outermost first."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Terminated(Message, frozen=True, gc=False):
    """To a watcher: the watched actor has stopped for good."""

    path: str
    reason: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class DeadLetter(Message, frozen=True, gc=False):
    """A message that nobody will handle, by type; counted, never silent."""

    path: str
    type: str
    reason: str
    fenced: bool = False
    """Told by a thread that was abandoned: of no account, whatever its type."""
    evidence: ClassVar[bool] = True


class Overflowed(Message, frozen=True, gc=False):
    """To a receiver that declares it: `count` messages of a type were dropped because its mailbox was full."""

    type: str
    count: int
    overflow: ClassVar[Overflow] = Overflow.KEEP


# ------------------------------------------------------------------ an arm's connection


class ConnectionState(enum.StrEnum):
    """Where an exchange connection stands. Expected network loss moves it and restarts nothing."""

    DOWN = "down"
    CONNECTING = "connecting"
    SYNCING = "syncing"
    LIVE = "live"
    DRAINING = "draining"


class ConnectionChanged(Message, frozen=True, gc=False):
    """An exchange's connection moved to another state."""

    exchange: str
    state: ConnectionState
    epoch: int
    reason: str
    at_s: float
    stopped: bool = False
    """It rests until the bot is started anew (a wrong key, a forbidden place); `reason` says why."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class EpochOpened(Message, frozen=True, gc=False):
    """From an exchange to its account: what you knew may be old; reconcile before you place anything."""

    exchange: str
    epoch: int
    reason: str
    as_of: int
    """Account events up to this sequence belong to earlier epochs."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class VenuePaused(Message, frozen=True, gc=False):
    """The venue asked for silence (429, 418, maintenance): places are denied until then, cancels wait first in line."""

    exchange: str
    until_s: float
    reason: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class MarketPaused(Message, frozen=True, gc=False):
    """The venue has closed one market for now: places in it are denied until then, the others go on."""

    exchange: str
    symbol: str
    until_s: float
    reason: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class BudgetSpent(Message, frozen=True, gc=False):
    """What an exchange actor has sent to its venue so far; for the monitor (I11), at most once a second while it sends.

    Sums go on across restarts of the actor; units are the venue's own.
    """

    exchange: str
    at_s: float
    requests: int
    """Sent so far."""
    units: float
    """Charged for them when they went, less what was given back."""
    units_per_s: float
    burst: float
    """Most units that may go at once."""
    dearest: float
    """Units of the dearest single request so far: it waits for a full bucket, and may cost more than that."""
    banned_until_s: float
    """Nothing at all may be sent before it."""
    overdrawn: float = 0.0
    """Most units by which a request reached into what is kept for those of a higher priority."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class HaltAccount(Message, frozen=True, gc=False):
    """Stop placing on an account; cancels and queries pass. The first cause is kept."""

    account: str
    cause: str
    by: By = By.ERROR
    overflow: ClassVar[Overflow] = Overflow.KEEP


class HaltMode(Message, frozen=True, gc=False):
    """Stop placing for one mode; its cancels pass. The first cause is kept."""

    mode: str
    cause: str
    by: By = By.ERROR
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Halted(Message, frozen=True, gc=False):
    """An account, one of its modes or of its markets was halted, with the first cause: news of `TradingStates`.

    The whole bot's halt is told by each account.
    """

    account: str
    mode: str | None
    cause: str
    symbol: Symbol | None = None
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Violation(Message, frozen=True, gc=False):
    """An invariant does not hold: which, where, and the figures that show it."""

    invariant: str
    """`I1` to `I14`."""
    account: str
    text: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Tick(Message, frozen=True, gc=False):
    """An actor's own timer; `key` says which."""

    key: str
    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        """One per timer: a receiver that was away needs to hear it once."""
        return self.key

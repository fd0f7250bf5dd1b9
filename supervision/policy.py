"""What a supervisor does about a failure: child specs, budgets, backoff and the pure `decide`.

No clock, no actor, no I/O: everything is handed in, so that it can be tested as a table and against a model.
The words are OTP's (child spec, permanent, transient, temporary, one for one), the restart in place is Pekko's.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ganglion.messages.base import Message
from ganglion.messages.lifecycle import Failure

if TYPE_CHECKING:
    from ganglion.supervision.actor import Actor
    from ganglion.supervision.dispatchers.base import Dispatcher

Restart: TypeAlias = Literal["permanent", "transient", "temporary"]
OnExhausted: TypeAlias = Literal["park", "escalate"]
OnEscalated: TypeAlias = Literal["restart", "exhaust"]
Factory: TypeAlias = "Callable[[], Actor[Any]]"


class Strategy(enum.Enum):
    """Who is restarted along with a child that failed."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"
    """The child and all that were started after it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `restarts` restarts within any `within_s` seconds."""

    restarts: int = 3
    within_s: float = 300.0

    def __post_init__(self) -> None:
        """Refuse numbers that can't be meant."""
        if self.restarts < 0 or self.within_s <= 0:
            raise ValueError(f"{self}: restarts must be at least 0 and within_s above 0")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between restarts: base, base*factor, base*factor^2 … up to a cap, with full jitter.

    The count starts again once a child has been healthy for `reset_after_s`.
    """

    base_s: float = 0.25
    factor: float = 2.0
    cap_s: float = 30.0
    reset_after_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse numbers that can't be meant."""
        if self.base_s < 0 or self.factor < 1 or self.cap_s < 0 or self.reset_after_s < 0:
            raise ValueError(f"{self}: times must not be negative and factor must be at least 1")

    def ceiling_s(self, attempt: int) -> float:
        """Return the longest wait before restart number `attempt` (the first is 0)."""
        try:
            return min(self.cap_s, self.base_s * self.factor**attempt)
        except OverflowError:
            return self.cap_s if self.base_s else 0.0

    def delay_s(self, attempt: int, chance: random.Random) -> float:
        """Draw a wait between 0 and the ceiling (full jitter)."""
        return chance.uniform(0.0, self.ceiling_s(attempt))


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How one child is made, restarted and stopped.

    Args:
        name: last step of its path; unique under its supervisor.
        factory: makes the actor, again on every restart; wiring stands in it.
        restart: permanent (always), transient (only after an abnormal end), temporary (never).
        shutdown_s: how long its stop may take before it is abandoned.
        budget: restarts it may spend.
        on_exhausted: park it alone, or escalate to the supervisor's own supervisor.
        mailbox: most messages that may wait for it, queue and stash together.
        dispatcher: a dispatcher or the name of one; None is its supervisor's.
        refuse: answers a command that its full mailbox refuses, typed, on its behalf.
        on_escalated: a supervisor that failed by what a child escalated is restarted within its budget, or that
            exhausts it at once: the budget below was the one that counts.
    """

    name: str
    factory: Factory
    restart: Restart = "permanent"
    shutdown_s: float = 5.0
    budget: Budget = field(default_factory=Budget)
    on_exhausted: OnExhausted = "park"
    mailbox: int = 10_000
    dispatcher: Dispatcher | str | None = None
    refuse: Callable[[Message, str], None] | None = None
    on_escalated: OnEscalated = "restart"

    def __post_init__(self) -> None:
        """Refuse a spec that can't be meant, saying which part is wrong."""
        if not self.name or "/" in self.name:
            raise ValueError(f"child name {self.name!r}: one step of a path, not empty and without a slash")
        if not callable(self.factory):
            raise TypeError(f"child {self.name!r}: factory must be callable, it is {self.factory!r}")
        if self.restart not in ("permanent", "transient", "temporary"):
            raise ValueError(f"child {self.name!r}: restart is permanent, transient or temporary, not {self.restart!r}")
        if self.on_exhausted not in ("park", "escalate"):
            raise ValueError(f"child {self.name!r}: on_exhausted is park or escalate, not {self.on_exhausted!r}")
        if self.on_escalated not in ("restart", "exhaust"):
            raise ValueError(f"child {self.name!r}: on_escalated is restart or exhaust, not {self.on_escalated!r}")
        if self.shutdown_s < 0 or self.mailbox < 1:
            raise ValueError(f"child {self.name!r}: shutdown_s must not be negative and mailbox at least 1")


@dataclass(frozen=True, slots=True)
class History:
    """What a supervisor remembers of one child."""

    restarts: tuple[float, ...] = ()
    """When it was restarted, oldest first, seconds."""
    attempt: int = 0
    """Restarts since it was last healthy: the exponent of the backoff."""
    started_s: float | None = None
    """When its present incarnation became ready; None if it never did."""
    last_fact: str = ""
    """The fact whose handling failed last."""

    def started(self, now: float) -> History:
        """Note that the child became ready."""
        return History(self.restarts, self.attempt, now, self.last_fact)

    def restarted(self, now: float, budget: Budget, backoff: Backoff, fact: str) -> History:
        """Note a restart; forget those outside the budget's window, and the attempts once it was healthy."""
        recent = tuple(t for t in self.restarts if now - t < budget.within_s)
        return History((*recent, now), self.attempt_at(now, backoff) + 1, None, fact)

    def attempt_at(self, now: float, backoff: Backoff) -> int:
        """Return the exponent of the next backoff: 0 again after a healthy period."""
        healthy = self.started_s is not None and now - self.started_s >= backoff.reset_after_s
        return 0 if healthy else self.attempt


class Verb(enum.Enum):
    """What to do about a child that ended."""

    RESTART = "restart"
    STOP = "stop"
    """It is done and stays away (temporary, or transient and normal)."""
    PARK = "park"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Directive:
    """A verb, and why."""

    verb: Verb
    reason: str
    slow_retry: bool = False
    """For PARK: try again once the budget's window has passed."""
    free: bool = False
    """For RESTART: it spends no budget and waits for no backoff."""


def decide(failure: Failure | None, spec: ChildSpec, history: History, now: float) -> Directive:
    """Decide about a child that ended: with a failure, or normally (None). Pure.

    The budget counts restarts, so a budget of 3 is exhausted by the fourth failure within its window. A fact whose
    handling fails twice in a row, within that window, exhausts it at once: the third time would be no different.
    """
    if spec.restart == "temporary":
        return Directive(Verb.STOP, "a temporary child is never restarted")
    if failure is None and spec.restart == "transient":
        return Directive(Verb.STOP, "a transient child ended normally")
    if failure is not None and failure.blameless:
        return Directive(Verb.RESTART, "its thread was hung by another", free=True)
    if failure is not None and failure.stop:
        return Directive(Verb.PARK, f"{failure.error}: restarting can't help")
    over = Verb.ESCALATE if spec.on_exhausted == "escalate" else Verb.PARK
    if failure is not None and failure.escalated and spec.on_escalated == "exhaust":
        return Directive(over, "the budget below it is spent", slow_retry=True)
    in_a_row = bool(history.restarts) and now - history.restarts[-1] < spec.budget.within_s
    if failure is not None and failure.fact and failure.fact == history.last_fact and in_a_row:
        return Directive(over, f"the same {failure.message} failed twice in a row", slow_retry=True)
    spent = sum(1 for t in history.restarts if now - t < spec.budget.within_s)
    if spent >= spec.budget.restarts:
        text = f"{spent} restarts within {spec.budget.within_s:g} s: the budget is spent"
        return Directive(over, text, slow_retry=True)
    return Directive(Verb.RESTART, "within budget")

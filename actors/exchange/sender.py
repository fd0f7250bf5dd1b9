"""Requests on their way to a venue: queued by priority, charged to the budget, matched with their replies.

Owned by one exchange actor and called only in its turns; knows no socket and no order. A request that
failed is retried where the error table says so, otherwise its asker hears of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ganglion.actors.exchange.budget import Budget, Lane, Priority
from ganglion.actors.exchange.directives import Directive, directive_for, row_of
from ganglion.actors.exchange.error_table import Verb
from ganglion.actors.exchange.venue import ReplyTo, Venue
from ganglion.messages.lifecycle import Failure, Operation
from ganglion.messages.values import Symbol
from ganglion.messages.venue import RequestFailed, VenueReply, VenueRequest

RETRY_BASE_S, RETRY_CAP_S = 0.25, 30.0
DEFAULT_COST = 1.0
BURST_S = 2.0
"""The bucket holds what the venue allows in so many seconds."""
LEAST_BURST = 10.0
REST_S = 300.0
"""So long a kind of reading that the key may not do is answered here; an operator may have granted it meanwhile."""
VITAL = frozenset({"FetchTime", "FetchMarkets", "FetchBook", "CancelAllAfter"})
"""Never rest: whether a venue answers at all is found out by them."""
REPORT_S = 1.0
"""Least time between two reports of what was sent."""


WRITES = frozenset({Priority.PLACE, Priority.CANCEL})
OPERATIONS = {
    Priority.CANCEL: Operation.CANCEL,
    Priority.QUERY: Operation.READ,
    Priority.PLACE: Operation.PLACE,
    Priority.POLL: Operation.READ,
}


def local_failure(error: str, text: str, operation: Operation, *bases: str) -> Failure:
    """A refusal of ours: nothing was sent."""
    return Failure(error=error, text=text, operation=operation, phase="before_send", bases=bases)


class Timers(Protocol):
    """What the sender needs of its actor."""

    def wake(self, key: str, delay_s: float) -> None:
        """Call `Sender.woken(key)` after a delay; a later call for the same key replaces an earlier one."""


@dataclass(slots=True)
class Asked:
    """One request and who waits for it."""

    make: Callable[[int], VenueRequest]
    priority: Priority
    done: Callable[[VenueReply], None]
    failed: Callable[[Failure], None]
    retries: int = 0
    """How often a reading may be repeated yet."""
    attempt: int = 0
    refused: Callable[[], Failure | None] | None = None
    """Asked at the very last moment, if it waited: why it must not be sent any more."""
    sent: Callable[[], None] | None = None
    kind: str = ""
    """The request's type name: what its cost is remembered under. Read from the request where it is not given."""
    symbol: Symbol | None = None
    """The market it asks about, where it is one; with `kind`."""
    waited: bool = False
    """It could not go when it came: what held then has to be asked again."""
    estimate: float = DEFAULT_COST
    request_id: int = 0
    sent_s: float = 0.0


class Sender:
    """Stands in front of one venue."""

    def __init__(
        self,
        venue: Venue,
        reply_to: ReplyTo,
        timers: Timers,
        now_s: Callable[[], float],
        dice: random.Random,
        first_id: int,
        effects: Callable[[Failure, Directive, Symbol | None], None],
        budget: Budget,
        report: Callable[[], None],
        told: Callable[[Asked | None, VenueReply], None],
        report_s: float = REPORT_S,
    ) -> None:
        self.venue = venue
        self.budget = budget
        self.report = report
        """Tells what was sent so far; at most once in `report_s` while something is, and at each ban."""
        self.streaks: dict[tuple[str, str], int] = {}
        """Failures in a row, by kind of request and class of failure."""
        self.clock_read_s = now_s()
        """What was sent before it was signed with an older clock: that it was refused says nothing new."""
        self.clock_under_way = False
        """The clock is being read to sign with it: what is refused meanwhile says nothing new either."""
        self._reply_to = reply_to
        self._timers = timers
        self._now_s = now_s
        self._dice = dice
        self._next_id = first_id
        self._effects = effects
        self._told = told
        self._report_s = report_s
        self._lane: Lane[Asked] = Lane()
        self._waiting: dict[int, Asked] = {}
        self._resting: dict[str, Asked] = {}
        """Waiting for the time of their retry, by timer key."""
        self._costs: dict[str, float] = {}
        self._not_allowed: dict[str, tuple[float, str]] = {}
        """Kinds of reading that rest: until when, and why."""
        self._report_planned = False

    def limits(self, units_per_s: float, burst: float | None = None) -> None:
        """Take the venue's own figures."""
        self.report()
        self.budget.allow(units_per_s, burst or max(LEAST_BURST, units_per_s * BURST_S), self._now_s())
        self.report()

    def __len__(self) -> int:
        return len(self._lane) + len(self._waiting) + len(self._resting)

    # -------------------------------------------------------------- in

    def take(self, asked: Asked) -> None:
        """Queue a request; it is answered through `done` or `failed`, exactly once.

        Its `refused` must have been asked just now: it is asked again only if the request has to wait.
        """
        if not asked.kind:
            request = asked.make(0)
            asked.kind = type(request).__name__
            asked.symbol = getattr(request, "symbol", None)
        asked.estimate = self._costs.get(asked.kind, DEFAULT_COST)
        until_s, why = self._not_allowed.get(asked.kind, (0.0, "")) if self._not_allowed else (0.0, "")
        if until_s and self._now_s() < until_s:
            asked.failed(local_failure("NotSupported", why, OPERATIONS[asked.priority], "ExchangeError"))
            return
        self._lane.push(asked.priority, asked, asked.estimate)
        self.pump()
        asked.waited = True

    def order(self, make: Callable[[int], VenueRequest]) -> None:
        """Submit what has no reply and no cost of its own (streams)."""
        self.venue.submit(make(self._take_id()), self._reply_to)

    def pump(self) -> None:
        """Send what may go now; plan the rest."""
        while True:
            now_s = self._now_s()
            asked = self._lane.pop_ready(self.budget, now_s)
            if asked is None:
                break
            refusal = asked.refused() if asked.waited and asked.refused is not None else None
            if refusal is not None:
                self.budget.settle(-asked.estimate, now_s)
                asked.failed(refusal)
                continue
            asked.request_id = self._take_id()
            asked.sent_s = now_s
            self._waiting[asked.request_id] = asked
            if asked.sent is not None:
                asked.sent()
            self.venue.submit(asked.make(asked.request_id), self._reply_to)
            if not self._report_planned:
                self._report_planned = True
                self._timers.wake("spent", self._report_s)
        if not self._lane:
            return
        ready = self._lane.ready_at(self.budget, now_s)
        if ready is not None:
            self._timers.wake("lane", max(0.001, ready - now_s))

    def woken(self, key: str) -> None:
        """A timer of ours fired."""
        asked = self._resting.pop(key, None)
        if asked is not None:
            self.take(asked)
        elif key == "spent":
            self._report_planned = False
            self.report()
        else:
            self.pump()

    def refuse_waiting(self) -> None:
        """Answer what is queued and must not be sent any more (the venue asked for silence, an epoch ended)."""
        for asked in self._lane.remove():
            refusal = asked.refused() if asked.refused is not None else None
            if refusal is not None:
                asked.failed(refusal)
            else:
                self._lane.push(asked.priority, asked, asked.estimate)
        self.pump()

    def abandon(self, why: str) -> None:
        """Answer whatever nobody else will: all that was not sent, and readings whose reply comes too late.

        Writes under way are left out: their answers reach the next incarnation and count there.
        """
        reads = [asked for asked in self._waiting.values() if asked.priority not in WRITES]
        unsent = [*self._lane.remove(), *self._resting.values()]
        self._resting.clear()
        self._waiting.clear()
        for asked in (*unsent, *reads):
            asked.failed(local_failure("ExchangeClosedByUser", why, OPERATIONS[asked.priority], "ExchangeError"))

    # -------------------------------------------------------------- out

    def replied(self, reply: VenueReply) -> float | None:
        """A reply came; when its request was sent, None where an earlier incarnation sent it.

        One to an earlier incarnation's reading is nobody's; writes are looked at elsewhere.
        """
        asked = self._waiting.pop(reply.request_id, None)
        self._told(asked, reply)
        if asked is None:
            return None
        cost = getattr(reply, "cost", 0.0)
        self.budget.settle(cost - asked.estimate, self._now_s())
        if cost > 0:
            self._costs[asked.kind] = cost
        if isinstance(reply, RequestFailed):
            self._reading_failed(asked, reply.failure)
        else:
            if getattr(reply, "failure", None) is None:
                self._succeeded(asked.kind)
            asked.done(reply)
        self.pump()
        return asked.sent_s

    def charged(self, cost: float) -> None:
        """A request that nobody asked for was charged."""
        self.budget.settle(cost, self._now_s())

    def _succeeded(self, kind: str) -> None:
        if self.streaks:
            for key in [key for key in self.streaks if key[0] == kind]:
                del self.streaks[key]

    def directive(self, failure: Failure, kind: str, sent_s: float | None = None) -> Directive:
        """What the table says about this failure of a request, counting it among those of its kind."""
        error = row_of(failure).error
        if error == "InvalidNonce" and sent_s is not None and (self.clock_under_way or sent_s <= self.clock_read_s):
            return directive_for(failure)
        streak = self.streaks[kind, error] = self.streaks.get((kind, error), 0) + 1
        return directive_for(failure, streak=streak)

    def rest(self, asked: Asked, delay_s: float) -> None:
        """Queue again after a delay."""
        key = f"retry:{self._take_id()}"
        self._resting[key] = asked
        self._timers.wake(key, delay_s)

    def _reading_failed(self, asked: Asked, failure: Failure) -> None:
        directive = self.directive(failure, asked.kind, asked.sent_s)
        if directive.says(Verb.STOP_CAPABILITY) and asked.kind not in VITAL:
            why = f"not asked again for a while: {failure.error}: {failure.text}"
            self._not_allowed[asked.kind] = (self._now_s() + REST_S, why)
        again = directive.says(Verb.RETRY) or directive.says(Verb.PAUSE)
        if again and asked.retries > 0:
            asked.retries -= 1
            ceiling = min(RETRY_CAP_S, RETRY_BASE_S * 2 ** min(asked.attempt, 20))
            asked.attempt += 1
            self.rest(asked, self._dice.uniform(0, ceiling))
        else:
            asked.failed(failure)
        self._effects(failure, directive, asked.symbol)

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id

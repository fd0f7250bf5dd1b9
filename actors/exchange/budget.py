"""The rate budget of one venue: who may be sent now, by priority, in the venue's own cost units. Pure.

The exchange actor keeps its requests in a `Lane` in front of the venue and asks the `Budget` which may
go. A leaky bucket of `burst` units refills at `units_per_s`; lower priorities leave a reserve for higher
ones, so a cancel never waits behind polling. Times are seconds of the system's monotonic clock, handed in.
Invariant I11: in any interval of t seconds at most `burst + units_per_s * t` units are sent, where a
request that costs more than the whole bucket waits for a full one and is paid off before the next.
"""

from __future__ import annotations

import enum
import heapq
from collections import Counter
from typing import Generic, TypeVar

T = TypeVar("T")


class Priority(enum.IntEnum):
    """Who goes first."""

    CANCEL = 0
    QUERY = 1
    """Readings that an order's fate hangs on."""
    PLACE = 2
    POLL = 3
    """Everything that can wait."""


RESERVE = {Priority.CANCEL: 0.0, Priority.QUERY: 0.1, Priority.PLACE: 0.2, Priority.POLL: 0.4}
"""The share of the bucket that each priority must leave behind."""


PAUSED = frozenset({Priority.PLACE, Priority.POLL})
"""What waits while the venue asks for calm."""


class Budget:
    """How much may be sent to one venue, and since when it asked for silence."""

    def __init__(self, units_per_s: float, burst: float, now_s: float) -> None:
        _check(units_per_s, burst)
        self.units_per_s = units_per_s
        self.burst = burst
        self.banned_until_s = now_s
        """Nothing goes before it: the venue named a time (Retry-After)."""
        self.paused_until_s = now_s
        """Places and polls wait; cancels and queries pass."""
        self.spent: Counter[Priority] = Counter()
        """Requests sent, by priority."""
        self.units = 0.0
        """Charged for them when they went, less what was given back: what I11 is judged by."""
        self.dearest = 0.0
        """Units of the dearest single request."""
        self.overdrawn = 0.0
        """Most units by which a request reached into what its priority must leave behind: 0 as long as all waited."""
        self.rate_limited = 0
        """How often the venue said that our model of its limits is wrong."""
        self._tokens = burst
        self._at_s = now_s

    def allow(self, units_per_s: float, burst: float, now_s: float) -> None:
        """Take the venue's own figures; what was spent stays spent, bans and pauses stay."""
        _check(units_per_s, burst)
        self._refill(now_s)
        self._tokens += burst - self.burst
        self.units_per_s, self.burst = units_per_s, burst

    def tokens(self, now_s: float) -> float:
        """Units that may be spent now; negative where a costly request is being paid off."""
        self._refill(now_s)
        return self._tokens

    def ready_at(self, priority: Priority, cost: float, now_s: float) -> float:
        """When such a request may be sent if nothing else is; `now_s` itself if at once."""
        self._refill(now_s)
        need = self._need(priority, cost)
        wait_s = max(0.0, (need - self._tokens) / self.units_per_s)
        ready = max(now_s + wait_s, self.banned_until_s)
        if priority in PAUSED:
            ready = max(ready, self.paused_until_s)
        return ready

    def spend(self, priority: Priority, cost: float, now_s: float) -> None:
        """Charge a request that goes now."""
        self._refill(now_s)
        missing = self._need(priority, cost) - self._tokens
        self.overdrawn = max(self.overdrawn, missing)
        self._tokens -= cost
        self.spent[priority] += 1
        self.units += cost
        self.dearest = max(self.dearest, cost)

    def settle(self, difference: float, now_s: float) -> None:
        """Charge what a request cost beyond its estimate (or give back what it cost less)."""
        self._refill(now_s)
        self._tokens = min(self.burst, self._tokens - difference)
        # What turned out dearer was sent in good faith, and is paid off before the next.
        self.units += min(0.0, difference)

    def ban(self, until_s: float) -> None:
        """Send nothing at all until then; a later end wins."""
        self.banned_until_s = max(self.banned_until_s, until_s)
        self.pause(until_s)

    def pause(self, until_s: float) -> None:
        """Hold places and polls until then; a later end wins."""
        self.paused_until_s = max(self.paused_until_s, until_s)

    def resume(self, now_s: float, planned_s: float) -> None:
        """End a pause that was planned to last until `planned_s` early; a longer one, or a ban, goes on."""
        if self.paused_until_s <= planned_s:
            self.paused_until_s = max(now_s, self.banned_until_s)

    def _need(self, priority: Priority, cost: float) -> float:
        return min(cost + RESERVE[priority] * self.burst, self.burst)

    def _refill(self, now_s: float) -> None:
        if now_s > self._at_s:
            gained = (now_s - self._at_s) * self.units_per_s
            self._tokens = min(self.burst, self._tokens + gained)
            self._at_s = now_s


def _check(units_per_s: float, burst: float) -> None:
    if units_per_s <= 0 or burst <= 0:
        raise ValueError(f"a rate budget needs positive figures, not {units_per_s=} {burst=}")


class Lane(Generic[T]):
    """Requests that wait for the budget: by priority, then in the order they came."""

    def __init__(self) -> None:
        self._heap: list[tuple[Priority, int, T, float]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, priority: Priority, item: T, cost: float) -> None:
        """Add one at the end of its priority."""
        self._count += 1
        heapq.heappush(self._heap, (priority, self._count, item, cost))

    def pop_ready(self, budget: Budget, now_s: float) -> T | None:
        """The first that may go now, charged; None if it must wait. Nothing overtakes it."""
        heap = self._heap
        if not heap:
            return None
        priority, _, item, cost = heap[0]
        if budget.ready_at(priority, cost, now_s) > now_s:
            return None
        heapq.heappop(heap)
        budget.spend(priority, cost, now_s)
        return item

    def ready_at(self, budget: Budget, now_s: float) -> float | None:
        """When the first may go; None where nothing waits."""
        if not self._heap:
            return None
        priority, _, _, cost = self._heap[0]
        return budget.ready_at(priority, cost, now_s)

    def remove(self, keep: Priority | None = None) -> list[T]:
        """Take out everything (or everything but one priority), in order."""
        out = [entry for entry in self._heap if entry[0] != keep]
        self._heap = [entry for entry in self._heap if entry[0] == keep]
        heapq.heapify(self._heap)
        return [entry[2] for entry in sorted(out, key=lambda entry: entry[:2])]

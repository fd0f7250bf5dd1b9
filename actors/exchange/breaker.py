"""A venue's circuit breaker as a pure state machine: when so much fails that nothing new should be sent to it.

Kept in `VenueMemory`, so that a restart of the exchange actor does not close it; health.py feeds it each reply and
acts on what it says. Closed -> open after 5 failures in a row, or where at least half of at least 20 calls within
30 s failed; open -> half-open after a cool-off, when one cheap reading is tried; that decides. Times are seconds of
the system's monotonic clock, handed in.
"""

from __future__ import annotations

import enum
from collections import deque

IN_A_ROW = 5
WINDOW_S, LEAST_CALLS, SHARE = 30.0, 20, 0.5
PROBE_S = 5.0
"""First cool-off, and the pause between probes."""
LONGEST_S = 60.0
HEALTHY_S = 60.0
"""A breaker that opens again sooner after it closed waits twice as long as the last time before its first probe."""


class BreakerState(enum.StrEnum):
    """Where it stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """One reading is under way; its outcome decides."""


class Breaker:
    """One venue's breaker.

    Attributes:
        state: where it stands.
        reason: the failure that opened it, while it is not closed.
        since_s: when it opened last.
        probe_at_s: when the next probe may go, while it is open.
        opened: how often it has opened.
    """

    def __init__(self) -> None:
        self.state = BreakerState.CLOSED
        self.reason = ""
        self.since_s = 0.0
        self.probe_at_s = 0.0
        self.opened = 0
        self._in_a_row = 0
        self._calls: deque[tuple[float, bool]] = deque()
        """Time and failure of each call in the window, oldest first."""
        self._failed = 0
        self._closed_s: float | None = None
        self._cool_s = PROBE_S

    @property
    def closed(self) -> bool:
        """Whether places may be sent."""
        return self.state is BreakerState.CLOSED

    def note(self, now_s: float, *, failed: bool, reason: str = "") -> bool:
        """Count one call that was answered or failed; True if it opened the breaker."""
        self._calls.append((now_s, failed))
        self._failed += failed
        while self._calls[0][0] <= now_s - WINDOW_S:
            self._failed -= self._calls.popleft()[1]
        self._in_a_row = self._in_a_row + 1 if failed else 0
        if not failed or not self.closed:
            return False
        if self._in_a_row >= IN_A_ROW:
            return self.trip(now_s, f"{self._in_a_row} failures in a row, the last: {reason}")
        if len(self._calls) >= LEAST_CALLS and self._failed >= SHARE * len(self._calls):
            share = f"{self._failed} of {len(self._calls)} calls failed within {WINDOW_S:.0f} s"
            return self.trip(now_s, f"{share}, the last: {reason}")
        return False

    def trip(self, now_s: float, reason: str) -> bool:
        """Open it whatever was counted; False where it is open, and the first reason is kept."""
        if not self.closed:
            return False
        flapping = self._closed_s is not None and now_s - self._closed_s < HEALTHY_S
        self._cool_s = min(LONGEST_S, self._cool_s * 2) if flapping else PROBE_S
        self.state, self.reason, self.since_s = BreakerState.OPEN, reason, now_s
        self.probe_at_s = now_s + self._cool_s
        self.opened += 1
        return True

    def try_now(self, now_s: float) -> bool:
        """Go half-open if the cool-off is over: then one probe is to be made."""
        if self.state is not BreakerState.OPEN or now_s < self.probe_at_s:
            return False
        self.state = BreakerState.HALF_OPEN
        return True

    def probed(self, now_s: float, *, answered: bool) -> bool:
        """The probe's outcome: closed if the venue `answered`, else open again; True where that closed it."""
        if self.state is not BreakerState.HALF_OPEN:
            return False
        if not answered:
            self.state = BreakerState.OPEN
            self.probe_at_s = now_s + PROBE_S
            return False
        self.state = BreakerState.CLOSED
        self._closed_s = now_s
        self._in_a_row = self._failed = 0
        self._calls.clear()
        return True

    def proved(self, now_s: float) -> bool:
        """The venue answered whoever wanted to connect again; True where that closed it. One that flaps waits."""
        if self.closed or self._cool_s > PROBE_S:
            return False
        self.state = BreakerState.HALF_OPEN
        return self.probed(now_s, answered=True)

    def interrupt(self, now_s: float) -> None:
        """Whoever made the probe is gone: it is made again at once."""
        if self.state is BreakerState.HALF_OPEN:
            self.state = BreakerState.OPEN
            self.probe_at_s = now_s

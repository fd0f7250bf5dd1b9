"""What time it is: a seam. Actors, dispatchers and supervisors read the clock they were given and no other.

`RealClock` runs live; `VirtualClock` stands still until the simulation moves it.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings: durations by `monotonic_s`, dates by `now_ms`."""

    def monotonic_s(self) -> float:
        """Seconds that never run backwards; the zero means nothing."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""


class RealClock:
    """The machine's clock."""

    def monotonic_s(self) -> float:
        """Seconds by the machine's monotonic clock."""
        return time.monotonic()

    def now_ms(self) -> int:
        """The machine's wall clock, milliseconds since 1970."""
        return time.time_ns() // 1_000_000


class VirtualClock:
    """A clock that only the simulation moves."""

    def __init__(self, start_ms: int = 1_700_000_000_000, now_s: float = 0.0) -> None:
        """Start at a fixed date, so that two runs see the same times.

        Args:
            start_ms: the date at monotonic 0.
            now_s: monotonic seconds already gone by, for a process that starts in the middle of a world.
        """
        self._start_ms = start_ms
        self._now_s = now_s
        self.skew_ms = 0
        """How far the wall clock is ahead of the true date."""

    def monotonic_s(self) -> float:
        """Virtual seconds since the start."""
        return self._now_s

    def now_ms(self) -> int:
        """The virtual date."""
        return self._start_ms + int(self._now_s * 1000) + self.skew_ms

    def move_to(self, monotonic_s: float) -> None:
        """Jump forward; a time in the past changes nothing."""
        self._now_s = max(self._now_s, monotonic_s)

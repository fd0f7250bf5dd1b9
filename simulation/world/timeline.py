"""Virtual time of everything outside the bots: venues, faults, the beginning of a bot's next life.

The `World` moves it; a bot's own timers are its dispatcher's. Timers of one instant fire in the order they were set.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

START_MS = 1_700_000_000_000
"""2023-11-14: a fixed date, so that two runs see the same times."""


class Timer:
    """Something that will happen unless it is cancelled."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Let it not happen."""
        self.action = None


class Timeline:
    """What happens when, outside the actors."""

    def __init__(self, start_ms: int = START_MS) -> None:
        """Begin at 0 s, which is the date `start_ms`."""
        self.now_s = 0.0
        """Seconds since the world began."""
        self.start_ms = start_ms
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def now_ms(self) -> int:
        """The true date, milliseconds since 1970."""
        return self.start_ms + int(self.now_s * 1000)

    def call_at(self, when_s: float, action: Callable[[], None]) -> Timer:
        """Call back at an instant, or as the next thing where that is over."""
        timer = Timer(action)
        heapq.heappush(self._timers, (max(when_s, self.now_s), next(self._order), timer))
        return timer

    def call_later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Call back after a delay."""
        return self.call_at(self.now_s + delay_s, action)

    def next_s(self) -> float | None:
        """When the next live timer fires; None where there is none."""
        timers = self._timers
        while timers and timers[0][2].action is None:
            heapq.heappop(timers)
        return timers[0][0] if timers else None

    def fire(self) -> None:
        """Do what is due next, at its time; the clock must not be past it."""
        when_s, _, timer = heapq.heappop(self._timers)
        self.now_s = max(self.now_s, when_s)
        action, timer.action = timer.action, None
        if action is not None:
            action()

"""The clock of a paper account: the real exchange's date as far as it is known, for its trades are stamped by it."""

from __future__ import annotations

from ganglion.supervision import Clock


class VenueClock:
    """Our clock, moved to the exchange's; its date never goes back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ms = 0
        self._last_ms = 0

    def monotonic_s(self) -> float:
        """Seconds that never run backwards."""
        return self._clock.monotonic_s()

    def now_ms(self) -> int:
        """Milliseconds since 1970 by the exchange's clock."""
        self._last_ms = max(self._last_ms, self._clock.now_ms() + self._ahead_ms)
        return self._last_ms

    def heard(self, venue_ms: int) -> None:
        """The exchange says what time it is."""
        self._ahead_ms = venue_ms - self._clock.now_ms()

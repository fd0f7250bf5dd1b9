"""An exchange connection as a pure state machine: where it stands, why, since when, and how long so far.

The exchange actor moves it and tells `ConnectionChanged`; expected network loss is a state here and
restarts nothing. Times are seconds of the system's monotonic clock, handed in.
"""

from __future__ import annotations

import random

from ganglion.messages.lifecycle import ConnectionState

S = ConnectionState

LEGAL: dict[ConnectionState, frozenset[ConnectionState]] = {
    S.DOWN: frozenset({S.CONNECTING, S.DRAINING}),
    S.CONNECTING: frozenset({S.SYNCING, S.DOWN, S.DRAINING}),
    S.SYNCING: frozenset({S.LIVE, S.CONNECTING, S.DOWN, S.DRAINING}),
    S.LIVE: frozenset({S.CONNECTING, S.DOWN, S.DRAINING}),
    S.DRAINING: frozenset({S.DOWN}),
}
"""Moves that exist; a drained connection never comes back in this incarnation."""


class IllegalMoveError(ValueError):
    """A connection was told to make a move that the table does not have."""


class Connection:
    """Where one arm's connection stands."""

    def __init__(self, now_s: float, reason: str = "not started") -> None:
        self.state = S.DOWN
        self.reason = reason
        self.since_s = now_s
        self.reconnects = 0
        """How often it left Live for Connecting."""
        self._total_s = dict.fromkeys(S, 0.0)

    def move(self, state: ConnectionState, reason: str, now_s: float) -> bool:
        """Go to `state`; False where it already is there (the reason is kept up to date).

        Raises:
            IllegalMoveError: the move is not in `LEGAL`.
        """
        if state is self.state:
            self.reason = reason
            return False
        if state not in LEGAL[self.state]:
            raise IllegalMoveError(
                f"a connection cannot go from {self.state} to {state} ({reason}); legal from there: "
                f"{', '.join(sorted(LEGAL[self.state]))}"
            )
        if self.state is S.LIVE and state is S.CONNECTING:
            self.reconnects += 1
        self._total_s[self.state] += now_s - self.since_s
        self.state, self.reason, self.since_s = state, reason, now_s
        return True

    def seconds_in(self, now_s: float) -> dict[ConnectionState, float]:
        """Seconds spent in each state so far, the present one included; they add up to its age."""
        totals = dict(self._total_s)
        totals[self.state] += now_s - self.since_s
        return totals


class ReconnectBackoff:
    """When to try again: 0.25 s x2 with full jitter, never above 5 s, from the start after a healthy stretch."""

    def __init__(self, base_s: float = 0.25, cap_s: float = 5.0, healthy_s: float = 10.0) -> None:
        self.base_s = base_s
        self.cap_s = cap_s
        self.healthy_s = healthy_s
        """A connection that held for so long starts a new count; a shorter one only interrupted the old."""
        self.failures = 0
        """In a row."""
        self._up_since_s: float | None = None

    def came_up(self, now_s: float) -> None:
        """It works again."""
        self._up_since_s = now_s

    def failed(self, now_s: float) -> int:
        """Count one more failure; how many there were in a row, this one included."""
        if self._up_since_s is not None and now_s - self._up_since_s >= self.healthy_s:
            self.failures = 0
        self._up_since_s = None
        self.failures += 1
        return self.failures

    def delay_s(self, dice: random.Random) -> float:
        """Seconds until the next try."""
        return dice.uniform(0, min(self.cap_s, self.base_s * 2 ** min(max(0, self.failures - 1), 30)))

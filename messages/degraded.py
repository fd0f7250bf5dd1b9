"""What works less well than it should: a venue whose breaker is open, a stream that is polled, a switch not armed.

Said by exchange actors. `VenueDown` and `VenueBack` are acted on (orders passes them to the portfolio, which suspends
its modes); `Degraded` is for people: collector, log, dashboard.
"""

from __future__ import annotations

from typing import ClassVar

from ganglion.messages.base import Message, Overflow


class VenueDown(Message, frozen=True, gc=False):
    """The venue's circuit breaker is open: places are denied until VenueBack, cancels and look-ups go on.

    Told once when it opens, and again with each epoch while it stays open.
    """

    exchange: str
    reason: str
    at_s: float
    overflow: ClassVar[Overflow] = Overflow.KEEP


class VenueBack(Message, frozen=True, gc=False):
    """The venue answered a probe: its breaker is closed."""

    exchange: str
    reason: str
    at_s: float
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Degraded(Message, frozen=True, gc=False):
    """Something at an exchange works less well than it should, or does again."""

    exchange: str
    what: str
    """What it is, always by the same name: `breaker`, `book BTC/USDT`, `user stream`, `dead man's switch`."""
    reason: str
    """Why, and what is done instead; empty once it works as it should."""
    since_s: float
    """By the system's monotonic clock, when it began (where it ended, that it did)."""
    overflow: ClassVar[Overflow] = Overflow.KEEP

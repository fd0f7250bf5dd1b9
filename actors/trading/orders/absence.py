"""When finding nothing proves something: spaced votes, valid only past the request's expiry by the venue's clock.

Pure. The orders actor feeds it each LookUpDone about an order; it answers with what to do next. Votes are not kept
in the journal: after a restart or in a new epoch they start again from none.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ganglion.actors.trading.orders.line import Line
from ganglion.actors.trading.orders.settings import OrdersSettings
from ganglion.messages.orders import LookUpDone, OrderState


class Finding(enum.Enum):
    """What one look-up came to."""

    ANSWERED = "answered"
    """The line has no open question any more."""
    AGAIN = "again"
    """Ask again after the spacing."""
    FAILED = "failed"
    """The look-up itself failed: ask again, with backoff."""
    ABSENT = "absent"
    """Proven: the venue never had it."""
    GONE = "gone"
    """Proven: the venue had it and knows it no more; its trades are all known."""
    CONCLUDE = "conclude"
    """Ended, and its trades are whole: they say how much was filled."""
    INFER = "infer"
    """The cumulative quantity says more than any trade that can be read."""
    UNANSWERED = "unanswered"
    """Absent by votes, but our own request may still be on its way: a new epoch has to end that first."""


@dataclass(slots=True)
class Watch:
    """Votes about one order in one epoch."""

    votes: int = 0
    last_vote_ms: int = 0
    first_ms: int = 0
    """The venue's clock at the first look-up: later than the send wherever that is not known."""
    whole: int = 0
    """Valid look-ups that found the order but not all of its trades."""
    failures: int = 0
    asked: int = 0

    def judge(self, line: Line, done: LookUpDone, settings: OrdersSettings, *, may_be_under_way: bool) -> Finding:
        """What this look-up means, after its order and trades were applied to the line.

        `may_be_under_way` is True while the exchange has not said how the attempt ended and no epoch has ended it.
        """
        if done.failure is not None:
            self.failures += 1
            return Finding.FAILED
        self.failures = 0
        if not line.question:
            return Finding.ANSWERED
        if not done.counts:
            return Finding.AGAIN
        if done.order is not None:
            return self._incomplete(line, settings)
        if line.state is not OrderState.UNKNOWN:
            return self._incomplete(line, settings)
        return self._absent(line, done, settings, may_be_under_way=may_be_under_way)

    def _incomplete(self, line: Line, settings: OrdersSettings) -> Finding:
        self.whole += 1
        if line.missing:
            enough = self.whole >= settings.look_ups_before_inference
            return Finding.INFER if enough else Finding.AGAIN
        if line.ended is not None and line.venue_filled is None and self.whole > 1:
            return Finding.CONCLUDE
        return Finding.AGAIN

    def _absent(self, line: Line, done: LookUpDone, settings: OrdersSettings, *, may_be_under_way: bool) -> Finding:
        self.first_ms = self.first_ms or done.venue_ms
        sent_ms = line.sent_ms or self.first_ms
        if done.venue_ms < sent_ms + settings.evidence_grace_s * 1000:
            return Finding.AGAIN
        if self.votes and done.venue_ms < self.last_vote_ms + settings.vote_spacing_s * 1000:
            return Finding.AGAIN
        self.votes += 1
        self.last_vote_ms = done.venue_ms
        if self.votes < settings.votes:
            return Finding.AGAIN
        if may_be_under_way:
            return Finding.UNANSWERED
        if line.missing:
            return Finding.INFER
        return Finding.GONE if line.exists else Finding.ABSENT

    def delay_s(self, settings: OrdersSettings) -> float:
        """Until the next look-up: the spacing, doubled for each failure in a row up to the cap."""
        factor = 2.0 ** min(self.failures, 10)
        return min(settings.vote_spacing_s * factor, settings.look_up_cap_s)

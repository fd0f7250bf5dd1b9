"""The circuit breaker at work: what each reply means for it, and what it means for the arm.

Called by sender.py with each reply and by actor.py when a timer fires. While the breaker is open places are refused
here and denied by the portfolio (VenueDown), readings that can wait do, cancels and look-ups go on; a probe each 5 s
finds out when the venue answers again.
"""

from __future__ import annotations

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.breaker import Breaker
from ganglion.actors.exchange.budget import Priority
from ganglion.actors.exchange.directives import row_of
from ganglion.actors.exchange.link import Link
from ganglion.actors.exchange.sender import Asked
from ganglion.messages.degraded import Degraded, VenueBack, VenueDown
from ganglion.messages.lifecycle import Failure
from ganglion.messages.venue import (
    FetchBook,
    FetchCandles,
    FetchMarkets,
    FetchTime,
    FetchTrades,
    VenueReply,
    VenueRequest,
)

TIMER = "breaker"
WHAT = "breaker"
COUNTED = frozenset({"OperationFailed", "NetworkError", "ExchangeNotAvailable", "RequestTimeout"})
UNREADABLE = frozenset({"BadResponse", "NullResponse"})
"""Count too, but not of market data: one market's empty book is no reason to stop trading in the others."""
MARKET_DATA = frozenset({FetchBook.__name__, FetchCandles.__name__, FetchTrades.__name__})
MAINTENANCE = "OnMaintenance"


class Health:
    """One arm's breaker."""

    def __init__(self, arm: Arm, link: Link) -> None:
        """Go on with the breaker that an earlier incarnation left."""
        self.arm = arm
        self.link = link
        self.breaker: Breaker = arm.memory.breaker

    def start(self) -> None:
        """Take up an open breaker."""
        if not self.breaker.closed:
            self.breaker.interrupt(self.arm.now_s)
            self._plan()

    def told(self, asked: Asked | None, reply: VenueReply) -> None:
        """A reply came, to whatever was asked (None: by an older incarnation)."""
        failure: Failure | None = getattr(reply, "failure", None)
        error = "" if failure is None else row_of(failure).error
        kind = "" if asked is None else asked.kind
        now = self.arm.now_s
        failed = error in COUNTED or (error in UNREADABLE and kind not in MARKET_DATA)
        reason = "" if failure is None else f"{failure.error}: {failure.text}"
        if failure is not None and error == MAINTENANCE:
            opened = self.breaker.trip(now, f"{MAINTENANCE}: {failure.text}")
        elif failure is None or failed:
            opened = self.breaker.note(now, failed=failed, reason=reason)
        else:
            return  # an answer all the same, with a meaning and a consequence of its own
        if opened:
            self._opened()

    def repeat(self) -> None:
        """A new epoch: whoever listens there may have lost what it knew."""
        if not self.breaker.closed:
            self._tell_down()

    def look(self) -> None:
        """The cool-off may be over: probe."""
        if self.arm.stopped or not self.breaker.try_now(self.arm.now_s):
            if not self.breaker.closed and not self.arm.stopped:
                self._plan()
            return
        caps, symbols = self.arm.capabilities, list(self.arm.markets)

        def make(number: int) -> VenueRequest:
            if caps.fetch_time:
                return FetchTime(number)
            return FetchBook(number, symbols[0], 5) if symbols else FetchMarkets(number, ())

        self.arm.fetch(make, Priority.QUERY, self._answered, self._not_answered)

    # -------------------------------------------------------------- inside

    def _opened(self) -> None:
        self.arm.log.error("venue down", reason=self.breaker.reason, next_probe_s=self._left_s())
        self._tell_down()
        self._plan()
        self.link.venue_down(self.breaker.reason)
        self.arm.sender.refuse_waiting()

    def _tell_down(self) -> None:
        arm, breaker = self.arm, self.breaker
        down = VenueDown(arm.name, breaker.reason, breaker.since_s)
        arm.tell_orders(down)
        arm.host.publish(down)
        arm.host.publish(Degraded(arm.name, WHAT, f"open, nothing is placed: {breaker.reason}", breaker.since_s))

    def _left_s(self) -> float:
        return round(max(0.0, self.breaker.probe_at_s - self.arm.now_s), 3)

    def _plan(self) -> None:
        self.arm.sender.budget.pause(self.breaker.probe_at_s)
        self.arm.host.wake(TIMER, max(0.001, self.breaker.probe_at_s - self.arm.now_s))

    def reconnected(self) -> None:
        """The link's own probe was answered after a loss: there is nothing left to wait for."""
        if self.breaker.proved(self.arm.now_s):
            self._closed()

    def _answered(self, _reply: VenueReply) -> None:
        if self.breaker.probed(self.arm.now_s, answered=True):
            self._closed()

    def _closed(self) -> None:
        arm, breaker = self.arm, self.breaker
        reason, since_s = breaker.reason, breaker.since_s
        arm.sender.budget.resume(arm.now_s, breaker.probe_at_s)
        text = f"the venue answers again after {arm.now_s - since_s:.1f} s"
        arm.log.warning("venue back", reason=text)
        back = VenueBack(arm.name, text, arm.now_s)
        arm.tell_orders(back)
        arm.host.publish(back)
        arm.host.publish(Degraded(arm.name, WHAT, "", arm.now_s))
        if reason.startswith(MAINTENANCE):
            # A venue may cancel orders and move money while it is being worked on.
            self.link.open_epoch("after maintenance")
        arm.sender.pump()

    def _not_answered(self, failure: Failure) -> None:
        self.breaker.probed(self.arm.now_s, answered=False)
        self.arm.log.info("venue still down", error=failure.error, text=failure.text)
        self._plan()

"""The dead man's switch: while the arm is Live the venue is told again and again not to cancel everything yet.

Opt-in (`dead_man_s`), because it cancels ALL orders of the account, strangers' too. Called by link.py when the arm goes
Live and by actor.py's timer; renewed every third of its time, so that two renewals may be lost; switched off when the
arm is stopped in order. A crash, a lost connection and a stopped venue leave it running: that is what it is for.
"""

from __future__ import annotations

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.budget import Priority
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import Failure
from ganglion.messages.venue import CancelAllAfter, CancelAllAfterSet, VenueReply

TIMER = "dead_man"
WHAT = "dead man's switch"
RENEWALS = 3
"""In its time."""


class DeadMan:
    """One account's switch."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self.timeout_s = arm.settings.dead_man_s or 0.0
        self.armed_s: float | None = None
        """When the venue last confirmed it."""
        self._under_way = False
        self._trouble = False

    def went_live(self) -> None:
        """Arm it at once."""
        if self.timeout_s:
            self.look()

    def look(self) -> None:
        """Renew it, and say so where that fails; a timer repeats this."""
        arm = self.arm
        if not arm.live or not arm.capabilities.private:
            return  # going Live begins again
        arm.host.wake(TIMER, self.timeout_s / RENEWALS)
        if not arm.capabilities.cancel_all_after:
            self._fails("the venue has none")
            return
        if self._under_way:
            return
        self._under_way = True
        sent_s = arm.now_s

        def done(reply: VenueReply) -> None:
            self._under_way = False
            if isinstance(reply, CancelAllAfterSet):
                self.armed_s = sent_s
                self._works()

        def failed(failure: Failure) -> None:
            self._under_way = False
            self._fails(f"{failure.error}: {failure.text}")

        arm.fetch(lambda number: CancelAllAfter(number, self.timeout_s), Priority.QUERY, done, failed, 1)

    def stop(self) -> None:
        """The arm ends in order: orders that are left are meant to be left."""
        arm = self.arm
        if self.armed_s is None:
            return
        if not arm.capabilities.cancel_all_after_stops:
            left_s = max(0.0, self.armed_s + self.timeout_s - arm.now_s)
            arm.log.warning("dead man's switch cannot be switched off here", cancels_all_within_s=round(left_s, 1))
            return
        self.armed_s = None
        arm.sender.budget.spend(Priority.CANCEL, 1.0, arm.now_s)
        arm.sender.order(lambda number: CancelAllAfter(number, 0.0))

    def _works(self) -> None:
        if self._trouble:
            self._trouble = False
            self.arm.log.warning("dead man's switch armed again")
            self.arm.host.publish(Degraded(self.arm.name, WHAT, "", self.arm.now_s))

    def _fails(self, why: str) -> None:
        arm = self.arm
        if self.armed_s is None:
            state = "not armed"
        else:
            state = f"last renewed {arm.now_s - self.armed_s:.0f} s ago, it goes off after {self.timeout_s:.0f}"
        arm.log.error("dead man's switch not renewed", state=state, reason=why)
        if not self._trouble:
            self._trouble = True
            arm.host.publish(Degraded(arm.name, WHAT, f"{state}: {why}", arm.now_s))

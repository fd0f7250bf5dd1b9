"""What follows from a failure for the whole arm: pause, stop, halt, a new clock, or a restart.

Called by actor.py in its turns with the error table's directive. What concerns one request, order or stream
alone is done where the failure came from.
"""

from __future__ import annotations

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.directives import Directive, row_of
from ganglion.actors.exchange.error_table import Verb
from ganglion.actors.exchange.health import UNREADABLE
from ganglion.actors.exchange.link import Link
from ganglion.messages.lifecycle import Failure, HaltAccount, MarketPaused, VenuePaused
from ganglion.messages.values import Symbol

PAUSE_S, BAN_S, MAINTENANCE_S, CLOSED_S = 10.0, 120.0, 30.0, 60.0
"""How long to be silent where the venue does not say."""


class ArmFailedError(Exception):
    """A failure that this incarnation cannot go on from; the supervisor decides.

    Attributes:
        failure: What it was.
    """

    def __init__(self, failure: Failure, why: str) -> None:
        super().__init__(f"{failure.error}: {failure.text} ({why})")
        self.failure = failure


class Consequences:
    """Carries out directives for one arm."""

    def __init__(self, arm: Arm, link: Link) -> None:
        self.arm = arm
        self.link = link
        self._halted = False

    def forget_halt(self) -> None:
        """An operator may have resumed the account: what halts it from now on is told again."""
        self._halted = False

    def carry_out(self, failure: Failure, directive: Directive, symbol: Symbol | None) -> None:
        """Do what concerns the whole arm, or one market of it where the failure has a `symbol`.

        Raises:
            ArmFailedError: The table says RESTART or ESCALATE.
        """
        cause = f"{failure.error}: {failure.text} ({directive.why})"
        if directive.says(Verb.PAUSE):
            self._pause(failure, symbol)
        if directive.says(Verb.HALT):
            self._halt(cause)
        if directive.says(Verb.STOP_VENUE):
            self.link.stop(cause)
        if directive.says(Verb.STOP_SYMBOL) and symbol is not None:
            self.link.doubt(symbol, failure)
        if directive.says(Verb.RESYNC_CLOCK):
            self.link.read_clock(resync=True)
        if directive.says(Verb.STOP_CAPABILITY):
            self.arm.log.error("not possible here", error=failure.error, text=failure.text, why=directive.why)
        if directive.says(Verb.RESTART) or directive.says(Verb.ESCALATE):
            if row_of(failure).error in UNREADABLE and not self.arm.memory.breaker.closed:
                return  # the breaker waits for the venue: a new client would be shown the same page
            raise ArmFailedError(failure, directive.why)

    def _pause(self, failure: Failure, symbol: Symbol | None) -> None:
        error = row_of(failure).error
        if error == "MarketClosed":
            if symbol is not None:
                self._close(symbol, failure)
            return  # one market's matter: nothing else has to wait
        arm, now = self.arm, self.arm.now_s
        budget = arm.sender.budget
        budget.rate_limited += error != "OnMaintenance"
        if failure.retry_after_s is not None or " 418 " in failure.text:
            until_s = now + (BAN_S if failure.retry_after_s is None else failure.retry_after_s)
            budget.ban(until_s)
            arm.sender.report()
        else:
            until_s = now + (MAINTENANCE_S if error == "OnMaintenance" else PAUSE_S)
            budget.pause(until_s)
        paused = VenuePaused(arm.name, until_s, f"{failure.error}: {failure.text}")
        arm.log.warning("venue paused", seconds=round(until_s - now, 1), reason=paused.reason)
        arm.tell_orders(paused)
        arm.host.publish(paused)
        arm.sender.refuse_waiting()

    def _close(self, symbol: Symbol, failure: Failure) -> None:
        """Place nothing in one market for a while; the portfolio resumes its modes by a timer."""
        arm, now = self.arm, self.arm.now_s
        if now < arm.closed_until_s.get(symbol, 0.0):
            return
        wait_s = CLOSED_S if failure.retry_after_s is None else failure.retry_after_s
        arm.closed_until_s[symbol] = now + wait_s
        paused = MarketPaused(arm.name, symbol, now + wait_s, f"{failure.error}: {failure.text}")
        arm.log.warning("market closed", symbol=symbol, seconds=round(wait_s, 1), reason=paused.reason)
        arm.tell_orders(paused)
        arm.host.publish(paused)
        arm.sender.refuse_waiting()

    def _halt(self, cause: str) -> None:
        if self._halted:
            return  # the first cause is kept
        self._halted = True
        halt = HaltAccount(self.arm.name, cause)
        self.arm.tell_orders(halt)
        self.arm.host.publish(halt)

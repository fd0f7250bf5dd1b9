"""Starts, restarts and stops children, left to right and right to left, by strategy, budget and backoff.

A supervisor never calls a child: it sends start, suspend and stop through the control lane of the child's own
dispatcher and hears `ready`, `start_failed`, `failed`, `ended`, `down` and `gone` through its own. What to do about
an end is `policy.decide`; here is only the order in which it is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ganglion.messages.base import Message, Overflow, Request
from ganglion.messages.lifecycle import ActorParked, Failure
from ganglion.supervision.actor import Actor, receives
from ganglion.supervision.address import Address
from ganglion.supervision.cell import NO_CHILDREN
from ganglion.supervision.children import Child, Pending, Phase
from ganglion.supervision.errors import Refusal, StartError
from ganglion.supervision.failure import say
from ganglion.supervision.policy import Backoff, ChildSpec, Directive, History, Strategy, Verb, decide

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell
    from ganglion.supervision.reply import Reply

START_DEADLINE_S = 10.0
"""How long a factory and `on_start` may take; ready means only: can receive."""
ENDED = Failure(error="Ended", text="it ended by its own wish")
"""What is said of a child that ended normally and may not be restarted any more."""
_BACKOFF = Backoff()


class StartChild(Request[Address[Any]], frozen=True, gc=False):
    """Add a child and start it; answered with its address at once (what is sent waits until it is ready)."""

    spec: ChildSpec
    overflow = Overflow.KEEP


class StopChild(Request[bool], frozen=True, gc=False):
    """Stop a child for good and forget it; answered False if there is none of that name."""

    name: str
    overflow = Overflow.KEEP


class ResumeChild(Request[bool], frozen=True, gc=False):
    """Start a parked child again, with a fresh budget; answered False if it is not parked."""

    name: str
    overflow = Overflow.KEEP


class Supervisor(Actor[StartChild | StopChild | ResumeChild]):
    """An actor whose state is its children."""

    def __init__(
        self,
        children: Iterable[ChildSpec] = (),
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        max_children: int | None = None,
        backoff: Backoff = _BACKOFF,
    ) -> None:
        """Take the static children, in starting order; more can come by `StartChild`.

        Raises:
            ValueError: two children have one name, or there are more than `max_children`.
        """
        self._specs = tuple(children)
        self._strategy = strategy
        self._max_children = max_children
        self._backoff = backoff
        self._children: dict[str, Child] = {}
        self._starting = Pending()
        """Waiting to be started, or starting."""
        self._leaving = Pending()
        """To be brought down, or on the way."""
        self._ordinal = 0
        self._up_then: Callable[[], None] | None = None
        self._down_then: Callable[[], None] | None = None
        names = [spec.name for spec in self._specs]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ValueError(f"two children have one name: {', '.join(twice)}")
        if max_children is not None and len(names) > max_children:
            raise ValueError(f"{len(names)} children, but max_children is {max_children}")

    # -------------------------------------------------------------- start and stop of the supervisor itself

    def on_start(self) -> None:
        """Claim the children's cells; those of an earlier incarnation are used again, addresses stay valid."""
        if self._cell.children is NO_CHILDREN:
            self._cell.children = {}
        for spec in self._specs:
            self._add(spec)
        for name, cell in list(self._cell.children.items()):
            if name not in self._children and cell.spec is not None and cell.spec.restart != "temporary":
                self._add(cell.spec)

    def _add(self, spec: ChildSpec) -> Child:
        cell = self._cell.system.cell_at(f"{self.path.rstrip('/')}/{spec.name}")
        cell.claim(spec, self._cell, self._cell.system.dispatcher_of(spec, self._cell))
        self._ordinal += 1
        child = Child(spec, cell, self._ordinal)
        self._starting.add(child)
        self._children[spec.name] = child
        self._cell.children[spec.name] = cell
        return child

    def _bring_up(self, then: Callable[[], None]) -> None:
        self._up_then = then
        self._pump()

    def _bring_down(self, final: bool, then: Callable[[], None]) -> None:  # noqa: FBT001 - the cell's hook
        self._down_then = then
        self._up_then = None
        for child in self._children.values():
            self._send_away(child, final=final or child.spec.restart == "temporary")
        self._pump()

    # -------------------------------------------------------------- messages

    @receives
    def start_child(self, message: StartChild) -> Address[Any]:
        """Add a dynamic child."""
        return self._admit(message.spec).cell.address

    @receives
    def stop_child(self, message: StopChild) -> bool:
        """Stop a child for good."""
        child = self._children.get(message.name)
        if child is None:
            return False
        self._stop_for_good(child)
        return True

    @receives
    def resume_child(self, message: ResumeChild) -> bool:
        """Start a parked child again."""
        child = self._children.get(message.name)
        if child is None or child.phase is not Phase.PARKED:
            return False
        child.history = History()
        child.cell.hangs = 0
        self._start_when(child, self.clock.monotonic_s())
        self._pump()
        return True

    def spawn(self, spec: ChildSpec, reply: Reply) -> None:
        """Add a child for `System.spawn`: answered when it is ready, or with why it is not. On the control lane."""
        try:
            self._admit(spec, reply)
        except Refusal as error:
            reply.set_exception((StartError, StartError(str(error)), None))

    def _admit(self, spec: ChildSpec, waiter: Reply | None = None) -> Child:
        known = self._children.get(spec.name)
        if known is not None:
            raise Refusal(f"{self.path}: there is a child {spec.name!r} already ({known.phase.value})")
        if self._max_children is not None and len(self._children) >= self._max_children:
            raise Refusal(f"{self.path}: {spec.name!r} would be one more than max_children={self._max_children}")
        if self._down_then is not None:
            raise Refusal(f"{self.path} is going down: {spec.name!r} was not started")
        child = self._add(spec)
        child.waiter = waiter
        self._pump()
        return child

    # -------------------------------------------------------------- what children report

    def on_child(self, event: str, cell: Cell, _incarnation: int, failure: Failure | None) -> None:
        """Take a child's event from the control lane."""
        child = self._children.get(cell.name)
        if child is None or child.cell is not cell:
            return
        if event == "ready":
            self._ready(child)
        elif event == "stop":
            self._stop_for_good(child)
        elif event == "gone":
            self._gone(child)
        elif child.phase is Phase.GOING_DOWN:
            if event == "down":
                self._down(child)
        elif child.phase in (Phase.UP, Phase.STARTING) and event in ("start_failed", "failed", "ended"):
            if child.leaving:
                self._down(child)  # it went by itself before its turn to be sent came
            else:
                self._ended(child, failure)
        self._pump()

    def _ready(self, child: Child) -> None:
        if child.phase is Phase.STARTING:
            self._settle(child, Phase.UP)
            child.attempted = True
            child.history = child.history.started(self.clock.monotonic_s())
            if child.waiter is not None:
                waiter, child.waiter = child.waiter, None
                waiter.set(child.cell.address)

    def _down(self, child: Child) -> None:
        if child.final:
            self._settle(child, Phase.DOWN)  # still leaving: its cell is to be stopped for good
            return
        child.leaving = False
        self._leaving.remove(child)
        if self._down_then is not None:
            self._settle(child, Phase.DOWN)
        else:
            self._start_when(child, child.not_before_s)

    def _gone(self, child: Child) -> None:
        self._settle(child, Phase.GONE)
        child.leaving = False
        self._leaving.remove(child)
        self._children.pop(child.spec.name, None)
        self._cell.children.pop(child.spec.name, None)
        if child.waiter is not None:
            # Only now, because whoever hears of it may want the name again.
            waiter, child.waiter = child.waiter, None
            waiter.set_exception((StartError, StartError(f"{child.cell.path}: {child.problem}"), None))

    def _ended(self, child: Child, failure: Failure | None) -> None:
        child.attempted = True
        if child.waiter is not None:
            why = f"{failure.error}: {failure.text}\n{failure.traceback}" if failure is not None else "it ended at once"
            child.problem = f"could not be started: {why}"
            self._settle(child, Phase.DOWN)
            self._stop_for_good(child)
            return
        now = self.clock.monotonic_s()
        directive = decide(failure, child.spec, child.history, now)
        if directive.verb is Verb.STOP:
            self._settle(child, Phase.DOWN)
            self._stop_for_good(child)
        elif directive.verb is Verb.PARK:
            self._park(child, failure or ENDED, directive)
        elif directive.verb is Verb.ESCALATE:
            self._escalate(child, failure or ENDED, directive)
        elif directive.free:
            self._start_when(child, now)
            self._take_along(child)
        else:
            attempt = child.history.attempt_at(now, self._backoff)
            delay_s = self._backoff.delay_s(attempt, self.ids.random)
            fact = failure.fact if failure is not None else ""
            child.history = child.history.restarted(now, child.spec.budget, self._backoff, fact)
            self._start_when(child, now + delay_s)
            self._take_along(child)

    def _take_along(self, failed: Child) -> None:
        """Mark the siblings that the strategy restarts together with a failed child."""
        if self._strategy is Strategy.ONE_FOR_ONE:
            return
        seen = self._strategy is Strategy.ONE_FOR_ALL
        for child in self._children.values():
            if child is failed:
                seen = True
            elif seen and child.phase in (Phase.UP, Phase.STARTING):
                self._send_away(child, final=child.spec.restart == "temporary")

    def _park(self, child: Child, failure: Failure, directive: Directive) -> None:
        self._settle(child, Phase.PARKED)
        retry_s = child.spec.budget.within_s if directive.slow_retry else None
        child.cell.dispatcher.put_control(child.cell, child.cell.park)
        say(self.log, "error", "parked", child=child.spec.name, why=directive.reason, retry_s=retry_s)
        self._cell.system.events.publish(ActorParked(child.cell.path, failure, retry_s))
        if retry_s is not None:
            self._later(retry_s, child, self._slow_retry)

    def _slow_retry(self, child: Child) -> None:
        self._start_when(child, self.clock.monotonic_s())

    def _escalate(self, child: Child, failure: Failure, directive: Directive) -> None:
        self._settle(child, Phase.DOWN)
        text = f"child {child.spec.name!r}: {failure.error}: {failure.text} ({directive.reason})"
        self._cell.fail(
            Failure(error=failure.error, text=text, traceback=failure.traceback, stop=failure.stop, escalated=True)
        )

    # -------------------------------------------------------------- doing it, in order

    def _stop_for_good(self, child: Child) -> None:
        self._send_away(child, final=True)
        self._pump()

    def _send_away(self, child: Child, *, final: bool) -> None:
        child.leaving = True
        child.final = child.final or final
        self._starting.remove(child)
        self._leaving.add(child)

    def _settle(self, child: Child, phase: Phase) -> None:
        child.enter(phase)
        self._starting.remove(child)

    def _start_when(self, child: Child, when_s: float) -> None:
        child.enter(Phase.WAITING)
        self._starting.add(child)
        child.not_before_s = when_s
        delay_s = when_s - self.clock.monotonic_s()
        if delay_s > 0:
            self._later(delay_s, child, lambda _: None)

    def _later(self, delay_s: float, child: Child, action: Callable[[Child], None]) -> None:
        """Do something about a child later, if it still stands where it stood; then look at all of them again."""
        child.due_s, child.action = self.clock.monotonic_s() + delay_s, action
        step, me, incarnation = child.step, self._cell, self._cell.incarnation

        def due() -> None:
            if me.incarnation == incarnation and me.actor is self:
                if child.step == step:
                    action(child)
                self._pump()

        child.timer = me.dispatcher.call_later(delay_s, lambda: me.dispatcher.put_control(me, due))

    def set_timers_again(self) -> None:
        """Its thread was abandoned, and all timers with it; nothing else of a supervisor is lost. On the new thread."""
        for child in list(self._children.values()):
            if child.timer is not None and child.action is not None:
                self._later(max(0.0, child.due_s - self.clock.monotonic_s()), child, child.action)
        self._pump()

    def _pump(self) -> None:
        """Do whatever may be done next. Called after every change; does nothing twice."""
        if not self._bring_leavers_down():
            return
        if self._down_then is not None:
            then, self._down_then = self._down_then, None
            then()
            return
        if self._start_waiters() and self._up_then is not None:
            then, self._up_then = self._up_then, None
            then()

    def _bring_leavers_down(self) -> bool:
        """Right to left, one after the other where order matters; True when nobody that matters is on the way down."""
        ordered = self._ordered
        for child in self._leaving.last_to_first():
            if child.phase is Phase.GOING_DOWN:
                if ordered:
                    return False
            elif child.final or child.phase in (Phase.UP, Phase.STARTING):
                self._order_down(child)
                if ordered:
                    return False
            else:
                self._down(child)
        return True

    @property
    def _ordered(self) -> bool:
        return self._strategy is not Strategy.ONE_FOR_ONE or self._down_then is not None

    def _order_down(self, child: Child) -> None:
        child.enter(Phase.GOING_DOWN)
        cell = child.cell
        if child.final:
            cell.dispatcher.put_control(cell, cell.terminate, "stopped by its supervisor")
        else:
            cell.dispatcher.put_control(cell, cell.suspend)
        child.progress_s = cell.dispatcher.progress_s
        self._later(child.spec.shutdown_s, child, self._give_up_stopping)

    def _give_up_stopping(self, child: Child) -> None:
        dispatcher = child.cell.dispatcher
        alive = not dispatcher.waiting() or dispatcher.progress_s != child.progress_s
        if alive and isinstance(child.cell.actor, Supervisor):
            # Its children have deadlines of their own, one after the other: as long as its thread lives, it has time.
            child.progress_s = dispatcher.progress_s
            self._later(child.spec.shutdown_s, child, self._give_up_stopping)
            return
        child.cell.abandon(f"it did not stop within shutdown_s={child.spec.shutdown_s:g}")

    def _start_waiters(self) -> bool:
        """Left to right; True when every child has been started or at least tried."""
        one_by_one = self._strategy is not Strategy.ONE_FOR_ONE
        for child in self._starting.first_to_last():
            if child.phase is Phase.STARTING:
                if one_by_one or not child.attempted:
                    return False
            elif child.not_before_s > self.clock.monotonic_s():
                if one_by_one:
                    return False
            else:
                self._start(child)
                if one_by_one or not child.attempted:
                    return False
        return True

    def _start(self, child: Child) -> None:
        child.enter(Phase.STARTING)
        child.cell.ordered += 1
        child.cell.dispatcher.put_control(child.cell, child.cell.incarnate)
        self._later(START_DEADLINE_S, child, self._too_late)

    def _too_late(self, child: Child) -> None:
        cell = child.cell
        if child.phase is not Phase.STARTING or cell.receiving:
            return
        cell.given_up = cell.ordered
        text = f"{cell.path}: its factory and on_start took over {START_DEADLINE_S:g} s; do the work later, by message"
        self._ended(child, Failure(error="StartError", text=text))


__all__ = ["Message", "ResumeChild", "StartChild", "StopChild", "Supervisor"]

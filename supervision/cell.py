"""The pykka actor behind an address: it holds the user's actor, and replaces it in place on a restart.

Address, queue, stash, subscribers and counters belong to the cell and survive; the actor inside does not. Everything
here runs on the cell's own dispatcher, except what is marked `any thread`. It talks to its supervisor through the
control lane only, and knows nothing of strategies or budgets. What waits for it is the lower half, mailbox.py; who
hears of it is the middle, listeners.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from ganglion.messages.base import Message
from ganglion.messages.lifecycle import ActorFailed, ActorStarted, ActorStopped, CellState, Failure, Terminated
from ganglion.supervision.actor import Actor
from ganglion.supervision.address import Address
from ganglion.supervision.dispatchers.base import NEVER, NOWHERE, Dispatcher, Timer, name_of
from ganglion.supervision.dispatchers.fence import fenced
from ganglion.supervision.errors import ActorDeadError, Expired, InjectedFailure, ProtocolError, Refusal
from ganglion.supervision.failure import failure_of, last_resort, say
from ganglion.supervision.ids import Ids
from ganglion.supervision.listeners import Listeners
from ganglion.supervision.mailbox import NOTHING, Drain, Due, Slot
from ganglion.supervision.reply import Reply

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from ganglion.supervision.policy import ChildSpec
    from ganglion.supervision.system import System

NO_CHILDREN: dict[str, Cell] = {}
"""Of everyone but supervisors, who put a dict of their own in its place."""


class Cell(Listeners):
    """One place in the tree."""

    __slots__ = (
        "_ids", "_log", "_stop_replies", "actor", "children", "given_up", "hangs", "name", "ordered", "parent",
        "receiving", "restarts",
    )  # fmt: skip

    def __init__(self, system: System, path: str) -> None:
        """Reserve a place: its address works at once, what is sent waits until an actor starts."""
        super().__init__(system, path)
        self.name = path.rpartition("/")[2]
        self.parent: Cell | None = None
        self.actor: Actor[Any] | None = None
        self.restarts = 0
        self.receiving = False
        """This incarnation's `on_start` has returned."""
        self.ordered = 0
        """Incarnations its supervisor has ordered; the supervisor counts."""
        self.given_up = 0
        """Incarnations up to this one were late to start and must not come to life any more."""
        self.hangs = 0
        """How often it hung its thread, since an operator last resumed it."""
        self.children: dict[str, Cell] = NO_CHILDREN
        self._stop_replies: list[Reply] | None = None
        self._ids: Ids | None = None
        self._log: FilteringBoundLogger | None = None
        self.address: Address[Any] = Address(self)
        self._actor_ref = self.address

    # -------------------------------------------------------------- what its actor uses

    @property
    def ids(self) -> Ids:
        """Ids and randomness of this path; a restart goes on where the last incarnation stopped."""
        if self._ids is None:
            self._ids = self.system.ids.for_path(self.path)
        return self._ids

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger with the path bound, made once (121 ns a filtered call; the lazy proxy takes 656)."""
        if self._log is None:
            self._log = structlog.get_logger().bind(path=self.path)
        return self._log

    def after(self, delay_s: float, message: Message) -> Timer:
        """Tell itself later, unless this incarnation is gone by then."""
        if fenced():
            return NEVER
        due = Due(message, self.incarnation)

        def fire() -> None:
            if due.incarnation == self.incarnation and self.actor is not None:
                self.send((self, due, None))

        return self.dispatcher.call_later(delay_s, fire)

    # -------------------------------------------------------------- any thread: asks

    def make_reply(self, timeout_s: float | None) -> Reply:
        """Make the future of an ask."""
        return self.dispatcher.reply(timeout_s)

    def check_protocol(self, message: Message) -> None:
        """Refuse an asked message that the actor has no handler for; a place that is only reserved can't tell."""
        actor = self.actor
        if actor is not None and type(message) not in actor.handlers:
            known = ", ".join(sorted(kind.__name__ for kind in actor.handlers))
            raise ProtocolError(
                f"{self.path} ({type(actor).__name__}) can't receive {name_of(message)}; it knows {known}"
            )

    # -------------------------------------------------------------- running

    def claim(self, spec: ChildSpec, parent: Cell | None, dispatcher: Dispatcher) -> None:
        """Give a reserved place its spec, supervisor and dispatcher."""
        with self.system.lock:
            self.spec, self.parent, self.dispatcher, self.mailbox = spec, parent, dispatcher, spec.mailbox
            dispatcher.admit(spec.mailbox)
            if self.state is CellState.STOPPED:
                return
            if self.state is CellState.RESERVED:
                self.state = CellState.SUSPENDED
            self.send = dispatcher.put
            self.lane = dispatcher

    def incarnate(self) -> None:
        """Build an actor from the factory and start it; the supervisor hears `ready` or `start_failed`."""
        if self.spec is None or self.state is CellState.STOPPED:
            # Stopped while the order was on its way.
            self._report("gone", self.incarnation)
            return
        self.incarnation += 1
        self.restarts = self.incarnation - 1
        if self._too_late():
            return
        self._let_go()
        self.state = CellState.STARTING
        try:
            actor = self.spec.factory()
            if not isinstance(actor, Actor):
                raise ProtocolError(f"{self.path}: the factory made {actor!r}, which is no Actor")  # noqa: TRY301
            actor._cell = self  # noqa: SLF001 - the cell is the only one that sets it
            actor.clock = self.system.clock
            if self._too_late():
                return
            self.actor = actor
            actor.on_start()
        except BaseException as error:  # noqa: BLE001 - a start failure is the supervisor's to judge
            self._start_failed(failure_of(error))
            return
        if self._too_late():
            self._let_go()
            return
        self.receiving = True
        actor._bring_up(self._ready)  # noqa: SLF001

    def _too_late(self) -> bool:
        """Nobody waits for this incarnation any more: it was given up, or its cell or its thread abandoned."""
        return self.incarnation <= self.given_up or self.state is CellState.STOPPED or fenced()

    def _ready(self) -> None:
        actor = self.actor
        if actor is None:
            return
        self.state = CellState.RUNNING
        handlers = actor._handlers_by_type()  # noqa: SLF001
        handlers.update(self.tokens(handlers))
        self.table = handlers
        stash, self._stash = self._stash, None
        if stash:
            self.dispatcher.put_front(stash)
        if self.incarnation > 1:
            say(self.log, "info", "actor restarted", incarnation=self.incarnation)
        self.system.events.publish(ActorStarted(self.path, self.incarnation))
        self._report("ready", self.incarnation)

    def _start_failed(self, failure: Failure) -> None:
        if self._too_late():
            self.complain("actor failed to start, after it was given up", failure)
            self._let_go()
            return
        self.failure = failure
        self.state = CellState.SUSPENDED
        self.complain("actor failed to start", failure)
        self.system.events.publish(ActorFailed(self.path, self.incarnation, failure))
        actor, self.actor = self.actor, None
        if actor is not None:
            self._guard(lambda: actor.on_failure(failure))
        self._report("start_failed", self.incarnation, failure)

    def answer(self, message: Any, reply: Reply) -> None:
        """Handle an asked message and answer it, unless its asker has stopped waiting."""
        handler = self.table.get(message.__class__)
        if handler is None:
            self.unhandled(message, reply)
            return
        if reply.deadline_s is not None and self.system.clock.monotonic_s() > reply.deadline_s:
            reply.set_exception((Expired, Expired(f"{name_of(message)} came up after its asker's timeout"), None))
            self.system.dead_letter(self.path, message, "its asker had stopped waiting")
            return
        result = handler(message)
        self.handled += 1
        reply.set(result)

    def failed(self, message: Any, reply: Reply | None, error: BaseException) -> None:
        """Take what escaped from a handler: a missing handler, a refusal, or a failure for the supervisor."""
        if fenced():
            return  # the cell belongs to another incarnation by now
        try:
            self._judge(message, reply, error)
        except BaseException as second:  # noqa: BLE001 - the fence: the dispatcher must live
            last_resort(f"{self.path} failed with {type(error).__name__}, and handling that raised", second)

    def _judge(self, message: Any, reply: Reply | None, error: BaseException) -> None:
        if isinstance(error, KeyError) and message is not None and message.__class__ not in self.table:
            self.unhandled(message, reply)
            return
        if isinstance(error, Refusal):
            if reply is not None:
                reply.set_exception((type(error), error, error.__traceback__))
            else:
                self.system.dead_letter(self.path, message, f"refused: {error}")
            return
        if reply is not None and not reply.done:
            reply.set_exception((type(error), error, error.__traceback__))
        if isinstance(message, Slot):
            message = message.taken[0]
        elif isinstance(message, Due):
            message = message.message
        self.fail(failure_of(error, message))

    def fail(self, failure: Failure) -> None:
        """Suspend this incarnation and let the supervisor decide. Nobody decides about the root: it ends."""
        if fenced():
            return
        if self.state in (CellState.STOPPING, CellState.STOPPED):
            self.complain("failed while stopping", failure)
            return
        actor = self.actor
        if actor is None or self.state is CellState.SUSPENDED:
            self.complain("failed while it was not running", failure)
            return
        self.failure = failure
        self.table = NOTHING
        self.state = CellState.SUSPENDED
        self.complain("actor failed", failure)
        self.system.events.publish(ActorFailed(self.path, self.incarnation, failure))
        self._guard(lambda: actor.on_failure(failure))
        actor._bring_down(self.parent is None, lambda: self._gone_down("failed", failure))  # noqa: SLF001

    def crash(self, text: str) -> None:
        """Fail on purpose, as a handler would."""
        raise InjectedFailure(text)

    # -------------------------------------------------------------- control lane: the supervisor's orders

    def suspend(self) -> None:
        """Let the present incarnation go, keep the cell; the supervisor hears `down`."""
        if self.state is CellState.STOPPED:
            self._let_go()
            return
        self.table = NOTHING
        self.state = CellState.SUSPENDED
        actor = self.actor
        if actor is None:
            self._report("down", self.incarnation)
        else:
            actor._bring_down(False, lambda: self._gone_down("down", None))  # noqa: SLF001

    def park(self) -> None:
        """Stand alone after too many failures; what waited and can be missed is let go."""
        if self.state is CellState.SUSPENDED:
            self.state = CellState.PARKED
            self.park_stash()

    def terminate(self, reason: str) -> None:
        """Stop for good; what still waits becomes dead letters. The supervisor hears `gone`."""
        if self.state is CellState.STOPPED:
            # It was abandoned, and what hung has come back: this is its own thread, it may say goodbye now.
            self._let_go()
            return
        self.table = NOTHING
        self.state = CellState.STOPPING
        actor = self.actor
        if actor is None:
            self._gone(reason)
        else:
            actor._bring_down(True, lambda: self._gone(reason))  # noqa: SLF001

    def leave(self, reason: str) -> None:
        """End this incarnation normally, at its own wish, after the present message."""
        self.dispatcher.put_control(self, self._leave, reason)

    def _leave(self, reason: str) -> None:
        actor = self.actor
        if actor is None or self.state not in (CellState.STARTING, CellState.RUNNING):
            return
        self.table = NOTHING
        self.state = CellState.SUSPENDED
        say(self.log, "info", "actor ended", reason=reason)
        actor._bring_down(False, lambda: self._gone_down("ended", None))  # noqa: SLF001

    def _gone_down(self, event: str, failure: Failure | None) -> None:
        if fenced():
            return
        if event == "failed":
            self.actor = None
            self.receiving = False
        else:
            self._let_go()
        if self.state is not CellState.STOPPED:
            self._report(event, self.incarnation, failure)

    def lost(self, failure: Failure, *, report: bool = True) -> None:
        """Its thread was abandoned, and this incarnation with it: no goodbye, for that belongs to the old thread.

        On the new thread. The supervisor hears `failed`, or what else it may be waiting for.
        """
        if self.state in (CellState.RESERVED, CellState.PARKED, CellState.STOPPED):
            return
        self.actor = None
        self.receiving = False
        self.table = NOTHING
        if self.state is CellState.STOPPING:
            self._bury("its thread was abandoned while it stopped")
            return
        self.state = CellState.SUSPENDED
        self.failure = failure
        if not failure.blameless:
            self.hangs += 1
            self.complain("actor hung", failure)
            self.system.events.publish(ActorFailed(self.path, self.incarnation, failure))
        if report:
            self._report("failed", self.incarnation, failure)
            self._report("down", self.incarnation)

    def _gone(self, reason: str) -> None:
        self._let_go()
        self._bury(reason)

    def abandon(self, reason: str) -> None:
        """Give a cell up that did not stop within its deadline: its address is dead, its thread may hang.

        Called by its supervisor, so without a goodbye: that comes on its own thread, should it ever get there. With
        a supervisor that hangs goes everything below it.
        """
        for child in reversed(list(self.children.values())):
            child.abandon(reason)
            child.dispatcher.put_control(child, child.terminate, reason)
        say(self.log, "error", "did not stop in time and is abandoned", reason=reason)
        self._bury(reason)

    def _bury(self, reason: str) -> None:
        with self.system.lock:
            if self.state is CellState.STOPPED:
                return
            self.state = CellState.STOPPED
            self.table = NOTHING
            self.send = self.dead
            self.lane = NOWHERE
            stash, self._stash = self._stash, None
            watchers, self._watchers = self._watchers, ()
            replies, self._stop_replies = self._stop_replies, None
            publishers, self._publishers = self._publishers, None
        self.actor_stopped.set()
        for publisher in publishers or ():
            publisher.unsubscribe(self.address)
        for _, message, reply in stash or ():
            self.refuse_dead(message, reply)
        self.system.forget(self)
        for watcher in watchers:
            with contextlib.suppress(ActorDeadError):  # then it is a dead letter, and counted
                watcher.tell(Terminated(self.path, reason))
        self.system.events.publish(ActorStopped(self.path, reason))
        self._report("gone", self.incarnation)
        for reply in replies or ():
            reply.set(True)

    def _let_go(self) -> None:
        if fenced():
            return
        actor, self.actor = self.actor, None
        self.receiving = False
        if actor is not None:
            self._guard(actor.on_stop)

    def _guard(self, hook: Callable[[], None]) -> None:
        """Run a goodbye hook; what it raises is told and changes nothing."""
        try:
            hook()
        except BaseException as error:  # noqa: BLE001 - the fence
            self.complain("a goodbye hook raised", failure_of(error))

    def complain(self, event: str, failure: Failure) -> None:
        """Log a failure."""
        frames = failure.traceback.splitlines()
        own = self.actor.own_file if self.actor is not None else ""
        where = next((frame for frame in reversed(frames) if own and frame.startswith(f"{own}:")), "".join(frames[-1:]))
        say(self.log, "error", event, error=failure.error, text=failure.text, handling=failure.message, where=where)

    def _report(self, event: str, incarnation: int, failure: Failure | None = None) -> None:
        parent = self.parent
        if parent is not None:
            parent.dispatcher.put_control(parent, parent.child_event, event, self, incarnation, failure)
        else:
            self.system.root_event(self, event, failure)

    def child_event(self, event: str, child: Cell, incarnation: int, failure: Failure | None) -> None:
        """Hand a child's event to the supervisor in this cell, which may be away: restarting, or parked."""
        on_child = getattr(self.actor, "on_child", None)
        if on_child is not None:
            on_child(event, child, incarnation, failure)
        elif event == "stop" and self.children.get(child.name) is child:
            del self.children[child.name]
            child.dispatcher.put_control(child, child.terminate, "stopped while its supervisor was away")

    def request_stop(self, *, drain: bool) -> Reply:
        """Ask the supervisor to stop this child for good, at once or behind what waits. Any thread."""
        reply = self.make_reply(None)
        with self.system.lock:
            state = self.state
            if state is not CellState.STOPPED:
                self._stop_replies = [*(self._stop_replies or ()), reply]
        if state is CellState.STOPPED:
            reply.set(False)
        elif drain and state in (CellState.STARTING, CellState.RUNNING, CellState.SUSPENDED):
            self.dispatcher.put((self, Drain(), None))
        else:
            self.stop_drained()
        return reply

    def stop_drained(self) -> None:
        """Have the supervisor stop it for good; who has none stops by itself."""
        parent = self.parent
        if parent is None:
            self.dispatcher.put_control(self, self.terminate, "stopped")
        else:
            parent.dispatcher.put_control(parent, parent.child_event, "stop", self, self.incarnation, None)

"""A system of actors: its clock, ids, dispatchers, tree, event stream and dead letters.

No globals: several may live in one process beside a host's own.

Outside code (tests, command line, hosts) talks to it; actors see only their own address and their neighbours'.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import structlog

from ganglion.messages.base import Message
from ganglion.messages.lifecycle import CellState, DeadLetter, Failure
from ganglion.supervision.actor import Actor
from ganglion.supervision.address import Address
from ganglion.supervision.cell import Cell
from ganglion.supervision.clock import Clock, RealClock, VirtualClock
from ganglion.supervision.dispatchers.base import Dispatcher, turn
from ganglion.supervision.dispatchers.deliveries import Deliveries
from ganglion.supervision.dispatchers.fence import Quarantine
from ganglion.supervision.dispatchers.loop import LoopDispatcher
from ganglion.supervision.dispatchers.simulated import SimulatedDispatcher
from ganglion.supervision.dispatchers.thread import ThreadDispatcher
from ganglion.supervision.errors import AskInsideActor, ProtocolError, StartError
from ganglion.supervision.events import EventStream
from ganglion.supervision.failure import say
from ganglion.supervision.ids import Ids
from ganglion.supervision.policy import ChildSpec
from ganglion.supervision.probe import Probe, ProbeActor
from ganglion.supervision.reply import Reply
from ganglion.supervision.supervisor import ResumeChild, Supervisor
from ganglion.supervision.tree import CellInfo, DispatcherInfo, Tree
from ganglion.supervision.watchdog import Watchdog

if TYPE_CHECKING:
    from ganglion.supervision.policy import Factory

Kind = Literal["loop", "thread", "simulated"]
M = TypeVar("M", bound=Message)

HANG_S = 30.0
"""No turn of an actor takes so long; work that does belongs on a dispatcher of its own, with a larger limit."""
SHORTEST_PAUSE_S = 0.0002
LONGEST_PAUSE_S = 0.01
"""Between two looks at a condition that nobody rings a bell for."""


class System:
    """Runs actors."""

    def __init__(
        self,
        dispatcher: Kind = "loop",
        seed: int | None = None,
        stuck_after_s: float = 5.0,
        hang_s: float | None = HANG_S,
        *,
        clock: VirtualClock | None = None,
        deliveries: Deliveries | None = None,
    ) -> None:
        """Choose who runs actors by default.

        Args:
            dispatcher: `loop` (live), `thread` (blocking work), `simulated` (virtual time, one thread).
            seed: makes ids and jitter repeatable; None is 0 in the simulation and unpredictable elsewhere.
            stuck_after_s: a dispatcher without progress for this long is reported as ActorStuck.
            hang_s: without progress for this long its thread is abandoned (abandoning.py); None never does it.
            clock: simulation only: the time of a world that goes on already.
            deliveries: simulation only: a run queue under faults; whoever gives one lets time pass.
        """
        if dispatcher not in ("loop", "thread", "simulated"):
            raise ValueError(f"dispatcher {dispatcher!r}: it is loop, thread or simulated")
        self.simulated = dispatcher == "simulated"
        if (clock is not None or deliveries is not None) and not self.simulated:
            raise ValueError(f"dispatcher {dispatcher!r}: a clock or deliveries of one's own are for the simulated one")
        self.clock: Clock = (clock or VirtualClock()) if self.simulated else self._live_clock()
        self._deliveries = deliveries
        self.ids = Ids.of_system(0 if seed is None and self.simulated else seed)
        self.lock = threading.RLock()
        self.events = EventStream()
        self.dead_letters: Counter[str] = Counter()
        self._said_dead: set[str] = set()
        self._said_late: set[str] = set()
        """Types of dead letters that were logged: of parts that run on, and of parts that are being stopped."""
        self.ended = threading.Event()
        """Set when the root is gone: by `stop`, or because a failure reached it."""
        self.failure: Failure | None = None
        """The failure that reached the root."""
        self._log = structlog.get_logger()
        self._cells: dict[str, Cell] = {}
        self._dispatchers: dict[str, Dispatcher] = {}
        self._probes = 0
        self._stopping = False
        self.quarantine = Quarantine()
        """Knows of the threads that were abandoned."""
        self.core = self.dispatcher("core", dispatcher)
        self._root = self.cell_at("/")
        self._root.claim(ChildSpec("root", Supervisor), None, self.core)
        self._watchdog = None if self.simulated else self._make_watchdog(stuck_after_s, hang_s)
        if self._watchdog is not None:
            self._watchdog.start()
        self.core.put_control(self._root, self._root.incarnate)
        self.wait_for(lambda: self._root.state is CellState.RUNNING, 5.0)

    # -------------------------------------------------------------- dispatchers

    def dispatcher(self, name: str, kind: Kind = "loop", *, abandonable: bool = True) -> Dispatcher:
        """Return the dispatcher of this name, made on first use; in the simulation all are one.

        One that is not `abandonable` is only reported when it hangs: a second thread on the same disk helps nobody.
        """
        with self.lock:
            if self.simulated and self._dispatchers:
                return self.core
            known = self._dispatchers.get(name)
            if known is None:
                known = self._make_dispatcher(name, kind)
                known.abandonable = abandonable
                self.quarantine.admit(known.guard)
                self._dispatchers[name] = known
            return known

    def dispatchers(self) -> list[Dispatcher]:
        """List them all."""
        return list(self._dispatchers.values())

    def _live_clock(self) -> Clock:
        """The clock of a live system."""
        return RealClock()

    def _make_watchdog(self, stuck_after_s: float, hang_s: float | None) -> Watchdog | None:
        """Who looks whether the dispatchers of a live system make progress."""
        return Watchdog(self, stuck_after_s, hang_s)

    def _make_cell(self, path: str) -> Cell:
        """A place in the tree."""
        return Cell(self, path)

    def _make_dispatcher(self, name: str, kind: Kind) -> Dispatcher:
        if isinstance(self.clock, VirtualClock):
            made = SimulatedDispatcher(name, self.clock, self._deliveries)
            made.suspended_cells = self._held_back
            return made
        return ThreadDispatcher(name, self.clock) if kind == "thread" else LoopDispatcher(name, self.clock)

    def dispatcher_of(self, spec: ChildSpec, parent: Cell) -> Dispatcher:
        """Return where a child runs: on the one its spec names, or on its supervisor's."""
        if isinstance(spec.dispatcher, str):
            return self.dispatcher(spec.dispatcher)
        return spec.dispatcher or parent.dispatcher

    # -------------------------------------------------------------- cells and addresses

    def cell_at(self, path: str) -> Cell:
        """Return the cell of a path, reserved on first use."""
        with self.lock:
            cell = self._cells.get(path)
            if cell is None:
                cell = self._cells[path] = self._make_cell(path)
            return cell

    def find(self, path: str) -> Cell | None:
        """Return the cell of a path, None where there is none: no place is reserved."""
        return self._cells.get(path)

    def cells(self) -> list[Cell]:
        """List every cell that has not stopped for good."""
        return list(self._cells.values())

    def address(self, path: str) -> Address[Any]:
        """Return the address of a path, whether anything runs there yet or not: what is sent waits."""
        return self.cell_at(path).address

    def forget(self, cell: Cell) -> None:
        """Drop a stopped cell from the directory; a later one may take its path."""
        with self.lock:
            if self._cells.get(cell.path) is cell:
                del self._cells[cell.path]

    def subscribe(self, publisher: Address[Any], subscriber: Address[Any], *types: type[Message]) -> None:
        """Have `subscriber` told what the actor at `publisher` publishes of these types, across its restarts."""
        publisher._cell.subscribe(subscriber, types)  # noqa: SLF001 - one concept in two files

    def watch(self, address: Address[Any], watcher: Address[Any]) -> None:
        """Have `watcher` told Terminated once `address` has stopped for good."""
        address._cell.watched_by(watcher)  # noqa: SLF001

    # -------------------------------------------------------------- start and stop

    def spawn(
        self,
        what: type[Actor[M]] | Callable[[], Actor[M]] | ChildSpec,
        name: str | None = None,
        dispatcher: Dispatcher | str | None = None,
        timeout_s: float = 15.0,
    ) -> Address[M]:
        """Start an actor at the top of the tree and wait until it can receive.

        Args:
            what: an actor class, a factory, or a whole ChildSpec.
            name: its path is `/name`; a spec has its own, a class its own in lower case.
            dispatcher: where it runs.
            timeout_s: how long to wait for it.

        Raises:
            StartError: the factory or `on_start` failed, the name is taken, or the system has ended.
        """
        if turn.dispatcher is not None:
            raise AskInsideActor(
                "spawn from inside an actor would block everyone beside it: tell a supervisor StartChild"
            )
        spec = what if isinstance(what, ChildSpec) else _spec_of(what, name)
        if dispatcher is not None:
            spec = replace(spec, dispatcher=dispatcher)
        if self.ended.is_set():
            # The dispatchers may be closed: nobody would answer.
            raise StartError(_ended(spec))
        reply = self.core.reply(None)
        self.core.put_control(self._root, self._spawn, spec, reply)
        return cast("Address[M]", reply.get(timeout=timeout_s))

    def _spawn(self, spec: ChildSpec, reply: Reply) -> None:
        root = self._root.actor
        if isinstance(root, Supervisor):
            root.spawn(spec, reply)
        else:
            reply.set_exception((StartError, StartError(_ended(spec)), None))

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Stop everything, right to left, and the dispatchers after it; True if all went in time."""
        if turn.dispatcher is not None:
            raise AskInsideActor("stop from inside an actor would wait for itself: call it from outside")
        if self._stopping:
            return self.ended.is_set()
        self._stopping = True
        self.core.put_control(self._root, self._root.terminate, "the system stops")
        in_time = self.wait_for(lambda: self._root.state is CellState.STOPPED, timeout_s)
        if self._watchdog is not None:
            self._watchdog.close()
        dispatchers = list(self._dispatchers.values())
        for dispatcher in reversed(dispatchers):
            dispatcher.close()
        self._sweep(dispatchers)
        self.ended.set()
        return in_time

    def _sweep(self, dispatchers: list[Dispatcher]) -> None:
        """Turn what nobody will handle any more into dead letters: no message is lost in silence, no asker hangs."""
        with self.lock:
            left = list(self._cells.values())
        for cell in left:
            if cell.state is CellState.RESERVED:
                cell.terminate("the system stopped")
            else:
                cell.abandon("the system stopped without it")
        for dispatcher in dispatchers:
            while dispatcher.queue:
                cell, message, reply = dispatcher.queue.popleft()
                cell.refuse_dead(message, reply)

    def root_event(self, cell: Cell, event: str, failure: Failure | None) -> None:
        """Take what a cell without a supervisor reports: nobody is above the root, so its failure ends the system."""
        if cell is not self._root:
            return
        if event == "gone":
            self.ended.set()
        elif event == "failed":
            self.failure = failure
            say(
                self._log,
                "critical",
                "a failure reached the root",
                error=failure.error if failure else "",
                text=failure.text if failure else "",
            )
            cell.terminate("a failure reached the root")

    def resume(self, path: str) -> bool:
        """Start a parked actor again; False if it is not parked."""
        parent, _, name = path.rpartition("/")
        return self.address(parent or "/").ask(ResumeChild(name), timeout=10.0)

    def fail(self, path: str, text: str = "injected") -> None:
        """Crash the actor at a path on purpose, as if a handler had raised.

        Raises:
            ProtocolError: nothing runs there.
        """
        cell = self._cells.get(path)
        if cell is None or cell.state in (CellState.RESERVED, CellState.STOPPED):
            raise ProtocolError(f"nothing runs at {path!r}; running: {', '.join(sorted(self._cells))}")
        cell.dispatcher.put_control(cell, cell.crash, text)

    # -------------------------------------------------------------- looking

    def tree(self) -> Tree:
        """Take a picture of the whole tree."""
        with self.lock:
            dispatchers = list(self._dispatchers.values())
        depth: Counter[Cell] = Counter()
        for dispatcher in dispatchers:
            depth.update(dispatcher.depth())
        infos = tuple(DispatcherInfo(d.name, d.waiting(), d.handled, d.oldest_age_s()) for d in dispatchers)
        return Tree(_info(self._root, depth), infos, dict(self.dead_letters))

    def probe(self, name: str | None = None) -> Probe:
        """Make a mailbox for a test."""
        self._probes += 1
        probe = Probe(self)
        probe.address = self.spawn(ChildSpec(name or f"probe-{self._probes}", lambda: ProbeActor(probe)))
        return probe

    def wait_for(
        self, condition: Callable[[], bool], timeout_s: float = 5.0, bell: threading.Condition | None = None
    ) -> bool:
        """Wait until a condition holds, from outside; in the simulation time runs. False if it never did."""
        if isinstance(self.core, SimulatedDispatcher):
            limit = self.clock.monotonic_s() + timeout_s
            while not condition():
                upcoming = self.core.next_timer_s()
                idle = not (self.core.queue or self.core.control)
                if idle and (upcoming is None or upcoming > limit):
                    self.core.clock.move_to(limit)
                    return condition()
                self.core.step()
            return True
        bell = bell or threading.Condition()
        until = self.clock.monotonic_s() + timeout_s
        pause_s = SHORTEST_PAUSE_S
        with bell:
            while not condition():
                left_s = until - self.clock.monotonic_s()
                if left_s <= 0:
                    return False
                bell.wait(min(left_s, pause_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return True

    def run_until_idle(self) -> int:
        """Simulation only: handle all that can be handled without time passing."""
        return self._simulation().run_until_idle()

    def run_for(self, seconds: float) -> None:
        """Simulation only: let virtual time pass."""
        self._simulation().run_for(seconds)

    def _simulation(self) -> SimulatedDispatcher:
        if not isinstance(self.core, SimulatedDispatcher):
            raise ProtocolError('only System(dispatcher="simulated") can be run by hand')
        return self.core

    # -------------------------------------------------------------- for cells and dispatchers

    def dead_letter(self, path: str, message: object, reason: str, *, fenced: bool = False) -> None:
        """Count a message that nobody will handle, and tell who wants to know."""
        kind = type(message).__name__
        with self.lock:
            self.dead_letters[kind] += 1
            meant = self._stops(path)
            said = self._said_dead if not meant else self._said_late
            first = kind not in said
            said.add(kind)
        if first:
            # What still waits when a part is stopped on purpose is no news.
            level = "debug" if meant else "warning"
            say(self._log, level, "dead letter (first of its type)", path=path, type=kind, reason=reason)
        if not isinstance(message, DeadLetter):
            self.events.publish(DeadLetter(path, kind, reason, fenced))

    def _stops(self, path: str) -> bool:
        """Whether a part is going on purpose: with the system, with something above it, or by itself."""
        cell = self._cells.get(path)
        if self._stopping or (cell is not None and cell.state is CellState.STOPPING):
            return True
        steps = path.split("/")
        above = (self._cells.get("/".join(steps[:count])) for count in range(2, len(steps)))
        # A supervisor that is forgotten has taken everything below it along.
        return any(cell is None or cell.state in (CellState.STOPPING, CellState.STOPPED) for cell in above)

    def _held_back(self) -> list[Cell]:
        return [cell for cell in self._cells.values() if cell.stashed()]


def _spec_of(what: Callable[[], Actor[M]], name: str | None) -> ChildSpec:
    plain = name or getattr(what, "__name__", "actor").strip("<>").lower()
    return ChildSpec(plain, cast("Factory", what))


def _ended(spec: ChildSpec) -> str:
    return f"/{spec.name} was not started: the system has ended"


def _info(cell: Cell, depth: Counter[Cell]) -> CellInfo:
    actor = cell.actor
    return CellInfo(
        path=cell.path,
        actor=type(actor).__name__ if actor is not None else "",
        state=cell.state,
        incarnation=cell.incarnation,
        restarts=max(0, cell.restarts),
        last_failure=cell.failure,
        queued=depth[cell] + cell.stashed(),
        handled=cell.handled,
        children=tuple(_info(child, depth) for child in list(cell.children.values())),
    )


__all__ = ["Reply", "System"]

"""Who runs actors: many cells share one dispatcher, which has ONE first-in-first-out run queue.

One queue of `(cell, message, reply)` beats a mailbox per actor plus a ready queue (0.31 against 0.74 us a hop). A
control lane (start, suspend, stop, a child's events) is looked at before each message. Actors may rely on order per
sender and receiver and on nothing more. The drivers (loop, thread, simulated) differ only in who calls `drain`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ganglion.messages.base import Message
from ganglion.supervision.dispatchers.fence import FENCED, Fence, fenced
from ganglion.supervision.errors import Fenced
from ganglion.supervision.failure import last_resort

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell
    from ganglion.supervision.clock import Clock
    from ganglion.supervision.reply import Reply

Item: TypeAlias = "tuple[Cell, Any, Reply | None]"
Control: TypeAlias = "tuple[Cell | None, Callable[..., None], tuple[Any, ...]]"
Progress: TypeAlias = tuple[float, int, int, int]

TURN_MESSAGES = 1_000
"""Most messages in one go, before sockets and timers of the same loop get their turn."""
TURN_CONTROL = 1_000
"""Most items of the control lane in one go: a child that fails at every start must not starve whom it runs beside."""
TURN_SECONDS = 0.001
CHUNK = 50
"""Messages between two looks at the clock."""
NO_LIMIT = 1 << 62


class Timer(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> None:
        """Let it not happen."""


class _Never:
    """A timer of whom nothing is expected any more."""

    def cancel(self) -> None:
        """It won't happen anyway."""


NEVER: Timer = _Never()


class _Turn(threading.local):
    """Whose turn it is on this thread: an `ask` in there would block everyone."""

    dispatcher: Dispatcher | None = None


turn = _Turn()


class Lane(Protocol):
    """What `Address.tell` needs of a dispatcher, without calling it."""

    queue: deque[Item]
    watermark: int
    """Below so many in the queue no mailbox can be full; -1 sends every message the slow way."""
    awake: bool
    """Somebody will drain the queue; False asks for a `wake`."""

    def wake(self) -> None:
        """Make sure that somebody will."""


class _Nowhere:
    """The lane of a cell that is reserved or dead: everything takes the slow way."""

    def __init__(self) -> None:
        self.queue: deque[Item] = deque()
        self.watermark = -1
        self.awake = True

    def wake(self) -> None:
        """Nobody to wake."""


NOWHERE: Lane = _Nowhere()


class Dispatcher(ABC):
    """Runs the cells that were placed on it, one message at a time."""

    def __init__(self, name: str, clock: Clock) -> None:
        """Name it (for the tree and the log) and give it the system's clock."""
        self.name = name
        self.clock = clock
        self.queue: deque[Item] = deque()
        self.control: deque[Control] = deque()
        self.current: Cell | None = None
        self.handled = 0
        self.controlled = 0
        """Items of the control lane that it ran."""
        self._control_left = TURN_CONTROL
        self.fence = Fence(f"dispatcher {name!r}")
        """Of its present thread."""
        self.abandonable = True
        """A thread of it that hangs is left to itself; False for work that can't be done twice (a journal's disk)."""
        self._ping: Control | None = None
        self._changing = threading.Lock()
        self._guarded = False
        self.awake = True
        self.progress_s = clock.monotonic_s()
        """When it last finished a turn, or was woken for the first work after none."""
        self.watermark = NO_LIMIT
        self._smallest_mailbox = NO_LIMIT
        self._crowd: Counter[Cell] = Counter()
        self._recount_in = 0
        self._crowd_lock = threading.Lock()

    # -------------------------------------------------------------- for addresses and cells, from any thread

    def put(self, item: Item) -> None:
        """Queue a message."""
        if len(self.queue) >= self.watermark:
            self._put_crowded(item)
        else:
            self.queue.append(item)
            if not self.awake:
                self.wake()

    def put_control(self, cell: Cell, action: Callable[..., None], *args: Any) -> None:
        """Queue an action on a cell that overtakes all messages."""
        if FENCED and fenced():
            return  # an order or a report of what was abandoned with its thread
        self._put_control((cell, action, args))

    def _put_control(self, item: Control) -> None:
        lane = self.control
        lane.append(item)
        if lane is not self.control:  # the thread was abandoned between these two lines
            with self._changing:
                if item in lane:
                    lane.remove(item)
                    self.control.append(item)
        if not self.awake:
            self.wake()

    def put_front(self, items: deque[Item]) -> None:
        """Put what a cell stashed at the front, in its own order: it was sent before what is queued now."""
        self.queue.extendleft(reversed(items))
        self.wake()

    def admit(self, mailbox: int) -> None:
        """Learn the mailbox bound of a cell placed here: below the smallest, nobody can be over."""
        if mailbox < self._smallest_mailbox:
            self._smallest_mailbox = mailbox
            self.guard(self._guarded)

    def guard(self, on: bool) -> None:  # noqa: FBT001 - a switch
        """Send every message the slow way, where its sender is looked at, or no longer."""
        self._guarded = on
        self.watermark = -1 if on else self._smallest_mailbox

    @abstractmethod
    def wake(self) -> None:
        """Make sure that `drain` will be called."""

    @abstractmethod
    def call_later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Call back on this dispatcher's thread; only to be called from there."""

    @abstractmethod
    def reply(self, timeout_s: float | None) -> Reply:
        """Make a future for an ask, stamped with its deadline."""

    @abstractmethod
    def close(self) -> None:
        """Stop running; what is still queued stays unhandled."""

    # -------------------------------------------------------------- running

    def drain(self, most: int = TURN_MESSAGES) -> bool:
        """Handle up to `most` messages, or 1 ms of them; True if something is left.

        In a context of its own: what a handler binds there (structlog's contextvars) is gone with the turn, and what
        the waker or a host has bound stays theirs. A context per message would cost every message 0.2 us.
        """
        return Context().run(self._turn, most)

    def _turn(self, most: int) -> bool:
        self._control_left = TURN_CONTROL
        monotonic_s = self.clock.monotonic_s
        until = monotonic_s() + TURN_SECONDS
        outer, turn.dispatcher = turn.dispatcher, self
        left = most
        try:
            while left > 0 and self._drain_chunk(min(left, CHUNK)):
                left -= CHUNK
                if monotonic_s() >= until:
                    break
        finally:
            turn.dispatcher = outer
            if not (FENCED and fenced()):
                self.current = None
                self.progress_s = monotonic_s()
        return bool(self.queue or self.control)

    def _drain_chunk(self, most: int) -> bool:
        """Handle up to `most` messages; False if the queue ran empty before. Every line here is paid per message."""
        control = self.control
        pop = self.queue.popleft
        if FENCED and fenced():
            raise Fenced(self.fence.name)
        for count in range(most):
            if control:  # never empty, for a thread that was abandoned
                self._run_control(control)
            try:
                cell, message, reply = pop()
            except IndexError:
                self.handled += count
                return bool(control) and self._control_left > 0
            self.current = cell
            try:
                if reply is None:
                    cell.table[message.__class__](message)
                    cell.handled += 1
                else:
                    cell.answer(message, reply)
            except BaseException as error:  # noqa: BLE001 - the fence: nothing of one actor reaches another
                cell.failed(message, reply, error)
        self.handled += most
        return True

    def _run_control(self, control: deque[Control]) -> None:
        """Run what the control lane holds, up to this turn's share; beyond it messages get their turn first.

        Raises:
            Fenced: on a thread that was abandoned: this turn, and all of its turns, are over.
        """
        while control and self._control_left > 0:
            if FENCED and fenced():
                raise Fenced(self.fence.name)
            self._control_left -= 1
            self.controlled += 1
            cell, action, args = control.popleft()
            self.current = cell
            try:
                action(*args)
            except BaseException as error:  # noqa: BLE001 - the fence
                if cell is None:
                    last_resort(f"dispatcher {self.name!r}", error)
                else:
                    cell.failed(None, None, error)
        if FENCED and fenced():
            raise Fenced(self.fence.name)

    # -------------------------------------------------------------- a thread that does not come back

    def progress(self) -> Progress:
        """Something that is another value after each message and each action of the control lane."""
        current = self.current
        return self.progress_s, self.controlled, self.handled, 0 if current is None else current.handled

    def ping(self) -> None:
        """Have something waiting, so that a thread that hangs with nothing else to do is found out."""
        if self._ping is None:
            item: Control = (None, self._pong, ())
            self._ping = item
            self._put_control(item)

    def _pong(self) -> None:
        self._ping = None

    def abandon(self, seen: Progress, reason: str, first: Callable[[], None]) -> bool:
        """Leave the thread to itself and go on on a new one, which begins with `first`. From the watchdog's thread.

        Queue, cells and their addresses stay; what is told meanwhile waits. `ping` must have been called: so the
        control lane is not empty, and the old thread, which looks there before each message, finds the barrier.

        Returns:
            False if there has been progress since `seen`: it came back just now, nothing has changed.
        """
        with self._changing:
            lane = self.control
            lane.appendleft((None, self._wait_for_change, ()))
            if self.progress() != seen:
                return False
            self.fence.revoke(reason)
            left: deque[Control] = deque()
            while len(lane) > 1:  # the barrier stays
                left.appendleft(lane.pop())
            self.control = deque([(None, first, ()), *(item for item in left if item is not self._ping)])
            while len(lane) > 1:
                self.control.append(lane.pop())
            self._ping = None
            self.current = None
            self.fence = Fence(self.fence.name)
            self.awake = True
            self._begin()
        return True

    def _wait_for_change(self) -> None:
        """Stand still until it is decided whether this thread goes on."""
        with self._changing:
            return

    @abstractmethod
    def _begin(self) -> None:
        """Start the (next) thread, which holds the present fence and drains at once; back when it runs."""

    # -------------------------------------------------------------- mailbox bounds

    def depth(self) -> Counter[Cell]:
        """Count the messages that wait in the run queue, per cell."""
        return Counter(cell for cell, _, _ in list(self.queue))

    def waiting(self) -> int:
        """Count everything that waits."""
        return len(self.queue) + len(self.control)

    def oldest_age_s(self) -> float:
        """How long what waits has been waiting at most: since the last progress, or since work came after none."""
        return self.clock.monotonic_s() - self.progress_s if self.waiting() else 0.0

    def _put_crowded(self, item: Item) -> None:
        """Hold each cell to its own bound; counts are taken anew every tenth of the smallest one."""
        if len(self.queue) < self._smallest_mailbox:  # guarded, not crowded
            self.queue.append(item)
            if not self.awake:
                self.wake()
            return
        cell, message, reply = item
        with self._crowd_lock:
            self._recount_in -= 1
            if self._recount_in <= 0:
                self._crowd = self.depth()
                self._recount_in = max(1, min(self._smallest_mailbox // 10, 1_000))
            crowded = self._crowd[cell] + cell.stashed() >= cell.mailbox
            if not crowded:
                self._crowd[cell] += 1
        if not crowded or not cell.overflow(message, reply):
            self.queue.append(item)
            self.wake()


def name_of(message: object) -> str:
    """The type's name of a message, for counters and logs."""
    return type(message).__name__


MessageType: TypeAlias = type[Message]

"""A live system with a tape: the drivers that run without one, with what they take and send passed by the recorder.

A system without a tape uses nothing of this; here every message costs some microseconds more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ganglion.supervision.cell import Cell
from ganglion.supervision.dispatchers.base import Control, Dispatcher, Item, Progress, Timer
from ganglion.supervision.dispatchers.fence import FENCED, fenced
from ganglion.supervision.dispatchers.loop import LoopDispatcher
from ganglion.supervision.dispatchers.thread import ThreadDispatcher
from ganglion.supervision.reply import Reply, WaitingReply
from ganglion.supervision.system import HANG_S, Kind, System
from ganglion.supervision.tape.turns import taped_cell

if TYPE_CHECKING:
    from ganglion.supervision.clock import Clock
    from ganglion.supervision.tape.recording import Recorder


class RecordedQueue(deque[Item]):
    """A run queue whose every message begins a turn."""

    def __init__(self, dispatcher: Dispatcher, recorder: Recorder) -> None:
        """Belong to a dispatcher."""
        super().__init__()
        self._dispatcher = dispatcher
        self._recorder = recorder

    def popleft(self) -> Item:
        """Take the first message."""
        return self._recorder.take_message(self._dispatcher, self)


class RecordedLane(deque[Control]):
    """A control lane whose every item begins a turn, and ends the one before."""

    def __init__(self, dispatcher: Dispatcher, recorder: Recorder) -> None:
        """Belong to a dispatcher."""
        super().__init__()
        self._dispatcher = dispatcher
        self._recorder = recorder

    def popleft(self) -> Control:
        """Take the first item."""
        self._recorder.end()
        return self._recorder.take_control(self._dispatcher, self)


class RecordedReply(WaitingReply):
    """Its answer goes out with all else that the turn sends."""

    def __init__(self, deadline_s: float | None, recorder: Recorder) -> None:
        """Know whose turn it is."""
        super().__init__(deadline_s)
        self._recorder = recorder

    def set(self, value: Any = None) -> None:
        """Answer."""
        turn = self._recorder.here.turn
        if turn is None:
            super().set(value)
        else:
            turn.put(lambda: WaitingReply.set(self, value))

    def set_exception(self, exc_info: Any = None) -> None:
        """Answer with an error."""
        turn = self._recorder.here.turn
        if turn is None:
            super().set_exception(exc_info)
        else:
            turn.put(lambda: WaitingReply.set_exception(self, exc_info))


class Recording(Dispatcher):
    """What both drivers do differently while a tape is made."""

    def __init__(self, name: str, clock: Clock, recorder: Recorder) -> None:
        """Start the thread and wait until it runs."""
        self.recorder = recorder
        self.muted = recorder.mutes(name)
        self._timers_set = 0
        super().__init__(name, clock)

    def _begin(self) -> None:
        if not isinstance(self.control, RecordedLane) and self.recorder.on:
            # Before its first thread.
            if not self.muted:
                self.queue = RecordedQueue(self, self.recorder)
            self.control = RecordedLane(self, self.recorder)
        super()._begin()  # type: ignore[safe-super]  # of the driver beside this class

    def _drain_chunk(self, most: int) -> bool:
        for _ in range(most):
            try:
                more = super()._drain_chunk(1)
            finally:
                self.recorder.end()
            if not more:
                return False
        return True

    def _run_control(self, control: deque[Control]) -> None:
        try:
            super()._run_control(control)
        finally:
            self.recorder.end()

    def put(self, item: Item) -> None:
        """Queue a message."""
        turn = self.recorder.here.turn
        if turn is None or turn.effects is None:
            super().put(item)
        else:
            turn.put(lambda: Dispatcher.put(self, item))

    def put_control(self, cell: Cell, action: Callable[..., None], *args: Any) -> None:
        """Queue an action on a cell that overtakes all messages."""
        if FENCED and fenced():
            return
        item: Control = (cell, action, args)
        turn = self.recorder.here.turn
        if turn is None:
            self.recorder.ordered(self, item, lambda: self._put_control(item))
        else:
            turn.put(lambda: self._put_control(item))

    def call_later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Call back on this dispatcher's thread, in a turn of its own."""
        return super().call_later(delay_s, self._numbered(action))  # type: ignore[safe-super]  # the same

    def _numbered(self, action: Callable[[], None]) -> Callable[[], None]:
        self._timers_set += 1
        number = self._timers_set
        return action if self.muted else lambda: self.recorder.fire(self, number, action)

    def reply(self, timeout_s: float | None) -> Reply:
        """Make a future that blocks the asking thread."""
        return RecordedReply(None if timeout_s is None else self.clock.monotonic_s() + timeout_s, self.recorder)

    def abandon(self, seen: Progress, reason: str, first: Callable[[], None]) -> bool:
        """Leave the thread to itself: what it will still do, and when, is on no tape."""
        self.recorder.close(f"a thread was abandoned: {reason}")
        return super().abandon(seen, reason, first)


class RecordingLoop(Recording, LoopDispatcher):
    """An asyncio loop."""


class RecordingThread(Recording, ThreadDispatcher):
    """A plain thread."""


class TapedSystem(System):
    """A live system whose tape is made. Its seed stands on the tape, beside what the recorder writes."""

    def __init__(
        self, recorder: Recorder, seed: int, *, stuck_after_s: float = 5.0, hang_s: float | None = HANG_S
    ) -> None:
        """See `System`.

        Args:
            recorder: makes the tape.
            seed: of every id and every jitter; never guessable where the ids go to a venue.
            stuck_after_s: see `System`.
            hang_s: see `System`.
        """
        self.recorder = recorder
        super().__init__(dispatcher="loop", seed=seed, stuck_after_s=stuck_after_s, hang_s=hang_s)

    def _live_clock(self) -> Clock:
        return self.recorder.clock

    def _make_dispatcher(self, name: str, kind: Kind) -> Dispatcher:
        made = RecordingThread if kind == "thread" else RecordingLoop
        return made(name, self.clock, self.recorder)

    def _make_cell(self, path: str) -> Cell:
        return taped_cell(self, path, self.recorder)

    def _sweep(self, dispatchers: list[Dispatcher]) -> None:
        self.recorder.close("the system stopped")
        super()._sweep(dispatchers)

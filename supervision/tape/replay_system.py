"""The system of a replay: no thread runs in it, and its dispatchers take what the tape says, when it says so.

Made by whoever replays, with a `Replayer` (replaying.py), which goes through the tape and moves everything here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from ganglion.supervision.cell import Cell
from ganglion.supervision.dispatchers.base import Control, Dispatcher, Timer
from ganglion.supervision.dispatchers.thread import HeapTimer
from ganglion.supervision.errors import SupervisionError
from ganglion.supervision.reply import Reply
from ganglion.supervision.system import Kind, System
from ganglion.supervision.tape.turns import Reading, Turn, taped_cell

if TYPE_CHECKING:
    from ganglion.supervision.clock import Clock
    from ganglion.supervision.tape.replaying import Replayer
    from ganglion.supervision.watchdog import Watchdog


class TapeEnded(SupervisionError):
    """Something was waited for that did not come before the tape's end."""


class ReplayHere:
    """What the replaying thread is in the middle of."""

    def __init__(self) -> None:
        """Nothing."""
        self.turn: Turn | None = None
        self.reading: Reading | None = None


class ReplayClock:
    """Stands where the tape says."""

    def __init__(self, here: ReplayHere) -> None:
        """Look there for the turn; between turns it is the newest reading."""
        self._here = here
        self.newest: Reading = (0.0, 0)

    def monotonic_s(self) -> float:
        """Seconds when the present turn began."""
        return (self._here.reading or self.newest)[0]

    def now_ms(self) -> int:
        """Milliseconds since 1970 when the present turn began."""
        return (self._here.reading or self.newest)[1]


class ReplayReply(Reply):
    """Replays until it is answered."""

    def __init__(self, deadline_s: float | None, replayer: Replayer) -> None:
        """Know who replays."""
        super().__init__(deadline_s)
        self._replayer = replayer

    def get(self, *, timeout: float | None = None) -> Any:
        """Replay until answered.

        Raises:
            TapeEnded: the tape, or the replay, ends before.
        """
        self._replayer.run(lambda: self.done)
        if not self.done:
            raise TapeEnded(f"{self._replayer.where}, before what was waited for was answered")
        return super().get(timeout=0)


class ReplayDispatcher(Dispatcher):
    """Takes what the tape says, when it says so."""

    def __init__(self, name: str, clock: Clock, replayer: Replayer) -> None:
        """Belong to a replay."""
        super().__init__(name, clock)
        self._replayer = replayer
        self.held: deque[Control] = deque()
        """Its control lane; what is in `control` is what it takes now."""
        self._timers: dict[int, HeapTimer] = {}
        self._timers_set = 0

    def _begin(self) -> None:
        """No thread."""

    def wake(self) -> None:
        """Nobody to wake."""

    def close(self) -> None:
        """Nothing to close."""

    def waiting(self) -> int:
        """Count everything that waits."""
        return len(self.queue) + len(self.held)

    def put_control(self, cell: Cell, action: Callable[..., None], *args: Any) -> None:
        """Keep an action until the tape says that it is taken."""
        item: Control = (cell, action, args)
        here = self._replayer.here.turn
        if here is None:
            self._replayer.ordered(self, item)
        else:
            here.put(lambda: self.held.append(item))

    def call_later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Number it: the tape says when it fires."""
        self._timers_set += 1
        timer = self._timers[self._timers_set] = HeapTimer(action)
        return timer

    def reply(self, timeout_s: float | None) -> Reply:
        """Make a future whose `get` replays."""
        return ReplayReply(None if timeout_s is None else self.clock.monotonic_s() + timeout_s, self._replayer)

    def take_message(self) -> None:
        """Handle the first message of the queue."""
        Context().run(self._drain_chunk, 1)

    def take_control(self) -> None:
        """Do the first thing of the control lane."""
        self.control.append(self.held.popleft())
        self._control_left = 1
        Context().run(self._run_control, self.control)

    def timer(self, number: int) -> Callable[[], None] | None:
        """What a timer does; None where it was never set, has fired or was cancelled."""
        timer = self._timers.pop(number, None)
        return None if timer is None else timer.action


class ReplaySystem(System):
    """The system of a replay. No thread runs in it."""

    def __init__(self, replayer: Replayer, seed: int) -> None:
        """Take the tape's seed; replays the start of the recorded system."""
        self.replayer = replayer
        self.replaying: dict[str, ReplayDispatcher] = {}
        replayer.system = self
        super().__init__(dispatcher="loop", seed=seed)

    def _live_clock(self) -> Clock:
        return self.replayer.clock

    def _make_watchdog(self, _stuck_after_s: float, _hang_s: float | None) -> Watchdog | None:
        return None

    def _make_cell(self, path: str) -> Cell:
        return taped_cell(self, path, self.replayer)

    def _make_dispatcher(self, name: str, _kind: Kind) -> Dispatcher:
        made = self.replaying[name] = ReplayDispatcher(name, self.clock, self.replayer)
        return made

    def wait_for(self, condition: Callable[[], bool], *_: object, **__: object) -> bool:
        """Replay until a condition holds; False if the tape ends before."""
        self.replayer.run(condition)
        return condition()

"""The driver without a thread: virtual time, everything on the caller's thread, the same order in every run.

Time jumps to the next timer when nothing can run. An `ask` from outside runs the scheduler until it is answered, and
says who waits for what if it never can be.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING

from ganglion.supervision.clock import VirtualClock
from ganglion.supervision.dispatchers.base import TURN_CONTROL, Dispatcher, Timer, turn
from ganglion.supervision.dispatchers.deliveries import Deliveries
from ganglion.supervision.dispatchers.thread import HeapTimer
from ganglion.supervision.reply import Reply, SteppingReply

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell

RUNAWAY = 10_000_000
"""Messages in one instant of virtual time: more is an endless exchange of messages, not work."""
RUNAWAY_CONTROL = 1_000_000
"""The same for starts, stops and their like, of which an instant has few."""
ENDLESS = (
    f"{RUNAWAY} messages, or {RUNAWAY_CONTROL} starts and stops, in one instant of virtual time: two actors answer "
    "each other for ever, or a child without backoff fails at every start"
)


class SimulatedDispatcher(Dispatcher):
    """Runs cells in virtual time, first in, first out."""

    clock: VirtualClock

    def __init__(self, name: str, clock: VirtualClock, deliveries: Deliveries | None = None) -> None:
        """Stand still until told to run.

        Args:
            name: for the tree.
            clock: the time that it moves, or that the world around it does.
            deliveries: a run queue that can deliver out of order; a world's, which then moves the time.
        """
        super().__init__(name, clock)
        self.driven = deliveries is not None
        """A world runs it together with others: it never lets time pass by itself."""
        if deliveries is not None:
            deliveries.dispatcher = self
            self.queue = deliveries
        self._timers: list[tuple[float, int, HeapTimer]] = []
        self._order = itertools.count()
        self._steps = 0
        """Steps in the present instant."""
        self.suspended_cells: Callable[[], list[Cell]] = list
        """Set by the system: who holds messages back, for the text of a Deadlock."""

    def _begin(self) -> None:
        """Nothing to start: the caller runs it, and would hang itself."""

    def wake(self) -> None:
        """Nothing to wake: the caller runs it."""

    def call_later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Call back when virtual time gets there; timers of one instant fire in the order they were set."""
        timer = HeapTimer(action)
        when = self.clock.monotonic_s() + (max(0.0, delay_s))
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def reply(self, timeout_s: float | None) -> Reply:
        """Make a future whose `get` runs the scheduler."""
        return SteppingReply(self, None if timeout_s is None else self.clock.monotonic_s() + timeout_s)

    def close(self) -> None:
        """Forget the timers."""
        self._timers.clear()

    def _turn(self, most: int) -> bool:
        """As on a thread, but without a look at the clock, which stands still meanwhile."""
        self._control_left = TURN_CONTROL
        outer, turn.dispatcher = turn.dispatcher, self
        try:
            self._drain_chunk(most)
        finally:
            turn.dispatcher = outer
            self.current = None
            self.progress_s = self.clock.monotonic_s()
        return bool(self.queue or self.control)

    def run_until_idle(self) -> int:
        """Handle all that can be handled without time passing; returns how many messages that were."""
        before, controlled = self.handled, self.controlled
        while self.queue or self.control:
            Context().run(self._turn, RUNAWAY)
            if self.handled - before > RUNAWAY or self.controlled - controlled > RUNAWAY_CONTROL:
                raise RuntimeError(ENDLESS)
        return self.handled - before

    def in_turn(self, drive: Callable[[], None]) -> None:
        """Run what drives this dispatcher by `deliver` for many instants, in one turn that never ends between them.

        For data that comes by the hundred thousand: a turn for each piece costs as much as handling it.
        """
        outer, turn.dispatcher = turn.dispatcher, self
        try:
            drive()
        finally:
            turn.dispatcher = outer
            self.current = None
            self.progress_s = self.clock.monotonic_s()

    def deliver(self, most: int) -> None:
        """Handle up to `most` messages of the present instant, and what the control lane holds; only `in_turn`."""
        if self.control:
            self._control_left = TURN_CONTROL
        self._drain_chunk(most)

    @property
    def agenda(self) -> Sequence[tuple[float, int, HeapTimer]]:
        """The timers as a heap, those that were cancelled among them: the first tells when to look closer."""
        return self._timers

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.run_until(self.clock.monotonic_s() + seconds)

    def run_until(self, when_s: float) -> None:
        """Run, timer by timer, up to and including an instant."""
        self.run_until_idle()
        while self._timers and self._timers[0][0] <= when_s:
            self.fire_next()
            self.run_until_idle()
        self.clock.move_to(when_s)
        self.progress_s = self.clock.monotonic_s()

    def step(self) -> bool:
        """Do the next thing: one message, or jump to the next timer; False if there is nothing to do."""
        if self.queue or self.control:
            self.drain(1)
            self._steps += 1
            if self._steps > RUNAWAY:
                raise RuntimeError(ENDLESS)
            return True
        while self._timers and not self.driven:
            if self.fire_next():
                return True
        return False

    def next_timer_s(self) -> float | None:
        """When the next live timer fires."""
        while self._timers and self._timers[0][2].action is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def timers(self) -> list[tuple[float, Callable[[], None]]]:
        """What time will bring, soonest first: when, and what is called then. For people: nothing is taken out."""
        live = sorted((when, order, timer.action) for when, order, timer in self._timers if timer.action is not None)
        return [(when, action) for when, _, action in live]

    def fire_next(self) -> bool:
        """Jump to the next timer and do what it was set for; False if it was cancelled."""
        when, _, timer = heapq.heappop(self._timers)
        if timer.action is None:
            return False
        self.clock.move_to(when)
        self.progress_s = self.clock.monotonic_s()  # nothing waited while time passed
        self._steps = 0
        timer.action()
        return True

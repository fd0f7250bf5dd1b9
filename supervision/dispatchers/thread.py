"""The driver for work that blocks or computes: a plain thread with timers, no event loop."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from ganglion.supervision.clock import Clock
from ganglion.supervision.dispatchers.base import Dispatcher, Timer, turn
from ganglion.supervision.dispatchers.fence import Fence, fenced
from ganglion.supervision.errors import Fenced
from ganglion.supervision.reply import Reply, WaitingReply


class HeapTimer:
    """A timer in a heap; cancelled ones stay there until their time and do nothing."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        """Hold the action."""
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget the action."""
        self.action = None


class ThreadDispatcher(Dispatcher):
    """Runs cells on a thread of its own."""

    def __init__(self, name: str, clock: Clock) -> None:
        """Start the thread."""
        super().__init__(name, clock)
        self._order = itertools.count()
        self._closed = False
        self._bell = threading.Event()
        self._begin()

    def _begin(self) -> None:
        self._timers: list[tuple[float, int, HeapTimer]] = []
        ready = threading.Event()
        arguments = (self.fence, ready)
        self._thread = threading.Thread(target=self._main, args=arguments, name=f"ganglion-{self.name}", daemon=True)
        self._thread.start()
        ready.wait()

    def _main(self, fence: Fence, ready: threading.Event) -> None:
        turn.dispatcher = self
        fence.thread = threading.get_ident()
        ready.set()
        try:
            self._work(fence)
        except Fenced:
            for say_farewell in list(fence.farewells.values()):
                say_farewell()
        finally:
            fence.ended()

    def _work(self, fence: Fence) -> None:
        while not self._closed:
            self._fire_timers()
            if self.drain():
                continue
            if fence.revoked:
                raise Fenced(fence.name)
            self.awake = False
            if not (self.queue or self.control or self._closed):
                self._bell.wait(self._until_next_timer())
            self.awake = True
            self._bell.clear()

    def _fire_timers(self) -> None:
        now = self.clock.monotonic_s()
        while self._timers and self._timers[0][0] <= now:
            _, _, timer = heapq.heappop(self._timers)
            if timer.action is not None:
                timer.action()
                if fenced():
                    return

    def _until_next_timer(self) -> float | None:
        return max(0.0, self._timers[0][0] - self.clock.monotonic_s()) if self._timers else None

    def wake(self) -> None:
        """Ring the bell, in case the thread sleeps."""
        if not self.awake:
            self.progress_s = self.clock.monotonic_s()
            self._bell.set()

    def call_later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Put it into the thread's own heap."""
        timer = HeapTimer(action)
        heapq.heappush(self._timers, (self.clock.monotonic_s() + delay_s, next(self._order), timer))
        return timer

    def reply(self, timeout_s: float | None) -> Reply:
        """Make a future that blocks the asking thread."""
        return WaitingReply(None if timeout_s is None else self.clock.monotonic_s() + timeout_s)

    def close(self) -> None:
        """End the thread and wait for it, unless it is the caller's own."""
        self._closed = True
        self._bell.set()
        if threading.get_ident() != self._thread.ident:
            self._thread.join(timeout=5.0)

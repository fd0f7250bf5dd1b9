"""The live driver of an arm: an asyncio loop in a thread of its own, shared by the arm's actors and its sockets.

A frame that arrives on the loop is handled all the way (frame, book, mode) in one drain; at most 1,000 messages or
1 ms at a time, then sockets and timers get their turn. Foreign threads wake the loop once per burst.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from ganglion.supervision.clock import Clock
from ganglion.supervision.dispatchers.base import Dispatcher, Timer, turn
from ganglion.supervision.dispatchers.fence import Fence
from ganglion.supervision.errors import Fenced
from ganglion.supervision.reply import Reply, WaitingReply

CLOSE_GRACE_S = 2.0
"""What runs on a loop that is closed (sockets saying goodbye) may take so long before it is cancelled."""


async def _finish(tasks: list[asyncio.Task[object]]) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=CLOSE_GRACE_S)
        for task in tasks:
            task.cancel()  # does nothing to one that is done
        await asyncio.gather(*tasks, return_exceptions=True)


class LoopDispatcher(Dispatcher):
    """Runs cells on an asyncio loop."""

    def __init__(self, name: str, clock: Clock) -> None:
        """Start the loop's thread and wait until it runs."""
        super().__init__(name, clock)
        self._begin()

    def _begin(self) -> None:
        before = getattr(self, "loop", None)
        self.loop = asyncio.new_event_loop()
        """Of its present thread: ask for it again after a restart."""
        ready = threading.Event()
        arguments = (self.loop, self.fence, ready)
        self._thread = threading.Thread(target=self._main, args=arguments, name=f"ganglion-{self.name}", daemon=True)
        self._thread.start()
        ready.wait()
        if before is not None:
            before.call_soon_threadsafe(before.stop)

    def _main(self, loop: asyncio.AbstractEventLoop, fence: Fence, ready: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        turn.dispatcher = self
        fence.thread = threading.get_ident()
        loop.call_soon(ready.set)
        loop.call_soon(self._run, fence)
        try:
            loop.run_forever()
        finally:
            for say_farewell in list(fence.farewells.values()) if fence.revoked else ():
                say_farewell()
            loop.run_until_complete(_finish(list(asyncio.all_tasks(loop))))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            fence.ended()

    def wake(self) -> None:
        """Schedule a drain, unless one is scheduled or running."""
        if self.awake:
            return
        self.awake = True
        self.progress_s = self.clock.monotonic_s()
        if threading.get_ident() == self._thread.ident:
            self.loop.call_soon(self._run, self.fence)
        else:
            try:
                self.loop.call_soon_threadsafe(self._run, self.fence)
            except RuntimeError:
                # The loop was closed between two looks: what is queued stays unhandled, as after any close().
                return

    def _run(self, fence: Fence) -> None:
        if fence.revoked:
            return
        try:
            more = self.drain()
        except Fenced:
            return  # this thread was abandoned while it hung in there; its loop stops by itself
        if more:
            self.loop.call_soon(self._run, fence)
            return
        self.awake = False
        if self.queue or self.control:  # put between the last look and the flag
            self.wake()

    def call_later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Use the loop's own timers."""
        return self.loop.call_later(delay_s, action)

    def reply(self, timeout_s: float | None) -> Reply:
        """Make a future that blocks the asking thread."""
        return WaitingReply(None if timeout_s is None else self.clock.monotonic_s() + timeout_s)

    def close(self) -> None:
        """Stop the loop and wait for its thread, unless it is the caller's own."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.get_ident() != self._thread.ident:
            self._thread.join(timeout=5.0)

"""The future behind an `ask`, stamped with a deadline: who stops waiting is not served any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from pykka import ThreadingFuture, Timeout

from ganglion.supervision.errors import Deadlock

if TYPE_CHECKING:
    from ganglion.supervision.dispatchers.simulated import SimulatedDispatcher


class Reply(ThreadingFuture[Any]):
    """A pykka future with a deadline by the system's monotonic clock; None waits for ever."""

    def __init__(self, deadline_s: float | None = None) -> None:
        """Take the deadline that `ask(timeout=…)` means."""
        super().__init__()
        self.deadline_s = deadline_s

    @property
    def done(self) -> bool:
        """An answer or an error has come."""
        return self._result is not None


class WaitingReply(Reply):
    """Blocks the asking thread; a coroutine that awaits it does not block its loop, as it would with pykka's own."""

    def __init__(self, deadline_s: float | None = None) -> None:
        """Start without anybody to wake."""
        super().__init__(deadline_s)
        self._wake: Callable[[], object] | None = None

    def set(self, value: Any = None) -> None:
        """Answer."""
        super().set(value)
        self._ring()

    def set_exception(self, exc_info: Any = None) -> None:
        """Answer with an error."""
        super().set_exception(exc_info)
        self._ring()

    def _ring(self) -> None:
        with self._condition:
            wake, self._wake = self._wake, None
        if wake is not None:
            with contextlib.suppress(RuntimeError):  # the host's loop was closed: nobody waits any more
                wake()

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait on the running event loop, from one coroutine at a time."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[None] = loop.create_future()

        def come() -> None:
            if not arrived.done():
                arrived.set_result(None)

        with self._condition:
            if self._result is not None:
                return self.get(timeout=0)
            self._wake = partial(loop.call_soon_threadsafe, come)
        yield from arrived
        return self.get(timeout=0)


class SteppingReply(Reply):
    """Runs the simulation until the answer comes."""

    def __init__(self, dispatcher: SimulatedDispatcher, deadline_s: float | None) -> None:
        """Hold the dispatcher that `get` will run."""
        super().__init__(deadline_s)
        self._dispatcher = dispatcher

    def get(self, *, timeout: float | None = None) -> Any:
        """Run until answered.

        Raises:
            Timeout: virtual time passed the timeout first.
            Deadlock: nothing can run, no timer is set, and the answer has not come.
        """
        dispatcher = self._dispatcher
        limit = self.deadline_s if timeout is None else dispatcher.clock.monotonic_s() + timeout
        while not self.done:
            upcoming = dispatcher.next_timer_s()
            idle = not (dispatcher.queue or dispatcher.control)
            if idle and limit is not None and (upcoming is None or upcoming > limit):
                dispatcher.clock.move_to(limit)
                raise Timeout(f"no answer by {limit:.3f} s of virtual time; {self._waiting()}")
            if not dispatcher.step():
                raise Deadlock(f"nothing can run and the answer has not come; {self._waiting()}")
        return super().get(timeout=0)

    def _waiting(self) -> str:
        from ganglion.supervision.waiting import waiting_text  # noqa: PLC0415 - it looks at cells, which need replies

        return waiting_text(self._dispatcher, self)

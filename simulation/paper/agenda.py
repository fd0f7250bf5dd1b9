"""When a paper account acts: on the one thread of its exchange's loop, at once or after a delay.

A protocol, so that tests can hold time in their hands, and the asyncio loop of an arm as the real one. Nothing here
blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Agenda(Protocol):
    """Who runs a paper account."""

    def soon(self, action: Callable[[], None]) -> None:
        """Run it on the account's thread, at once where this is that thread; from any thread, in order."""

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Run it there after so long; called on that thread."""


class LoopAgenda:
    """An asyncio loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def soon(self, action: Callable[[], None]) -> None:
        """See `Agenda`."""
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            action()
        else:
            self._loop.call_soon_threadsafe(action)

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """See `Agenda`."""
        self._loop.call_later(delay_s, action)

"""Requests whose nonce must rise in the order in which they arrive: numbers that rise, and one on its way at a time.

Some venues refuse a signed request whose nonce is not above the last one that they took. ccxt numbers by the
millisecond, and two requests on two connections may overtake each other: both end as InvalidNonce. Which of ccxt's
APIs that concerns is per-venue data (`Quirks.nonce_apis`).

What is lost on its way is fenced off by this: once a later request was taken, the venue refuses the earlier one
whenever it arrives. A clock that is set back, or a second program on the same key, can still break the order; the
error table answers InvalidNonce.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

MOST_WAIT_S = 2.0
"""After so long without an answer the next request goes all the same: a cancel must not stand behind what hangs."""


class RequestOrder:
    """The order of one account's numbered requests, kept across the incarnations of its exchange actor."""

    def __init__(self) -> None:
        self._last = 0
        self._turn: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def nonce(self, wanted: int) -> int:
        """`wanted`, or the next number above the last one."""
        self._last = max(self._last + 1, wanted)
        return self._last

    async def in_turn(self, send: Callable[[], Awaitable[T]]) -> T:
        """Send when the one before was answered, failed, or hung too long."""
        loop = asyncio.get_running_loop()
        if self._turn is None or self._loop is not loop:
            self._turn, self._loop = asyncio.Lock(), loop
        turn = self._turn
        await turn.acquire()
        held = True

        def release() -> None:
            nonlocal held
            if held:
                held = False
                turn.release()

        timer = loop.call_later(MOST_WAIT_S, release)
        try:
            return await send()
        finally:
            timer.cancel()
            release()

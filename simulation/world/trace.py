"""The fingerprint of a run: what was handled by whom, when, in which order, and what went to venues and disks.

Two runs with the same fingerprint did the same. Every message costs a table look-up; only what leaves a bot is hashed
with its content, because a difference inside shows there.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell
    from ganglion.supervision.dispatchers.base import Item
    from ganglion.supervision.dispatchers.deliveries import Deliveries

_FLUSH = 16_384


class Trace:
    """The fingerprint so far."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._numbers: dict[tuple[str, type], int] = {}
        self._tokens = array("I")

    def step(self, _: int, cell: Cell, message: object) -> None:
        """An actor is about to handle a message (`Deliveries.on_step`)."""
        try:
            self._tokens.append(self._numbers[cell.path, message.__class__])
        except KeyError:
            kind = message.__class__
            number = self._numbers[cell.path, kind] = len(self._numbers)
            self.note(f"{number}={cell.path}:{kind.__name__}".encode())
            self._tokens.append(number)

    def tap(self, queue: Deliveries) -> Callable[[], Item]:
        """What takes the next message of a queue and notes it (`Deliveries.tapped_by`): `step`, without its frame."""
        take, numbers, append, step = partial(deque.popleft, queue), self._numbers, self._tokens.append, self.step

        def popleft() -> Item:
            item: Item = take()
            queue.steps += 1
            try:
                append(numbers[item[0].path, item[1].__class__])
            except KeyError:
                step(queue.steps, item[0], item[1])
            return item

        return popleft

    def time(self, now_s: float) -> None:
        """Virtual time has come to this."""
        self._tokens.append(int(now_s * 1_000_000) & 0xFFFF_FFFF)
        if len(self._tokens) >= _FLUSH:
            self._flush()

    def note(self, content: bytes) -> None:
        """Something with content happened."""
        self._flush()
        self._hash.update(content)

    def digest(self, *contents: bytes) -> str:
        """The fingerprint of what was so far and of these, 32 hex digits."""
        self._flush()
        whole = self._hash.copy()
        for content in contents:
            whole.update(content)
        return whole.hexdigest()

    def _flush(self) -> None:
        self._hash.update(self._tokens.tobytes())
        del self._tokens[:]

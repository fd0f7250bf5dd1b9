"""The fencing token: by what a thread that was abandoned is kept from doing harm when it wakes up.

A thread that hangs can't be ended, only left. Each thread of a dispatcher holds a `Fence`; when the dispatcher goes on
without it (abandoning.py) the fence is revoked. Ports look at it immediately before a write leaves, cells and
dispatchers ask `fenced()`. No other thread is ever in `FENCED`, so in a healthy process asking costs nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ganglion.supervision.errors import Fenced

FENCED: set[int] = set()
"""Idents of the threads that were abandoned and have not ended; of the process, as threads are."""


def fenced() -> bool:
    """Whether the calling thread was abandoned: what it does is of no account."""
    return bool(FENCED) and threading.get_ident() in FENCED


class Fence:
    """The right of one thread to act for its dispatcher."""

    __slots__ = ("farewells", "name", "on_end", "reason", "revoked", "thread")

    def __init__(self, name: str) -> None:
        """Start valid; the name is for texts."""
        self.name = name
        self.thread = 0
        """Ident of the thread that holds it."""
        self.revoked = False
        self.reason = ""
        self.on_end: Callable[[], None] | None = None
        """Called when a thread that was abandoned has come to its end after all."""
        self.farewells: dict[object, Callable[[], None]] = {}
        """By owner: how what lives on that thread closes what it has open, should the thread come back."""

    def check(self, what: str) -> None:
        """Refuse a write of a thread that was abandoned; called immediately before it leaves.

        Raises:
            Fenced: it was abandoned.
        """
        if self.revoked:
            raise Fenced(f"{what} was not sent: {self.name} was abandoned ({self.reason}), another has taken its place")

    def revoke(self, reason: str) -> None:
        """Take the right away, from any thread."""
        FENCED.add(self.thread)
        self.reason = reason
        self.revoked = True

    def ended(self) -> None:
        """Its thread ends: the operating system may give the ident to another."""
        if self.revoked:
            FENCED.discard(self.thread)
            if self.on_end is not None:
                self.on_end()


class Quarantine:
    """While a system has abandoned threads, every message of every thread takes the slow way, where it is looked at.

    That way the fast one asks nothing. Touched by the watchdog, by abandoned threads that end, and by whoever makes a
    dispatcher.
    """

    def __init__(self) -> None:
        """Start with no abandoned thread."""
        self.count = 0
        """Abandoned threads that have not ended."""
        self._lock = threading.Lock()
        self._guards: list[Callable[[bool], None]] = []

    def admit(self, guard: Callable[[bool], None]) -> None:
        """Take another dispatcher in."""
        with self._lock:
            self._guards.append(guard)
            guard(self.count > 0)

    def begin(self) -> None:
        """One more thread is about to be abandoned."""
        with self._lock:
            self.count += 1
            for guard in self._guards:
                guard(True)

    def end(self) -> None:
        """An abandoned thread has ended, or was none."""
        with self._lock:
            self.count -= 1
            for guard in self._guards:
                guard(self.count > 0)

"""A test's own mailbox: an actor that keeps what it is told, and lets a test wait for a message."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ganglion.messages.base import Message
from ganglion.supervision.actor import Actor
from ganglion.supervision.address import Address
from ganglion.supervision.errors import Timeout

if TYPE_CHECKING:
    from ganglion.supervision.system import System

T = TypeVar("T", bound=Message)
Handler = Callable[[Any], object]


class _Everything(dict[type, Handler]):
    """A handler table with one handler for all types that are not in it."""

    def __init__(self, keep: Handler) -> None:
        super().__init__()
        self._keep = keep

    def __missing__(self, kind: type) -> Handler:
        return self._keep

    def get(self, kind: type, _default: object = None) -> Handler:
        return self[kind]

    def __contains__(self, _: object) -> bool:
        return True


class ProbeActor(Actor[Any]):
    """Hands everything it is told to its probe."""

    def __init__(self, probe: Probe) -> None:
        """Know the probe."""
        self._probe = probe

    def _handlers_by_type(self) -> dict[type, Handler]:
        return _Everything(self._probe.take)


class Probe:
    """What a test holds: an address to give away, and the messages that came to it."""

    address: Address[Any]

    def __init__(self, system: System) -> None:
        """Made by `System.probe`."""
        self._system = system
        self._arrived = threading.Condition()
        self.received: list[Message] = []
        """Everything that came, oldest first; `expect` does not take from it."""
        self._read = 0

    def take(self, message: Message) -> None:
        """Keep a message; called by the probe's actor."""
        with self._arrived:
            self.received.append(message)
            self._arrived.notify_all()

    def expect(self, kind: type[T], timeout_s: float = 2.0) -> T:
        """Return the next message of a type, skipping others; in the simulation virtual time runs until it comes.

        Raises:
            Timeout: none came in time; the text says what came instead.
        """
        found: T | None = None

        def look() -> bool:
            nonlocal found
            while self._read < len(self.received):
                message = self.received[self._read]
                self._read += 1
                if isinstance(message, kind):
                    found = message
                    return True
            return False

        self._system.wait_for(look, timeout_s, self._arrived)
        if found is None:
            names = ", ".join(type(m).__name__ for m in self.received[-10:]) or "nothing"
            raise Timeout(f"no {kind.__name__} within {timeout_s:g} s; last came: {names}")
        return found

    def of(self, kind: type[T]) -> list[T]:
        """Return all messages of a type that have come so far."""
        return [message for message in self.received if isinstance(message, kind)]

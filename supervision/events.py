"""The event stream of a system: lifecycle events and dead letters, to whoever subscribed. Any thread may publish."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from ganglion.messages.base import Message
from ganglion.supervision.errors import ActorDeadError

if TYPE_CHECKING:
    from ganglion.supervision.address import Address


class EventStream:
    """Tells events to their subscribers; a dead subscriber is forgotten."""

    def __init__(self) -> None:
        """Start without subscribers."""
        self._subscribers: dict[type[Message], tuple[Address[Any], ...]] = {}
        self._lock = threading.Lock()

    def subscribe(self, address: Address[Any], *types: type[Message]) -> None:
        """Tell `address` every event of these types from now on; twice is once."""
        with self._lock:
            for kind in types:
                known = self._subscribers.get(kind, ())
                if address not in known:
                    self._subscribers[kind] = (*known, address)

    def unsubscribe(self, address: Address[Any]) -> None:
        """Tell `address` nothing any more."""
        with self._lock:
            for kind, known in self._subscribers.items():
                self._subscribers[kind] = tuple(a for a in known if a is not address)

    def publish(self, event: Message) -> None:
        """Tell an event."""
        for address in self._subscribers.get(type(event), ()):
            if address.is_alive():
                with contextlib.suppress(ActorDeadError):  # it died just now; the letter is counted as dead
                    address.tell(event)
            else:
                self.unsubscribe(address)

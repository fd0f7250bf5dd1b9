"""Who hears of a cell: subscribers of what its actor publishes, and watchers of its end.

`Listeners` is the middle of a cell, between mailbox.py and cell.py. Subscriptions belong to the cell and outlive its
actors; they are made from any thread, and read without a lock by the dispatcher that publishes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganglion.messages.base import Message
from ganglion.messages.lifecycle import CellState, Terminated
from ganglion.supervision.mailbox import Mailbox

if TYPE_CHECKING:
    from ganglion.supervision.address import Address
    from ganglion.supervision.system import System


class Listeners(Mailbox):
    """The middle of a cell."""

    __slots__ = ("_publishers", "_subscribers", "_watchers", "address")

    def __init__(self, system: System, path: str) -> None:
        """Begin with nobody who listens."""
        super().__init__(system, path)
        self.address: Address[Any]
        self._subscribers: dict[type[Message], tuple[Address[Any], ...]] | None = None
        self._publishers: dict[Listeners, None] | None = None
        """Whom it has subscribed to, to be forgotten there when it stops for good."""
        self._watchers: tuple[Address[Any], ...] = ()

    def publish(self, message: Message) -> None:
        """Tell all subscribers of this type."""
        if self._subscribers is not None:
            for address in self._subscribers.get(message.__class__, ()):
                address.tell(message)

    def is_heard(self, kind: type[Message]) -> bool:
        """Whether somebody has subscribed to this type: what nobody hears need not be worked out."""
        return self._subscribers is not None and bool(self._subscribers.get(kind))

    def subscribe(self, address: Address[Any], types: tuple[type[Message], ...]) -> None:
        """Add a subscriber; twice is once. It is forgotten when it stops for good."""
        subscriber = address._cell  # noqa: SLF001 - cell and address are one concept in two files
        with self.system.lock:
            if subscriber.state is CellState.STOPPED:
                return
            known = dict(self._subscribers or {})
            for kind in types:
                if address not in known.get(kind, ()):
                    known[kind] = (*known.get(kind, ()), address)
            self._subscribers = known
            if subscriber._publishers is None:  # noqa: SLF001 - a cell like this one
                subscriber._publishers = {}  # noqa: SLF001
            subscriber._publishers[self] = None  # noqa: SLF001

    def unsubscribe(self, address: Address[Any]) -> None:
        """Remove a subscriber from all types."""
        with self.system.lock:
            self._subscribers = {
                kind: tuple(a for a in addresses if a is not address)
                for kind, addresses in (self._subscribers or {}).items()
            }

    def watch(self, address: Address[Any]) -> None:
        """Have the watched cell tell this one when it stops for good."""
        address._cell.watched_by(self.address)  # noqa: SLF001 - cell and address are one concept in two files

    def watched_by(self, watcher: Address[Any]) -> None:
        """Add a watcher, or tell it at once if it comes too late."""
        with self.system.lock:
            gone = self.state is CellState.STOPPED
            if not gone and watcher not in self._watchers:
                self._watchers = (*self._watchers, watcher)
        if gone:
            watcher.tell(Terminated(self.path, "stopped before it was watched"))

"""The seam to pykka: what a cell overrides of `pykka.Actor`, in one place, held by a contract test.

pykka gives references their face (ActorRef, tell, ask, stop, Timeout, ActorDeadError); the thread per actor, the
inbox and the process-wide registry are not used. The names overridden begin with an underscore in pykka.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pykka

from ganglion.supervision.errors import ProtocolError
from ganglion.supervision.reply import Reply, WaitingReply

if TYPE_CHECKING:
    from pykka._envelope import Envelope


class Inbox:
    """Takes what pykka's own API puts and hands it to the dispatcher; nobody reads from it."""

    __slots__ = ("_cell",)

    def __init__(self, cell: PykkaCell) -> None:
        """Know the cell."""
        self._cell = cell

    def put(self, envelope: Envelope[Any]) -> None:
        """Pass a pykka envelope on."""
        self._cell.send((self._cell, envelope.message, envelope.reply_to))

    def get(self) -> Envelope[Any]:
        """Refuse: a dispatcher has one queue for all its cells."""
        raise ProtocolError("a cell has no inbox of its own: its dispatcher has one queue for all")

    def empty(self) -> bool:
        """Say that nothing is in here, ever."""
        return True


class StoppedFlag:
    """Stands in for pykka's `threading.Event`, which takes 1.3 KiB; an Event is made when somebody waits."""

    __slots__ = ("_event", "_set")

    def __init__(self) -> None:
        """Start unset."""
        self._set = False
        self._event: threading.Event | None = None

    def is_set(self) -> bool:
        """Whether the actor has stopped."""
        return self._set

    def set(self) -> None:
        """Say that it has stopped."""
        self._set = True
        if self._event is not None:
            self._event.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it has stopped; for code outside actors."""
        if self._event is None:
            self._event = threading.Event()
        if self._set:
            self._event.set()
        return self._event.wait(timeout)


class PykkaCell(pykka.Actor):
    """A pykka actor without thread, loop or registry."""

    def __init__(self, path: str) -> None:
        """Set pykka's four fields ourselves: the urn from the path (repeatable, and it says who it is), no Event.

        `pykka.Actor.__init__` draws a uuid4 and makes an Event, half of the time that a start takes; a contract
        test holds that it sets nothing else.
        """
        self.actor_urn = f"urn:ganglion:{path}"
        self.actor_inbox = Inbox(self)
        self.actor_stopped = StoppedFlag()  # type: ignore[assignment]

    send: Any
    """Where messages go; the cell sets it."""

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        raise ProtocolError("a cell makes its own inbox")

    @staticmethod
    def _create_future() -> Reply:
        return WaitingReply()

    def _start_actor_loop(self) -> None:
        raise ProtocolError(f"{self}: a cell is started by its supervisor, not by pykka's start()")

    def _stop(self) -> None:
        self.actor_stopped.set()

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        raise ProtocolError(f"{self}: failures go to the supervisor") from exception_value

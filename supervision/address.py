"""How an actor is reached: an `Address[M]` accepts the messages M and stays valid across restarts.

It is a pykka ActorRef: `tell`, `ask`, `stop` and `is_alive` keep their signatures. It asks its cell where to send on
each message, because a cell can be moved to another dispatcher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, overload

from pykka import ActorRef

from ganglion.messages.base import Message, Overflow, Request
from ganglion.supervision.dispatchers.base import turn
from ganglion.supervision.errors import AskInsideActor, ProtocolError
from ganglion.supervision.reply import Reply

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell

M_contra = TypeVar("M_contra", bound=Message, contravariant=True)
R = TypeVar("R")

_CONFLATE = Overflow.CONFLATE


class Address(ActorRef[Any], Generic[M_contra]):
    """Where messages of type M can be told."""

    __slots__ = ("_cell",)

    def __init__(self, cell: Cell) -> None:
        """Point at a cell."""
        super().__init__(cell)
        self._cell = cell

    @property
    def path(self) -> str:
        """Where the actor stands in the tree."""
        return self._cell.path

    def __str__(self) -> str:
        """Show the path."""
        return self._cell.path

    def __repr__(self) -> str:
        """Show the path."""
        return f"<Address {self._cell.path}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to travel: a message carries names, never addresses."""
        raise TypeError(f"{self!r} can't be pickled or copied into a message: send its path instead")

    def tell(self, message: M_contra) -> None:
        """Send without waiting.

        Raises:
            ActorDeadError: from outside, if the actor has stopped for good (inside it becomes a dead letter).
            ProtocolError: if it is no Message.
        """
        # One frame, no call into the dispatcher: a `put` in between makes a message half as dear again.
        cell = self._cell
        lane = cell.lane
        queue = lane.queue
        try:
            if len(queue) >= lane.watermark:
                cell.tell_slowly(message)
            elif cell.conflates and message.overflow is _CONFLATE:
                cell.tell_latest(message)
            else:
                queue.append((cell, message, None))
                if not lane.awake:
                    lane.wake()
        except AttributeError:
            if isinstance(message, Message):
                raise
            raise ProtocolError(f"{message!r} is no Message: it can't be told to {cell.path}") from None

    @overload  # type: ignore[override]
    def ask(self, message: Request[R], *, block: Literal[True] = True, timeout: float | None = None) -> R: ...

    @overload
    def ask(self, message: Request[R], *, block: Literal[False], timeout: float | None = None) -> Reply: ...

    def ask(self, message: Request[R], *, block: bool = True, timeout: float | None = None) -> R | Reply:
        """Send and wait for the answer, from outside actors only.

        With a timeout the message is dropped unhandled once nobody waits for it any more.

        Raises:
            AskInsideActor: an actor asked; it would block its whole dispatcher.
            ProtocolError: the message is no Request or not in the actor's protocol.
            Timeout: no answer within `timeout` seconds.
            ActorDeadError: the actor has stopped for good, before or while it waited.
        """
        cell = self._cell
        here = turn.dispatcher
        if here is not None:
            who = here.current.path if here.current is not None else f"dispatcher {here.name!r}"
            raise AskInsideActor(
                f"{who} asked {cell.path} for {type(message).__name__} and would have blocked everyone beside it: "
                "tell, and take the answer as a message"
            )
        if not isinstance(message, Request):
            raise ProtocolError(f"{type(message).__name__} is no Request: nothing would answer it, tell it instead")
        cell.check_protocol(message)
        reply = cell.make_reply(timeout)
        cell.send((cell, message, reply))
        return reply.get(timeout=timeout) if block else reply

    def is_alive(self) -> bool:
        """True until it has stopped for good; restarting and parked count as alive."""
        return not self.actor_stopped.is_set()

    def stop(  # type: ignore[override]
        self, *, block: bool = True, timeout: float | None = None, drain: bool = False
    ) -> bool | Reply:
        """Stop the actor for good, overtaking what waits for it; with `drain`, after it.

        Returns:
            True if it was alive (blocking), or a future of that.
        """
        if block and turn.dispatcher is not None:
            raise AskInsideActor(f"stopping {self._cell.path} with block=True from inside an actor: use block=False")
        reply = self._cell.request_stop(drain=drain)
        return bool(reply.get(timeout=timeout)) if block else reply

    def proxy(self) -> NoReturn:
        """Refuse: actors here are reached by typed messages only."""
        raise ProtocolError(f"{self._cell.path}: no proxies (69 to 170 us each, and untyped): tell it a message")

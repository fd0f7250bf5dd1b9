"""One turn of one thread while a tape is recorded or replayed: what it sends is counted, and goes out at its end.

`TapedAddress` takes the place of every `Address` of such a system and hands what is told inside a turn to the turn;
what is told outside of one goes to the tape. Recording and replaying share all of this, so that a handler meets the
same order of things in both.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

import msgspec

from ganglion.messages.base import Message
from ganglion.messages.lifecycle import ActorFailed, ActorParked, CellState
from ganglion.supervision.address import Address
from ganglion.supervision.cell import Cell
from ganglion.supervision.dispatchers.base import Control, Item, name_of
from ganglion.supervision.errors import ProtocolError
from ganglion.supervision.failure import last_resort
from ganglion.supervision.mailbox import Dropped, Due, Slot
from ganglion.supervision.policy import ChildSpec
from ganglion.supervision.supervisor import Supervisor

if TYPE_CHECKING:
    from ganglion.supervision.reply import Reply
    from ganglion.supervision.system import System

M_contra = TypeVar("M_contra", bound=Message, contravariant=True)

Reading: TypeAlias = tuple[float, int]
"""Monotonic seconds and milliseconds since 1970."""
UNCOMPARED = (ActorFailed, ActorParked)
"""They hold tracebacks, with the folders of whoever ran."""
TOKENS = frozenset({Slot, Dropped})
"""What `taken` fixes."""
_STASHING = (CellState.STARTING, CellState.SUSPENDED)
AGAIN = "#"
"""Between a path and the number of the cell that it stands for, from the second on."""
_ENCODE = msgspec.msgpack.Encoder().encode


class Here(Protocol):
    """What a thread is in the middle of."""

    turn: Turn | None
    reading: Reading | None
    """By which it lives; None by the machine's clock."""


class Outside(Protocol):
    """What an address needs of a tape."""

    @property
    def here(self) -> Here:
        """What the calling thread is in the middle of."""

    places: dict[str, list[TapedAddress[Any]]]
    """Every address there ever was, by path: one may be told something long after its actor has stopped for good."""

    def told(self, address: TapedAddress[Any], message: Message) -> None:
        """Something was told outside of any turn."""

    def asked(self, address: TapedAddress[Any], message: Any, timeout_s: float | None) -> Reply:
        """Something was asked outside of any turn."""

    def stopped(self, address: TapedAddress[Any], *, drain: bool) -> Reply:
        """An actor was stopped outside of any turn."""


class Turn:
    """What one thread does between taking something and having sent all that came of it."""

    __slots__ = (
        "after",
        "away",
        "digest",
        "effects",
        "holds_lock",
        "label",
        "last",
        "last_bytes",
        "number",
        "path",
        "reading",
        "sent",
        "told",
    )  # fmt: skip

    def __init__(self, number: int, path: str, label: str, reading: Reading, *, holds_lock: bool) -> None:
        """Begin.

        Args:
            number: on the tape.
            path: whose turn.
            label: what it handles, for people.
            reading: the time, for as long as it lasts.
            holds_lock: nobody else has a turn meanwhile, so what it sends goes out at once.
        """
        self.number = number
        self.path = path
        self.label = label
        self.reading = reading
        self.holds_lock = holds_lock
        self.effects: list[Callable[[], None]] | None = None if holds_lock else []
        self.after: list[tuple[TapedAddress[Any], Message]] = []
        """What came from outside in the middle of it: taken when it is over."""
        self.away = 0
        """Inside of code that belongs to the outside."""
        self.sent = 0
        self.digest = 0
        self.told: list[tuple[str, Message]] | None = None
        """Filled where somebody wants to show it."""
        self.last: object = None
        self.last_bytes = b""

    def tell(self, address: TapedAddress[Any], message: Message) -> None:
        """Send; the message goes out at the end of the turn.

        Raises:
            ProtocolError: it is no Message.
        """
        if self.away:
            self.after.append((address, message))
            return
        if not isinstance(message, Message):
            raise ProtocolError(f"{message!r} is no Message: it can't be told to {address.path}")
        self.note(address.tag, message)
        if self.told is not None:
            self.told.append((address.path, message))
        if self.effects is None:
            address.tell_now(message)
        else:
            self.effects.append(lambda: address.tell_now(message))

    def put(self, action: Callable[[], None]) -> None:
        """Do something that others can see, at the end of the turn."""
        if self.effects is None:
            action()
        else:
            self.effects.append(action)

    def note(self, tag: bytes, message: object) -> None:
        """Count something that is sent, by its content."""
        self.sent += 1
        if message is not self.last:
            self.last, self.last_bytes = message, content_of(message)
        self.digest = zlib.crc32(self.last_bytes, zlib.crc32(tag, self.digest))

    def release(self) -> None:
        """Let out what was kept until now, in its order; what that leads to goes out at once."""
        effects, self.effects = self.effects, None
        counted = self.sent, self.digest
        for effect in effects or ():
            try:
                effect()
            except BaseException as error:  # noqa: BLE001 - the fence: it was sent by a handler that is over
                last_resort(f"what {self.path} sent could not be put", error)
        self.sent, self.digest = counted


def content_of(message: object) -> bytes:
    """What two messages have alike that are the same; the type's name where its content can't be written down."""
    name = type(message).__name__.encode()
    if isinstance(message, UNCOMPARED):
        return name + message.path.encode()
    try:
        return name + _ENCODE(message)
    except (TypeError, ValueError, OverflowError):
        return name


class TapedAddress(Address[M_contra]):
    """An address in a system with a tape."""

    __slots__ = ("_here", "_outside", "place", "tag")

    def __init__(self, cell: Cell, outside: Outside) -> None:
        """Point at a cell."""
        super().__init__(cell)
        known = outside.places.setdefault(cell.path, [])
        known.append(self)
        self.place = cell.path if len(known) == 1 else f"{cell.path}{AGAIN}{len(known)}"
        """Its name on a tape: a path may be taken again, by another cell, once its first one has stopped for good."""
        self._outside = outside
        self._here = outside.here
        self.tag = cell.path.encode()
        """For digests."""

    def tell(self, message: M_contra) -> None:
        """See `Address`."""
        turn = self._here.turn
        if turn is None:
            self._outside.told(self, message)
        else:
            turn.tell(self, message)

    def tell_now(self, message: M_contra) -> None:
        """Send as without a tape."""
        super().tell(message)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """See `Address`."""
        if self._here.turn is not None:
            return super().ask(message, block=False, timeout=timeout)  # which refuses: an actor asked
        reply = self._outside.asked(self, message, timeout)
        return reply.get(timeout=timeout) if block else reply

    def ask_now(self, message: Any, timeout_s: float | None) -> Reply:
        """Ask as without a tape, without waiting."""
        return super().ask(message, block=False, timeout=timeout_s)

    def stop(  # type: ignore[override]
        self, *, block: bool = True, timeout: float | None = None, drain: bool = False
    ) -> bool | Reply:
        """See `Address`."""
        if self._here.turn is not None:
            return super().stop(block=block, timeout=timeout, drain=drain)
        reply = self._outside.stopped(self, drain=drain)
        return bool(reply.get(timeout=timeout)) if block else reply

    def stop_now(self, *, drain: bool) -> Reply:
        """Stop as without a tape, without waiting."""
        return self._cell.request_stop(drain=drain)

    @property
    def cell(self) -> Cell:
        """Whom it points at."""
        return self._cell


@contextmanager
def inside(here: Here, turn: Turn) -> Iterator[None]:
    """Make a turn this thread's for a while, with the turn's clock."""
    before = here.turn, here.reading
    here.turn, here.reading = turn, turn.reading
    try:
        yield
    finally:
        here.turn, here.reading = before


def taken(item: Item) -> Item:
    """What a dispatcher is to handle of an item of its queue, fixed at the instant of taking it.

    The newest message of a slot can change, and a count of dropped ones can grow, while a handler is on its way to it;
    on a tape the instant counts at which the turn began. Called with the tape's lock held.
    """
    cell, message, reply = item
    if isinstance(message, Slot) and cell.state not in _STASHING:
        fixed = Slot()
        if message.box is not message.taken:
            fixed.box = message.box
        message.queued = False
        message.taken = message.box
        return cell, fixed, reply
    if isinstance(message, Dropped):
        count = Dropped(message.type_name)
        count.count, message.count = message.count, 0
        return cell, count, reply
    return item


def alone(cell: Cell) -> bool:
    """Whether nobody else may have a turn beside a message's: it changes who stands where."""
    return isinstance(cell.actor, Supervisor)


def label_of(message: object) -> str:
    """The name of what a dispatcher takes, on the tape."""
    kind = message.__class__
    if kind is Slot:
        return name_of(cast("Slot", message).box[0])
    if kind is Due:
        return f"Due:{name_of(cast('Due', message).message)}"
    return kind.__name__


def action_of(item: Control) -> str:
    """The name of an item of a control lane, on the tape."""
    _, action, arguments = item
    name = getattr(action, "__name__", "action")
    about = arguments[0] if arguments else None
    if isinstance(about, ChildSpec):
        return f"{name}:{about.name}"
    return f"{name}:{about}" if name == "child_event" else name


def address_at(system: System, outside: Outside, place: str) -> TapedAddress[Any]:
    """The address of this name, made where it is the next of its path."""
    path, _, number = place.partition(AGAIN)
    index = int(number or 1) - 1
    if index >= len(outside.places.get(path, ())):
        system.address(path)
    return outside.places[path][index]


def taped_cell(system: System, path: str, outside: Outside) -> Cell:
    """A place in the tree whose address passes by the tape."""
    cell = Cell(system, path)
    cell.address = cell._actor_ref = TapedAddress(cell, outside)  # noqa: SLF001 - one concept in three files
    return cell

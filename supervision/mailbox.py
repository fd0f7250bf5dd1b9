"""What waits for one cell besides the run queue, and what becomes of it: slots, stash, full mailbox, dead letters.

`Mailbox` is the lower half of a cell (cell.py is the upper): it knows what to do with a message that can't be handled
now, and nothing of starting or stopping. Slots and the hold of a reserved place are touched from any thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, cast

from ganglion.messages.base import Message, Overflow
from ganglion.messages.lifecycle import CellState, Failure, Overflowed
from ganglion.supervision.dispatchers.base import NOWHERE, Dispatcher, Item, Lane, name_of, turn
from ganglion.supervision.dispatchers.fence import fenced
from ganglion.supervision.errors import ActorDeadError, MailboxFull, ProtocolError
from ganglion.supervision.failure import failure_of
from ganglion.supervision.pykka_hooks import PykkaCell
from ganglion.supervision.reply import Reply

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell
    from ganglion.supervision.policy import ChildSpec
    from ganglion.supervision.system import System

Table = Mapping[type, Callable[[Any], object]]
NOTHING: Table = {}
"""The handler table of a cell without a running actor: every message misses and is stashed or refused."""


_EMPTY: tuple[Message | None] = (None,)


class Slot:
    """The newest message of one conflated type and key, with at most one token in the run queue.

    Whoever offers (`tell_latest`) writes `box` before it looks at `queued`; whoever takes clears `queued` before it
    reads `box`, and never writes `box`: so no newest message is lost. A box that was taken is known by its identity;
    each message gets a box of its own, because the same message may be told twice.
    """

    __slots__ = ("box", "queued", "taken")

    def __init__(self) -> None:
        """Start empty."""
        self.box: tuple[Message | None] = _EMPTY
        self.taken: tuple[Message | None] = _EMPTY
        """What was handled last, so that a second token finds nothing and a failure can name it."""
        self.queued = False

    def take(self) -> Message | None:
        """Take the newest message; None if it was taken already."""
        self.queued = False
        box = self.box
        if box is self.taken:
            return None
        self.taken = box
        return box[0]


class Dropped:
    """Token that tells a receiver how many messages of a type were dropped, once room is made."""

    __slots__ = ("count", "type_name")

    def __init__(self, type_name: str) -> None:
        """Count from zero."""
        self.type_name = type_name
        self.count = 0


class Drain:
    """Token: stop for good, everything before this has been handled."""

    __slots__ = ()


class Due:
    """Token of a timer that has fired: for the incarnation that set it and no other."""

    __slots__ = ("incarnation", "message")

    def __init__(self, message: Message, incarnation: int) -> None:
        """Hold the message until its turn."""
        self.message = message
        self.incarnation = incarnation


SlotKey = tuple[type[Message], Hashable]


class Mailbox(PykkaCell):
    """The lower half of a cell."""

    # Slots, because beyond 30 attributes CPython gives every instance a dict of its own: slower, and 2 KiB more.
    __slots__ = (
        "_dropped", "_slots", "_stash", "conflates", "dispatcher", "failure", "handled", "incarnation", "lane",
        "mailbox", "me", "path", "send", "spec", "state", "system", "table", "tells_dropped",
    )  # fmt: skip

    def __init__(self, system: System, path: str) -> None:
        """Reserve: what is sent waits until an actor starts."""
        super().__init__(path)
        self.me = cast("Cell", self)
        self.system = system
        self.path = path
        self.spec: ChildSpec | None = None
        self.dispatcher: Dispatcher = system.core
        self.mailbox = 10_000
        self.state = CellState.RESERVED
        self.table: Table = NOTHING
        self.incarnation = 0
        self.handled = 0
        self.failure: Failure | None = None
        self.conflates = True
        """Its protocol has a conflated type; asking the receiver first spares other messages a look at theirs."""
        self.tells_dropped = False
        """Its protocol has `Overflowed`."""
        self.lane: Lane = NOWHERE
        """Where `tell` puts messages; NOWHERE sends them through `send`."""
        self.send: Callable[[Item], None] = self._hold
        self._stash: deque[Item] | None = None
        self._slots: dict[SlotKey, Slot] | None = None
        self._dropped: dict[str, Dropped] | None = None

    # -------------------------------------------------------------- what it needs of the upper half

    def complain(self, event: str, failure: Failure) -> None:
        """Log something that went wrong."""
        raise ProtocolError(f"{self.path} is half a cell")

    def stop_drained(self) -> None:
        """Have it stopped for good: everything before the wish has been handled."""
        raise ProtocolError(f"{self.path} is half a cell")

    # -------------------------------------------------------------- any thread

    def tell_slowly(self, message: Message) -> None:
        """Send by a lane that wants a look at it: no actor there, many messages, or somewhere an abandoned thread."""
        if fenced() and not message.evidence:
            self.system.dead_letter(self.path, message, "told by a thread that was abandoned", fenced=True)
        elif self.conflates and message.overflow is Overflow.CONFLATE:
            self.tell_latest(message)
        else:
            self.send((self.me, message, None))

    def tell_latest(self, message: Message) -> None:
        """Send a conflated message: into its slot, with one token in the queue. Written out: it is a hot path."""
        slots = self._slots
        if slots is None:
            slots = self._make_slots()
        key = (message.__class__, message.conflation_key())
        slot = slots.get(key)
        if slot is None:
            slot = slots.setdefault(key, Slot())
        slot.box = (message,)
        if slot.queued:
            if self.state is CellState.STOPPED:
                self.dead((self.me, message, None))
            return
        slot.queued = True
        lane = self.lane
        queue = lane.queue
        if len(queue) < lane.watermark:
            queue.append((self.me, slot, None))
            if not lane.awake:
                lane.wake()
        else:
            self.send((self.me, slot, None))

    def _make_slots(self) -> dict[SlotKey, Slot]:
        with self.system.lock:
            if self._slots is None:
                self._slots = {}
            return self._slots

    def _hold(self, item: Item) -> None:
        """Keep what is sent to a reserved place until an actor starts there."""
        with self.system.lock:
            if self.send == self._hold:
                _, message, reply = item
                if self.stashed() < self.mailbox or not self.overflow(message, reply):
                    self.stash(message, reply)
                return
        self.send(item)

    def dead(self, item: Item) -> None:
        """Refuse what is sent to a stopped cell."""
        _, message, reply = item
        if isinstance(message, Slot):
            message = message.take()
        if message is None or isinstance(message, Drain | Dropped | Due):
            return
        text = f"{self.path} has stopped; {name_of(message)} was not handled"
        if reply is not None:
            raise ActorDeadError(text)
        self.system.dead_letter(self.path, message, "the actor has stopped")
        if turn.dispatcher is None:
            raise ActorDeadError(text)

    def overflow(self, message: Any, reply: Reply | None) -> bool:
        """Apply the overflow policy of a message's type; True if it was dealt with and must not be queued."""
        policy = getattr(message, "overflow", Overflow.KEEP)
        if reply is not None:
            text = f"{self.path}: {self.mailbox} messages wait, {name_of(message)} was refused; try again later"
            reply.set_exception((MailboxFull, MailboxFull(text), None))
            return True
        if policy is Overflow.KEEP:
            return False
        if policy is not Overflow.REFUSE or not self._refused_by_spec(message, "its mailbox is full"):
            self.system.dead_letter(self.path, message, "mailbox full")
        self._note_dropped(name_of(message))
        return True

    def _refused_by_spec(self, message: Message, why: str) -> bool:
        """Have a command answered by the spec's `refuse`; False if it has none, or it raised."""
        if self.spec is None or self.spec.refuse is None:
            return False
        try:
            self.spec.refuse(message, f"{self.path}: {why}")
        except BaseException as error:  # noqa: BLE001 - it runs in the sender's turn, who has done nothing wrong
            self.complain("a refusal raised", failure_of(error, message))
            return False
        return True

    def _note_dropped(self, type_name: str) -> None:
        if not self.tells_dropped:
            return
        with self.system.lock:
            if self._dropped is None:
                self._dropped = {}
            token = self._dropped.setdefault(type_name, Dropped(type_name))
            token.count += 1
            first = token.count == 1
        if first:
            self.dispatcher.queue.append((self.me, token, None))
            self.dispatcher.wake()

    # -------------------------------------------------------------- its own dispatcher: handlers of tokens

    def tokens(self, table: Mapping[type, object]) -> Table:
        """Handlers of what stands for a message in the run queue, for an actor with this table."""
        found: dict[type, Callable[[Any], object]] = {Due: self._due, Drain: self._drained}
        # A probe's table names no types and takes them all.
        self.conflates = not table or any(getattr(kind, "overflow", None) is Overflow.CONFLATE for kind in table)
        if self.conflates:
            found[Slot] = self._take_slot
        self.tells_dropped = Overflowed in table
        if self.tells_dropped:
            found[Dropped] = self._tell_dropped
        return found

    def _tell_dropped(self, token: Dropped) -> None:
        with self.system.lock:
            count, token.count = token.count, 0
        self.table[Overflowed](Overflowed(token.type_name, count))

    def _take_slot(self, slot: Slot) -> None:
        # `slot.take` and `_handle` written out: it is a hot path.
        slot.queued = False
        box = slot.box
        if box is slot.taken:
            return
        slot.taken = box
        message = box[0]
        if message is None:
            return
        handler = self.table.get(message.__class__)
        if handler is None:
            self._not_in_protocol(message, None)
        else:
            handler(message)

    def _due(self, due: Due) -> None:
        if due.incarnation == self.incarnation:
            self._handle(due.message)

    def _handle(self, message: Message) -> None:
        handler = self.table.get(message.__class__)
        if handler is None:
            self._not_in_protocol(message, None)
        else:
            handler(message)

    def _drained(self, _: Drain) -> None:
        self.stop_drained()

    # -------------------------------------------------------------- its own dispatcher: what can't be handled now

    def stashed(self) -> int:
        """Count what waits for the next incarnation."""
        return len(self._stash) if self._stash is not None else 0

    def stash(self, message: Any, reply: Reply | None) -> None:
        """Keep for the next incarnation."""
        if self._stash is None:
            self._stash = deque()
        self._stash.append((self.me, message, reply))

    def unhandled(self, message: Any, reply: Reply | None) -> None:
        """Stash for the next incarnation, or dead-letter what can't be handled at all."""
        if self.state is CellState.STOPPED or self.state is CellState.STOPPING:
            self.refuse_dead(message, reply)
        elif self.state is CellState.RUNNING:
            if isinstance(message, Slot):
                message = message.take()
            if message is not None:
                self._not_in_protocol(message, reply)
        elif self.state is CellState.PARKED and self._refuse_parked(message, reply):
            return
        elif self.stashed() < self.mailbox or not self.overflow(message, reply):
            self.stash(message, reply)

    def _not_in_protocol(self, message: Any, reply: Reply | None) -> None:
        if not isinstance(message, Message):
            # `tell` asks for no type: that would cost every message.
            self.system.dead_letter(self.path, message, f"a {name_of(message)} is no Message: nobody can receive it")
            return
        if reply is not None:
            error = ProtocolError(f"{self.path} can't receive {name_of(message)}")
            reply.set_exception((ProtocolError, error, None))
        self.system.dead_letter(self.path, message, "not in the actor's protocol")

    def park_stash(self) -> None:
        """Let go what waited and can be missed."""
        stash, self._stash = self._stash, None
        for _, message, reply in stash or ():
            if not self._refuse_parked(message, reply):
                self.stash(message, reply)

    def _refuse_parked(self, message: Any, reply: Reply | None) -> bool:
        """While it is parked nobody knows for how long: keep facts about money, refuse the rest; True if refused."""
        if isinstance(message, Drain):
            self.stop_drained()
            return True
        if isinstance(message, Slot):
            message = message.take()
        if message is None:
            return True
        if reply is not None:
            text = f"{self.path} is parked after {self.failure.error if self.failure else 'a failure'}; resume it first"
            reply.set_exception((ActorDeadError, ActorDeadError(text), None))
            self.system.dead_letter(self.path, message, "the actor is parked")
            return True
        policy = getattr(message, "overflow", Overflow.KEEP)
        if policy is Overflow.KEEP:
            return False
        if policy is not Overflow.REFUSE or not self._refused_by_spec(message, "it is parked"):
            self.system.dead_letter(self.path, message, "the actor is parked")
        return True

    def refuse_dead(self, message: Any, reply: Reply | None) -> None:
        """Turn what waited for a stopped cell into a dead letter, and fail its ask."""
        if isinstance(message, Slot):
            message = message.take()
        if message is None or isinstance(message, Drain | Dropped | Due):
            return
        if reply is not None and not reply.done:
            text = f"{self.path} stopped before it handled {name_of(message)}"
            reply.set_exception((ActorDeadError, ActorDeadError(text), None))
        self.system.dead_letter(self.path, message, "the actor stopped before handling it")

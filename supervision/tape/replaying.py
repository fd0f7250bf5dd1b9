"""Replays a tape: runs the same system turn by turn, on the caller's thread, in the order in which it once ran.

Dispatchers here run nothing by themselves and timers do not fire: each record says who takes what next, and by which
clock. Where the system has something else at that place, or a turn sends something else than it once did, the code or
the configuration is not what ran, and a `Divergence` says at which turn. What is outside comes from the tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ganglion.messages.base import Message
from ganglion.supervision.dispatchers.base import Control, turn
from ganglion.supervision.errors import ActorDeadError, ProtocolError, SupervisionError
from ganglion.supervision.reply import Reply
from ganglion.supervision.tape.records import (
    AskedTurn,
    Closed,
    ControlTurn,
    MessageTurn,
    MessageTypes,
    Name,
    OrderTurn,
    Record,
    StepTurn,
    StopTurn,
    TimerTurn,
    ToldTurn,
    TurnEnd,
    TurnRecord,
    UnknownType,
)
from ganglion.supervision.tape.replay_system import ReplayClock, ReplayDispatcher, ReplayHere, ReplaySystem, TapeEnded
from ganglion.supervision.tape.turns import TapedAddress, Turn, action_of, address_at, alone, inside, label_of, taken

SHOWN = 5
"""What waits, or was sent, in the text of a Divergence: so many of it."""


class Divergence(SupervisionError):
    """A replay that is not what was recorded; the text says at which turn and what stood there."""

    def __init__(self, number: int, path: str, text: str) -> None:
        """Say where and what."""
        super().__init__(f"turn {number}, {path}: {text}")
        self.turn = number
        self.path = path


class Replayer:
    """Goes through a tape with a system."""

    system: ReplaySystem

    def __init__(
        self, records: Iterable[Record], tell: Callable[[str], None] | None = None, until: int | None = None
    ) -> None:
        """Begin at the beginning.

        Args:
            records: the tape.
            tell: hears a line for each turn.
            until: the last turn that is replayed; None goes to the end of the tape.
        """
        self.here = ReplayHere()
        self.places: dict[str, list[TapedAddress[Any]]] = {}
        self.clock = ReplayClock(self.here)
        self.turns = 0
        self.ended = ""
        """Why the recording was over; empty while it goes on, or where the tape was torn."""
        self.cut = False
        """Turns are left on the tape, behind the last one that was asked for."""
        self.on_sent: Callable[[str, Message], None] | None = None
        """Told of every message that an actor's turn sent: the receiver and the message."""
        self._records: Iterator[Record] = iter(records)
        self._next: Record | None = None
        self._names: list[str] = []
        self._open: dict[int, tuple[Turn, ReplayDispatcher]] = {}
        self._types = MessageTypes()
        self._tell = tell
        self._until = until

    # -------------------------------------------------------------- going on

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Replay until something holds, or to the end of the tape.

        Raises:
            Divergence: the system does something else than it did.
        """
        while not until():
            record = self._take()
            if record is None:
                return
            self._do(record)

    def _peek(self) -> Record | None:
        """The next record that is no name; it stays the next. None at the end, of the tape or of what was asked for."""
        while self._next is None and not self.ended:
            record = next(self._records, None)
            if record is None:
                return None
            if isinstance(record, Name):
                self._names.append(record.text)
            elif isinstance(record, Closed):
                self.ended = record.reason
            else:
                self._next = record
        if self._until is not None and self.turns >= self._until and isinstance(self._next, TurnRecord):
            # What the last turn sent still goes out, and is compared.
            self.cut = True
            return None
        return self._next

    def _take(self) -> Record | None:
        """The next record, which is the next no longer."""
        record = self._peek()
        if record is not None:
            self._next = None
        return record

    def _do(self, record: Record) -> None:
        if isinstance(record, TurnEnd):
            self._end(record)
            return
        if isinstance(record, Name | Closed):
            return
        number = self._number(record)
        match record:
            case MessageTurn():
                self._message(number, record)
            case ControlTurn():
                self._control(number, record)
            case TimerTurn():
                self._timer(number, record)
            case OrderTurn():
                self._order(number, record)
            case StepTurn():
                raise Divergence(number, record.label, "it was done at this place, and whoever replays has not done it")
            case _:
                self._from_outside(number, record)

    @property
    def where(self) -> str:
        """Where the replay is over, for errors."""
        return f"the {'replay stops' if self.cut else 'tape ends'} after turn {self.turns}"

    def _number(self, record: TurnRecord) -> int:
        self.turns += 1
        self.clock.newest = (record.now_s, record.now_ms)
        return self.turns

    def _dispatcher(self, number: int, name: int) -> ReplayDispatcher:
        found = self.system.replaying.get(self._names[name])
        if found is None:
            raise Divergence(number, self._names[name], "there is no dispatcher of this name")
        return found

    # -------------------------------------------------------------- turns of dispatchers

    def _message(self, number: int, record: MessageTurn) -> None:
        dispatcher = self._dispatcher(number, record.dispatcher)
        path, kind = self._names[record.path], self._names[record.kind]
        there = [f"{cell.path} {label_of(message)}" for cell, message, _ in list(dispatcher.queue)[:SHOWN]]
        if there[:1] != [f"{path} {kind}"]:
            raise Divergence(number, path, f"it took a {kind}; waiting on {dispatcher.name!r} is {_listed(there)}")
        dispatcher.queue[0] = taken(dispatcher.queue[0])
        with self._turn(number, path, kind, record, dispatcher, holds_lock=alone(dispatcher.queue[0][0])):
            dispatcher.take_message()

    def _control(self, number: int, record: ControlTurn) -> None:
        dispatcher = self._dispatcher(number, record.dispatcher)
        path, action = self._names[record.path], self._names[record.action]
        there = [f"{item[0].path if item[0] else ''} {action_of(item)}" for item in list(dispatcher.held)[:SHOWN]]
        if there[:1] != [f"{path} {action}"]:
            raise Divergence(number, path, f"{action} was done; to be done on {dispatcher.name!r} is {_listed(there)}")
        with self._turn(number, path, action, record, dispatcher, holds_lock=True):
            dispatcher.take_control()

    def _timer(self, number: int, record: TimerTurn) -> None:
        dispatcher = self._dispatcher(number, record.dispatcher)
        action = dispatcher.timer(record.timer)
        if action is None:
            raise Divergence(number, dispatcher.name, f"timer {record.timer} fired; here it is not set, or cancelled")
        with self._turn(number, dispatcher.name, f"timer {record.timer}", record, dispatcher, holds_lock=True):
            action()

    @contextmanager
    def _turn(
        self,
        number: int,
        path: str,
        label: str,
        record: MessageTurn | ControlTurn | TimerTurn,
        dispatcher: ReplayDispatcher,
        *,
        holds_lock: bool,
    ) -> Iterator[None]:
        begun = Turn(number, path, label, (record.now_s, record.now_ms), holds_lock=holds_lock)
        begun.told = []
        self._open[number] = (begun, dispatcher)
        self._say(number, path, label)
        turn.dispatcher = dispatcher
        try:
            with inside(self.here, begun):
                yield
        finally:
            turn.dispatcher = None
            dispatcher.current = None

    def _end(self, record: TurnEnd) -> None:
        begun, dispatcher = self._open.pop(record.turn)
        told = begun.told or []
        if (begun.sent, begun.digest) != (record.sent, record.digest):
            what = _listed([f"{path} {message!r}" for path, message in told[-SHOWN:]])
            how = "as many messages, of other content" if begun.sent == record.sent else f"{begun.sent} messages"
            raise Divergence(
                record.turn, begun.path, f"handling {begun.label} it sent {record.sent} messages, here {how}: {what}"
            )
        begun.told = None
        turn.dispatcher = dispatcher
        try:
            with inside(self.here, begun):
                begun.release()
        finally:
            turn.dispatcher = None
        if self.on_sent is not None:
            for path, message in told:
                self.on_sent(path, message)

    # -------------------------------------------------------------- from outside

    def _from_outside(self, number: int, record: ToldTurn | AskedTurn | StopTurn) -> None:
        path = self._names[record.path]
        try:
            address = address_at(self.system, self, path)
        except IndexError:
            raise Divergence(number, path, "so many cells have not been at this path") from None
        if isinstance(record, StopTurn):
            self._say(number, path, "is stopped from outside")
            with self._as_outside(number, path, record):
                address.stop_now(drain=record.drain)
            return
        kind = self._names[record.kind]
        self._say(number, path, f"{'is told' if isinstance(record, ToldTurn) else 'is asked'} {kind} from outside")
        try:
            message = self._types.decode(kind, record.payload)
        except UnknownType as error:
            raise Divergence(number, path, str(error)) from error
        with self._as_outside(number, path, record):
            if isinstance(record, AskedTurn):
                address.ask_now(message, record.timeout_s)
            else:
                address.tell_now(message)

    @contextmanager
    def _as_outside(self, number: int, path: str, record: TurnRecord) -> Iterator[None]:
        begun = Turn(number, path, "", (record.now_s, record.now_ms), holds_lock=True)
        with inside(self.here, begun), suppress(ActorDeadError, ProtocolError):  # then it was refused as well
            yield

    def _order(self, number: int, record: OrderTurn) -> None:
        """Put into a control lane what whoever replays does not put there by itself."""
        dispatcher = self._dispatcher(number, record.dispatcher)
        path, action = self._names[record.path], self._names[record.action]
        cell = self.system.cell_at(path)
        known: dict[str, Callable[..., None]] = {"terminate": cell.terminate, "crash": cell.crash}
        if action not in known:
            raise Divergence(number, path, f"{action} was ordered from outside; a tape can't repeat it")
        self._say(number, path, f"{action} is ordered from outside")
        with self._as_outside(number, path, record):
            dispatcher.put_control(cell, known[action], *record.texts)

    def ordered(self, dispatcher: ReplayDispatcher, item: Control) -> None:
        """Whoever replays puts something into a control lane, as whoever recorded did: find the place on the tape.

        Raises:
            TapeEnded: the replay stops, or the tape breaks off, before.
            Divergence: the tape comes to its end without it.
        """
        cell, label = item[0], action_of(item)
        path = "" if cell is None else cell.path
        self.run(lambda: isinstance(self._peek(), OrderTurn) and self._is_order(path, label))
        record = self._take()
        if record is None and not self.ended:
            raise TapeEnded(f"{self.where}, before {label} was ordered from outside")
        if not isinstance(record, OrderTurn):
            raise Divergence(self.turns, path, f"{label} is ordered from outside, and the tape does not hold that")
        number = self._number(record)
        self._say(number, path, f"{label} is ordered from outside")
        dispatcher.held.append(item)

    def _is_order(self, path: str, label: str) -> bool:
        record = self._next
        return (
            isinstance(record, OrderTurn) and self._names[record.path] == path and self._names[record.action] == label
        )

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Do what was done in the recorder's step of this name, by the clock of that time.

        Raises:
            TapeEnded: the tape has none.
        """
        self.run(lambda: isinstance(self._peek(), StepTurn))
        record = self._take()
        if record is None:
            raise TapeEnded(f"{self.where}, before the step {label!r}")
        if not isinstance(record, StepTurn) or record.label != label:
            raise TapeEnded(f"the tape has no step {label!r} after turn {self.turns}")
        self._say(self._number(record), label, "is done outside")
        before, self.here.reading = self.here.reading, (record.now_s, record.now_ms)
        try:
            yield
        finally:
            self.here.reading = before

    def told(self, address: TapedAddress[Any], message: Message) -> None:
        """Nothing is told from outside but by the tape."""
        raise ProtocolError(f"{address.path} was told {message!r} from outside of the tape")

    def asked(self, address: TapedAddress[Any], message: Any, timeout_s: float | None) -> Reply:
        """Nothing is asked from outside but by the tape."""
        raise ProtocolError(f"{address.path} was asked {message!r} within {timeout_s} s from outside of the tape")

    def stopped(self, address: TapedAddress[Any], *, drain: bool) -> Reply:
        """Nothing is stopped from outside but by the tape."""
        raise ProtocolError(f"{address.path} was stopped (drain={drain}) from outside of the tape")

    def note(self, tag: bytes, message: object) -> None:
        """Count something that the present turn gives to the outside."""
        if self.here.turn is not None:
            self.here.turn.note(tag, message)

    def _say(self, number: int, path: str, what: str) -> None:
        if self._tell is not None:
            self._tell(f"{number} {self.clock.newest[0]:.6f} {path} {what}")


def _listed(texts: list[str]) -> str:
    return "; ".join(texts) or "nothing"

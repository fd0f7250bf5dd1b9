"""Records a live system: numbers every turn of every dispatcher, and writes down what came from outside.

The recorder is called by the recording dispatchers (their threads), by addresses and by whoever is outside. Turns begin
and end under one lock; a message's handler runs between the two without it, so that one that takes long, or a journal's
sync, holds up nobody else. Starts, stops, timers and what comes from outside are short and run under it. A lock that is
not to be had for `STALL_S` ends the tape, never the bot.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import structlog

from ganglion.messages.base import Message
from ganglion.supervision.clock import RealClock
from ganglion.supervision.dispatchers.base import Control, Dispatcher, Item
from ganglion.supervision.failure import say
from ganglion.supervision.reply import Reply
from ganglion.supervision.tape.records import (
    AskedTurn,
    Closed,
    ControlTurn,
    MessageTurn,
    Name,
    OrderTurn,
    Record,
    StepTurn,
    StopTurn,
    TimerTurn,
    ToldTurn,
    TurnEnd,
    TurnRecord,
    encode,
    payload_of,
    type_name,
)
from ganglion.supervision.tape.turns import (
    TOKENS,
    Reading,
    TapedAddress,
    Turn,
    action_of,
    alone,
    inside,
    label_of,
    taken,
)

STALL_S = 2.0
"""A start, a stop or a timer that takes longer can't be waited for: the tape ends."""
REFUSED = "what writes it takes no more"
"""Why a tape is over that its sink refused: it has no end of its own."""


class ThreadHere(threading.local):
    """What each thread is in the middle of."""

    turn: Turn | None = None
    reading: Reading | None = None


class TapeClock:
    """The machine's clock, which stands still for a thread while it has a turn."""

    def __init__(self, here: ThreadHere) -> None:
        """Look there for the turn."""
        self._here = here
        real = RealClock()
        self._real_s, self._real_ms = real.monotonic_s, real.now_ms

    def monotonic_s(self) -> float:
        """Seconds by the machine's monotonic clock, or when the present turn began."""
        reading = self._here.reading
        return self._real_s() if reading is None else reading[0]

    def now_ms(self) -> int:
        """Milliseconds since 1970 by the machine's clock, or when the present turn began."""
        reading = self._here.reading
        return self._real_ms() if reading is None else reading[1]

    def real(self) -> Reading:
        """Both, by the machine."""
        return self._real_s(), self._real_ms()


class Sink(Protocol):
    """Where records go. Called by one thread at a time, but for the last record."""

    def write(self, record: bytes) -> bool:
        """Take one encoded record; returns at once. False if no more is taken."""


class Recorder:
    """Writes one system's tape."""

    def __init__(self, sink: Sink, muted: frozenset[str] = frozenset()) -> None:
        """Begin a tape.

        Args:
            sink: where records go.
            muted: names of dispatchers whose messages are not recorded, because what they do depends on more than
                messages (files) and leads to nothing that matters. What they tell others comes from outside.
        """
        self.here = ThreadHere()
        self.clock = TapeClock(self.here)
        self.places: dict[str, list[TapedAddress[Any]]] = {}
        self.on = True
        """Recording; for good over when False."""
        self.reason = ""
        """Why it is over."""
        self.turns = 0
        self._sink = sink
        self._muted = muted
        self._lock = threading.Lock()
        self._names: dict[str, int] = {}

    def mutes(self, name: str) -> bool:
        """Whether this dispatcher's messages stay off the tape."""
        return name in self._muted

    def close(self, reason: str) -> None:
        """Record nothing any more; the system runs on."""
        if not self.on:
            return
        self.on = False
        self.reason = reason
        self._sink.write(encode(Closed(reason)))
        say(structlog.get_logger(), "info", "tape ended", reason=reason, turns=self.turns)

    # -------------------------------------------------------------- writing, with the lock held

    def _take_lock(self, what: str) -> bool:
        if not self.on:
            return False
        # Nearly always free; a timeout costs more than the lock.
        if not self._lock.acquire(blocking=False) and not self._lock.acquire(timeout=STALL_S):
            self.close(f"{what} waited {STALL_S:g} s for a start, a stop or a timer to end")
            return False
        return True

    def _name(self, text: str) -> int:
        number = self._names.get(text)
        if number is None:
            number = self._names[text] = len(self._names)
            self._write(Name(text))
        return number

    def _write(self, record: Record) -> None:
        if self.on and not self._sink.write(encode(record)):
            self.on = False
            self.reason = REFUSED

    def _begin(self, record: TurnRecord) -> int:
        self._write(record)
        self.turns += 1
        return self.turns

    # -------------------------------------------------------------- turns of dispatchers, on their own threads

    def take_message(self, dispatcher: Dispatcher, queue: deque[Item]) -> Item:
        """Take a message and begin its turn.

        Raises:
            IndexError: there is none.
        """
        if not queue:
            raise IndexError
        if not self._take_lock(dispatcher.name):
            return deque.popleft(queue)
        try:
            item = deque.popleft(queue)
            if item[1].__class__ in TOKENS:
                item = taken(item)
            cell, message, _ = item
            path, label, reading = cell.path, label_of(message), self.clock.real()
            name = self._name
            number = self._begin(MessageTurn(name(dispatcher.name), name(path), name(label), *reading))
            turn = Turn(number, path, label, reading, holds_lock=alone(cell))
        except BaseException:
            self._lock.release()
            raise
        if not turn.holds_lock:
            self._lock.release()
        self.here.turn, self.here.reading = turn, reading
        return item

    def take_control(self, dispatcher: Dispatcher, control: deque[Control]) -> Control:
        """Take an item of a control lane and begin its turn."""
        cell = control[0][0]
        if cell is None or not self._take_lock(dispatcher.name):
            return deque.popleft(control)
        try:
            item = deque.popleft(control)
            label, reading = action_of(item), self.clock.real()
            names = self._name(dispatcher.name), self._name(cell.path), self._name(label)
            number = self._begin(ControlTurn(*names, *reading))
        except BaseException:
            self._lock.release()
            raise
        self.here.turn, self.here.reading = Turn(number, cell.path, label, reading, holds_lock=True), reading
        return item

    def fire(self, dispatcher: Dispatcher, number: int, action: Callable[[], None]) -> None:
        """Have a timer fire, in a turn of its own."""
        if not self._take_lock(dispatcher.name):
            action()
            return
        reading = self.clock.real()
        turn = Turn(
            self._begin(TimerTurn(self._name(dispatcher.name), number, *reading)),
            dispatcher.name,
            "timer",
            reading,
            holds_lock=True,
        )
        self.here.turn, self.here.reading = turn, reading
        try:
            action()
        finally:
            self.end()

    def end(self) -> None:
        """The present turn of this thread, if it has one, is over: what it sent goes out."""
        here = self.here
        turn = here.turn
        if turn is None:
            return
        locked = turn.holds_lock or self._take_lock(turn.path)
        try:
            self._write(TurnEnd(turn.number, turn.sent, turn.digest))
            turn.release()
        finally:
            here.turn = here.reading = None
            if locked:
                self._lock.release()
        for address, message in turn.after:
            self.told(address, message)

    # -------------------------------------------------------------- from outside, on any thread

    def told(self, address: TapedAddress[Any], message: Message) -> None:
        """Something was told outside of any turn: record it and tell it."""
        if not self.on or self.mutes(address.cell.dispatcher.name) or not isinstance(message, Message):
            address.tell_now(message)
            return
        kind, payload = type_name(type(message)), payload_of(message)
        with self._outside(
            address.path, lambda reading: ToldTurn(self._name(address.place), self._name(kind), payload, *reading)
        ):
            address.tell_now(message)

    def asked(self, address: TapedAddress[Any], message: Any, timeout_s: float | None) -> Reply:
        """Something was asked outside of any turn: record it and ask it."""
        kind, payload = type_name(type(message)), payload_of(message)
        with self._outside(
            address.path,
            lambda reading: AskedTurn(self._name(address.place), self._name(kind), payload, timeout_s, *reading),
        ):
            return address.ask_now(message, timeout_s)

    def stopped(self, address: TapedAddress[Any], *, drain: bool) -> Reply:
        """An actor is stopped from outside of any turn: record it and stop it."""
        with self._outside(address.path, lambda reading: StopTurn(self._name(address.place), drain, *reading)):
            return address.stop_now(drain=drain)

    def ordered(self, dispatcher: Dispatcher, item: Control, put: Callable[[], None]) -> None:
        """Something is put into a control lane outside of any turn: record it and put it."""
        cell, _, arguments = item
        if cell is None:
            put()
            return
        texts = tuple(a for a in arguments if isinstance(a, str))
        texts = texts if len(texts) == len(arguments) else ()
        path, label = cell.path, action_of(item)

        def record(reading: Reading) -> OrderTurn:
            return OrderTurn(self._name(dispatcher.name), self._name(path), self._name(label), texts, *reading)

        with self._outside(path, record):
            put()

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Do something outside that reads the system's clock, and that whoever replays will do as well."""
        before = self.here.reading
        with self._outside(label, lambda reading: StepTurn(label, *reading)) as reading:
            pass
        self.here.reading = reading
        try:
            yield
        finally:
            self.here.reading = before

    @contextmanager
    def away(self) -> Iterator[None]:
        """Call something in the middle of a turn that belongs to the outside: what it tells comes from there."""
        turn = self.here.turn
        if turn is None:
            yield
            return
        turn.away += 1
        try:
            yield
        finally:
            turn.away -= 1

    def note(self, tag: bytes, message: object) -> None:
        """Count something that the present turn gives to the outside."""
        turn = self.here.turn
        if turn is not None:
            turn.note(tag, message)

    @contextmanager
    def _outside(self, what: str, record: Callable[[Reading], TurnRecord]) -> Iterator[Reading]:
        reading = self.clock.real()
        if not self._take_lock(what):
            yield reading
            return
        try:
            reading = self.clock.real()
            turn = Turn(self._begin(record(reading)), what, "", reading, holds_lock=True)
            with inside(self.here, turn):
                yield reading
        finally:
            self._lock.release()

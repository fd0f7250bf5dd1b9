"""What happened to the bot's own parts, as records of the journal's own stream (account "").

Written by the recorder, read by the projection and by `ganglion journal`. Nothing that trades reads them: they are for
people, who want to know afterwards what failed when, and what was done about it.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from ganglion.messages.account import Reconciled
from ganglion.messages.base import Message
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import (
    ActorFailed,
    ActorParked,
    ActorStarted,
    ActorStuck,
    ConnectionChanged,
    Halted,
    ThreadAbandoned,
    Violation,
)

MAX_TEXT = 2_000
"""Characters kept of a text: a page of HTML that a venue answered with is no news."""


class Event(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Base of all events: an array whose first element is the event's name."""


class BotStarted(Event, frozen=True, tag=True, array_like=True):
    """A process began to write this journal."""

    version: str


class Failed(Event, frozen=True, tag=True, array_like=True):
    """A handler or a start raised."""

    path: str
    incarnation: int
    error: str
    text: str
    message: str
    """Type of the message that was being handled."""


class Restarted(Event, frozen=True, tag=True, array_like=True):
    """An actor runs again."""

    path: str
    incarnation: int


class Parked(Event, frozen=True, tag=True, array_like=True):
    """An actor spent its restart budget."""

    path: str
    error: str
    text: str


class Stuck(Event, frozen=True, tag=True, array_like=True):
    """A dispatcher has made no progress."""

    path: str
    dispatcher: str
    seconds: float


class Abandoned(Event, frozen=True, tag=True, array_like=True):
    """A thread that did not come back was left to itself; its actors were built anew on another."""

    path: str
    dispatcher: str
    handling: str
    seconds: float


class AccountHalted(Event, frozen=True, tag=True, array_like=True):
    """An account, one of its modes or of its markets was halted."""

    account: str
    target: str
    """The mode or the symbol; empty for the account."""
    cause: str


class Connection(Event, frozen=True, tag=True, array_like=True):
    """An exchange's connection moved to another state."""

    exchange: str
    state: str
    epoch: int
    reason: str


class Impaired(Event, frozen=True, tag=True, array_like=True):
    """Something at an exchange works less well than it should, or does again."""

    exchange: str
    what: str
    reason: str
    """Empty once it works as it should."""


class AccountReconciled(Event, frozen=True, tag=True, array_like=True):
    """An account agrees with its venue again."""

    account: str
    epoch: int
    balances_equal: bool


class Violated(Event, frozen=True, tag=True, array_like=True):
    """An invariant did not hold."""

    invariant: str
    account: str
    text: str


class LeftOut(Event, frozen=True, tag=True, array_like=True):
    """More happened in a short time than the journal should keep."""

    count: int


AnyEvent: TypeAlias = (
    BotStarted
    | Failed
    | Restarted
    | Parked
    | Stuck
    | Abandoned
    | AccountHalted
    | Connection
    | Impaired
    | AccountReconciled
    | Violated
    | LeftOut
)

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


class EventError(ValueError):
    """Bytes of the journal's own stream that are no event."""


def encode_event(event: AnyEvent) -> bytes:
    """One event as bytes."""
    return _ENCODER.encode(event)


def decode_event(data: bytes) -> AnyEvent:
    """One event from bytes.

    Raises:
        EventError: for bytes that are none: the journal is damaged or of another version.
    """
    try:
        return _DECODER.decode(data)
    except msgspec.MsgspecError as error:
        raise EventError(
            f"an event of {len(data)} bytes in the journal can't be read ({error}): the journal is damaged or was "
            "written by another version"
        ) from error


def event_of(message: Message) -> AnyEvent | None:
    """What to keep of a message; None where it is no news (an actor's first start)."""
    return _of_account(message) or _of_part(message)


def _of_part(message: Message) -> AnyEvent | None:
    match message:
        case ActorStarted():
            return Restarted(message.path, message.incarnation) if message.incarnation > 1 else None
        case ActorFailed():
            failure = message.failure
            return Failed(message.path, message.incarnation, failure.error, _cut(failure.text), failure.message)
        case ActorParked():
            return Parked(message.path, message.failure.error, _cut(message.failure.text))
        case ActorStuck():
            return Stuck(message.path, message.dispatcher, message.seconds)
        case ThreadAbandoned():
            return Abandoned(message.path, message.dispatcher, message.handling, message.seconds)
        case _:
            return None


def _of_account(message: Message) -> AnyEvent | None:
    match message:
        case Halted():
            return AccountHalted(message.account, message.mode or message.symbol or "", _cut(message.cause))
        case Reconciled():
            return AccountReconciled(message.account, message.epoch, message.balances_equal)
        case ConnectionChanged():
            return Connection(message.exchange, str(message.state), message.epoch, _cut(message.reason))
        case Degraded():
            return Impaired(message.exchange, message.what, _cut(message.reason))
        case Violation():
            return Violated(message.invariant, message.account, _cut(message.text))
        case _:
            return None


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."

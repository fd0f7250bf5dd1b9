"""What stands on an input tape: one record for each turn, and the payload of what came from outside. Pure.

A turn is whatever touches actors: a message or control item that a dispatcher takes, a timer that fires, and whatever
somebody outside does. Records stand in the order in which turns began; a `TurnEnd` says when what a turn sent went out.
Texts (dispatchers, paths, types) are written once, as `Name`, and numbered by their order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from ganglion.messages.base import Message
from ganglion.supervision.errors import SupervisionError

FORMAT = 1


class Name(msgspec.Struct, frozen=True, array_like=True, tag=0, gc=False):
    """A text that later records name by its number, 0 for the first."""

    text: str


class MessageTurn(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """A dispatcher takes the first message of its queue."""

    dispatcher: int
    path: int
    kind: int
    """The message's type."""
    now_s: float
    now_ms: int


class ControlTurn(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """A dispatcher takes the first item of its control lane."""

    dispatcher: int
    path: int
    action: int
    now_s: float
    now_ms: int


class TimerTurn(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """A timer fires."""

    dispatcher: int
    timer: int
    """The how manieth `call_later` of this dispatcher set it, from 1."""
    now_s: float
    now_ms: int


class TurnEnd(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False):
    """What a turn has sent goes out."""

    turn: int
    sent: int
    """Messages."""
    digest: int
    """crc32 over receivers, types and contents."""


class ToldTurn(msgspec.Struct, frozen=True, array_like=True, tag=5, gc=False):
    """Somebody outside tells an actor."""

    path: int
    kind: int
    payload: bytes
    now_s: float
    now_ms: int


class AskedTurn(msgspec.Struct, frozen=True, array_like=True, tag=6, gc=False):
    """Somebody outside asks an actor."""

    path: int
    kind: int
    payload: bytes
    timeout_s: float | None
    now_s: float
    now_ms: int


class StopTurn(msgspec.Struct, frozen=True, array_like=True, tag=7, gc=False):
    """Somebody outside stops an actor."""

    path: int
    drain: bool
    now_s: float
    now_ms: int


class OrderTurn(msgspec.Struct, frozen=True, array_like=True, tag=8, gc=False):
    """Something is put into a control lane from outside: the system's start and end, a spawn, a crash on purpose."""

    dispatcher: int
    path: int
    action: int
    texts: tuple[str, ...]
    """Its arguments, where all of them are texts."""
    now_s: float
    now_ms: int


class StepTurn(msgspec.Struct, frozen=True, array_like=True, tag=9, gc=False):
    """Somebody outside does something of its own by the clock of this instant; whoever replays does it again."""

    label: str
    now_s: float
    now_ms: int


class Closed(msgspec.Struct, frozen=True, array_like=True, tag=10, gc=False):
    """Nothing is recorded any more, and why."""

    reason: str


TurnRecord: TypeAlias = MessageTurn | ControlTurn | TimerTurn | ToldTurn | AskedTurn | StopTurn | OrderTurn | StepTurn
"""Each has a number of its own, from 1, by its place on the tape."""
Record: TypeAlias = Name | TurnRecord | TurnEnd | Closed

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Record])
_COUNT = struct.Struct(">BI")
_ARRAY32 = 0xDD

encode = _ENCODER.encode
"""One record, or the payload of a message."""


def join(records: list[bytes]) -> bytes:
    """Encoded records as one text that `split` reads."""
    return _COUNT.pack(_ARRAY32, len(records)) + b"".join(records)


def split(data: bytes) -> list[Record]:
    """The records of one text.

    Raises:
        msgspec.MsgspecError: it was not written by `join`.
    """
    return _DECODER.decode(data)


class UnknownType(SupervisionError):
    """A message on a tape is of a type that this process does not know, or that can't be written down."""


def type_name(kind: type) -> str:
    """How a type of message is named on a tape."""
    return f"{kind.__module__}:{kind.__qualname__}"


def payload_of(message: Message) -> bytes:
    """A message from outside as bytes; empty where its type can't be written down (it holds a live object)."""
    try:
        return encode(message)
    except (TypeError, ValueError, OverflowError):
        return b""


class MessageTypes:
    """Finds types of messages by name, among all that are defined in this process."""

    def __init__(self) -> None:
        """Know none; they are looked for when they are wanted."""
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {}

    def decode(self, name: str, payload: bytes) -> Message:
        """Make the message again.

        Raises:
            UnknownType: nothing of this name is defined here, or its payload does not fit it.
        """
        decoder = self._decoders.get(name)
        if decoder is None:
            kind = next((kind for kind in _below(Message) if type_name(kind) == name), None)
            if kind is None:
                raise UnknownType(f"no message type {name} is defined here: replay with the code that ran")
            decoder = self._decoders[name] = _decoder_of(kind, name)
        try:
            message: Message = decoder.decode(payload)
        except msgspec.MsgspecError as error:
            raise UnknownType(f"what the tape holds of {name} does not fit it ({error})") from error
        return message


def _decoder_of(kind: type[Message], name: str) -> msgspec.msgpack.Decoder[Any]:
    try:
        return msgspec.msgpack.Decoder(kind)
    except (TypeError, NameError) as error:
        raise UnknownType(f"{name} can't be read from a tape ({error})") from error


def _below(kind: type[Message]) -> Iterator[type[Message]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)

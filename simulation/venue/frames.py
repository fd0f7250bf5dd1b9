"""What a fault makes of one frame: nothing, something else, or the same twice. Pure, and without a protocol."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ganglion.simulation.venue.faults import Fault, FaultKind

GARBAGE = "\x00<garbage>{]"
BINARY = bytes(range(0xF0, 0x100)) * 4
OVERSIZED_CHARACTERS = 11_000_000
"""Above the 10 MiB that ccxt's clients take in one frame."""
PROTOCOL_ERROR = b"\xa1\x03abc"
"""A frame with a reserved bit set: no WebSocket client may accept it."""
_PRICES = frozenset({"p", "price", "L", "c", "limit_price", "last_price", "last"})
_WRONG = "abc"

Frame = str | bytes


def spoil(fault: Fault, text: str) -> Sequence[Frame]:
    """The frames that go out instead of `text`."""
    match fault.kind:
        case FaultKind.GARBAGE:
            return (GARBAGE,)
        case FaultKind.BINARY:
            return (BINARY,)
        case FaultKind.WRONG_SHAPE:
            return (fault.text or "[1,2]",)
        case FaultKind.WRONG_TYPE:
            return (_mistyped(text, None if fault.text == "null" else fault.text or _WRONG),)
        case FaultKind.REPLAY:
            return (text, text)
        case _:
            return ()


def _mistyped(text: str, wrong: str | None) -> str:
    """The frame with every price replaced: named ones, and the first of each pair in a list of levels."""
    return msgspec.json.encode(_walk(msgspec.json.decode(text), wrong)).decode()


def _walk(value: object, wrong: str | None) -> object:
    if isinstance(value, dict):
        return {
            name: wrong if name in _PRICES and _is_number(inner) else _walk(inner, wrong)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        if len(value) >= 2 and all(map(_is_number, value)):
            return [wrong, *value[1:]]
        return [_walk(inner, wrong) for inner in value]
    return value


def _is_number(value: object) -> bool:
    if isinstance(value, int | float):
        return not isinstance(value, bool)
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True

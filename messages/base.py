"""What every message is: an immutable struct that says what may happen to it when a mailbox is full.

Everyone imports this; it knows nobody. A message carries facts, never a live object, an exception or a lock.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from typing import ClassVar, Generic, TypeVar

import msgspec

R = TypeVar("R")


class Overflow(enum.Enum):
    """What becomes of a message whose receiver has more waiting than its mailbox allows."""

    DROP = "drop"
    """Dropped and counted; a receiver whose protocol has `Overflowed` is told once."""

    CONFLATE = "conflate"
    """Only the newest of each `conflation_key()` waits; such types stand outside the order guarantee."""

    REFUSE = "refuse"
    """A command: refused with a typed answer, never silently lost."""

    KEEP = "keep"
    """A fact about money: kept beyond the bound, whatever it costs."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """Base of all messages. `gc=False` because a message can't be part of a cycle (37 ns to make)."""

    overflow: ClassVar[Overflow] = Overflow.DROP
    """What a full mailbox does with this type."""
    evidence: ClassVar[bool] = False
    """It says what became of a write: told even by a thread that was abandoned, whose word is else of no account."""

    def conflation_key(self) -> Hashable:
        """The slot that a conflated message waits in; asked only of types with `Overflow.CONFLATE`."""
        return None


class Request(Message, Generic[R], frozen=True, gc=False):
    """A message that is answered: `class Read(Request[int])` is answered with an `int`."""

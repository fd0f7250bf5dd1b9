"""The journal: what orders actors and the bot's one journal tell each other about records that must not be lost.

The journal knows accounts and bytes; what a record means is the ledger's business. Account "" is the bot's own
stream (events of the supervision tree), which nobody waits for.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from ganglion.messages.base import Message, Overflow

OWN_STREAM = ""
"""The account of records that are the bot's own and no exchange account's."""


class Append(Message, frozen=True, gc=False):
    """Keep a record behind all others; where a key is given, Durable names it to the account's orders actor."""

    account: str
    key: str
    """Empty: nobody waits for it."""
    record: bytes
    token: int = 0
    """Fencing token: which incarnation of the orders actor wrote it; older than the newest heard of is refused."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Durable(Message, frozen=True, gc=False):
    """The records of these keys can't be lost any more, nor can any that was appended before them."""

    keys: tuple[str, ...]
    overflow: ClassVar[Overflow] = Overflow.KEEP


class ReadJournal(Message, frozen=True, gc=False):
    """Ask for everything of an account; answered with JournalRead."""

    account: str
    token: int = 0
    """As in Append: from now on nothing of an older incarnation is kept."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class JournalRead(Message, frozen=True, gc=False):
    """An account's newest checkpoint and every record since, in the order of appending."""

    account: str
    run_root: bytes
    """128 random bits of this bot, for client order ids."""
    records: tuple[bytes, ...]
    checkpoint: bytes = b""
    """The state that the records follow upon; empty where there is none: they are all that there ever was."""
    opening: bytes = b""
    """Random bits of this process, for client order ids beside the run root's."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class JournalFailed(Message, frozen=True, gc=False):
    """Nothing can be made durable any more, or the journal can't be read whole: nothing may be placed."""

    cause: str
    """What is wrong, where, and what to do."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class CheckpointWanted(Message, frozen=True, gc=False):
    """The journal has begun a new segment: answered with Checkpoint, older segments can retire."""

    segment: int
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Checkpoint(Message, frozen=True, gc=False):
    """An account's whole state; it contains every record that was appended before."""

    account: str
    state: bytes
    token: int = 0
    """As in Append."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Flush(Message, frozen=True, gc=False):
    """The journal's word to itself, behind whatever waits: make durable what has come together."""

    overflow: ClassVar[Overflow] = Overflow.KEEP


class Journaled(Message, frozen=True, gc=False):
    """From the journal to its followers: everything before this place is durable.

    A place and no records: only the newest one waits, so that a follower that lags (the projection) costs no memory.
    It reads the records from the journal's own segments.
    """

    segment: int
    offset: int
    """In bytes from the beginning of that segment's file."""
    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        """There is one journal."""
        return OWN_STREAM

"""The journal: what makes an intent durable before it is sent, and what other tools read it with."""

from ganglion.actors.trading.journal.actor import JournalActor
from ganglion.actors.trading.journal.device import (
    Device,
    FolderDevice,
    FolderLocked,
    FolderUnusable,
    JournalUnusable,
)
from ganglion.actors.trading.journal.log import Log
from ganglion.actors.trading.journal.reader import JournalReader, Position, read_journal
from ganglion.actors.trading.journal.remains import ForeignJournal, JournalLost
from ganglion.actors.trading.journal.segments import Entry, Flaw, Kind

__all__ = [
    "Device",
    "Entry",
    "Flaw",
    "FolderDevice",
    "FolderLocked",
    "FolderUnusable",
    "ForeignJournal",
    "JournalActor",
    "JournalLost",
    "JournalReader",
    "JournalUnusable",
    "Kind",
    "Log",
    "Position",
    "read_journal",
]

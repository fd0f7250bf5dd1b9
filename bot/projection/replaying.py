"""Goes through a journal entry by entry with a ledger of each account beside it: for what people read and verify.

Reads only. Every step tells the record with the facts that followed from it and the ledger as it stands then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from ganglion.actors.trading.journal import Entry, Kind, Position
from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.checkpoint import decode_ledger
from ganglion.actors.trading.orders.counted import Fact
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.bot.projection.events import AnyEvent, decode_event
from ganglion.bot.projection.following import Follower
from ganglion.messages.journal import OWN_STREAM


class Step(NamedTuple):
    """One entry, understood."""

    entry: Entry
    what: r.AnyRecord | AnyEvent | None
    """None for a checkpoint."""
    ledger: Ledger | None
    """After it; None for the bot's own stream, and where the account's earlier records are not in the journal."""
    facts: tuple[Fact, ...]


class Replay:
    """The ledgers of all accounts as a journal makes them."""

    def __init__(self, older: Collection[str] = ()) -> None:
        """Begin; `older` are accounts with records before the first entry, which wait for their checkpoint."""
        self.ledgers: dict[str, Ledger] = {}
        self.older = set(older)

    def take(self, entry: Entry) -> Step:
        """Take over one entry.

        Raises:
            RecordError, EventError, CheckpointError: its bytes can't be read.
            LedgerError: no ledger could have written it here.
        """
        if entry.kind == Kind.CHECKPOINT:
            if entry.account not in self.ledgers and entry.account != OWN_STREAM:
                self.ledgers[entry.account] = decode_ledger(entry.account, entry.record)
                self.older.discard(entry.account)
            return Step(entry, None, self.ledgers.get(entry.account), ())
        if entry.account == OWN_STREAM:
            return Step(entry, decode_event(entry.record), None, ())
        record = r.decode(entry.record)
        if entry.account in self.older:
            return Step(entry, record, None, ())
        ledger = self.ledgers.get(entry.account)
        if ledger is None:
            ledger = self.ledgers[entry.account] = Ledger(entry.account)
        return Step(entry, record, ledger, ledger.apply(record))


def replay_journal(folder: Path) -> Iterator[tuple[Step, Position]]:
    """Every entry of a journal, archived segments included, each with the end of its batch.

    Raises:
        JournalGap: it can't be read on.
        RecordError, EventError, CheckpointError, LedgerError: as in `Replay.take`.
        OSError: a file can't be read.
    """
    follower = Follower(folder)
    replay: Replay | None = None
    for batch in follower.batches():
        if replay is None:
            replay = Replay(follower.header.floors if follower.header else ())
        for entry in batch.entries:
            yield replay.take(entry), batch.end

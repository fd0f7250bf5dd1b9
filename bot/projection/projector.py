"""Brings a projection up to its journal: the journal's batches through the fold into the database, from any state.

What the projection actor and a rebuild share. A database that is written up to some place is gone on with: the shadow
ledgers are read back from the checkpoints before that place, without writing, and rows follow from there on. Blocking.
"""

from __future__ import annotations

from pathlib import Path

from ganglion.actors.trading.journal import Position
from ganglion.actors.trading.journal.reader import look_at, segment_files
from ganglion.actors.trading.journal.segments import Header, Kind, read_header
from ganglion.actors.trading.orders.checkpoint import decode_ledger
from ganglion.bot.projection.database import FILE, Database, ProjectionForeign, ProjectionStale, drop, set_aside
from ganglion.bot.projection.fold import Fold
from ganglion.bot.projection.following import HEADER_BYTES, Batch, Follower, JournalGap
from ganglion.bot.projection.rows import Write

ROWS_AT_ONCE = 20_000
"""Rows in one transaction, about."""


class Projector:
    """One database and the journal that it follows."""

    def __init__(self, folder: Path, path: Path | None = None) -> None:
        """Open both; a database that can't be gone on with is begun anew, and kept where the journal may know less.

        Args:
            folder: the bot's data folder.
            path: the database; by default the one in the folder.

        Raises:
            JournalGap: there is no journal, its beginning can't be read, or it is incomplete and the database, which
                may know more, was left alone.
            ProjectionError: the database can't be opened, dropped or set aside.
        """
        self._folder = folder
        self._path = path or folder / FILE
        self.notice = ""
        """Why it was made anew; empty where it was gone on with, or is new."""
        self._pending: list[Write] = []
        self._pending_entries = 0
        header = _newest_header(folder)
        self.run_root = header.run_root
        """Of the journal."""
        try:
            self.database = Database(self._path, header.run_root, header.bot)
            self._begin()
        except (ProjectionStale, JournalGap) as error:
            if lacking := look_at(folder).flaws:
                self.close()
                raise JournalGap(f"{lacking[0]}; {self._path.name} is left as it is ({error})") from error
            self.anew(str(error), keep=isinstance(error, ProjectionForeign | JournalGap))

    def anew(self, why: str, *, keep: bool = False) -> None:
        """Begin with the oldest entry of the journal.

        Args:
            why: for the log.
            keep: the database may hold what the journal does not: it is set aside, else dropped.

        Raises:
            JournalGap: the journal has no readable beginning.
            ProjectionError: it can't be dropped or made.
        """
        self.close()
        self.notice = why
        if keep:
            self.notice += f"; the old one is kept as {set_aside(self._path).name}"
        else:
            drop(self._path)
        header = _newest_header(self._folder)
        self.database = Database(self._path, header.run_root, header.bot)
        self._begin()

    def _begin(self) -> None:
        self._pending, self._pending_entries = [], 0
        written = self.database.position
        files = segment_files(self._folder)
        first = min(files)
        if written.segment:
            if written.segment not in files:
                raise JournalGap(f"segment {written.segment}, up to which the projection is written, is missing")
            if files[written.segment].stat().st_size < written.offset:
                raise JournalGap("the projection is ahead of its journal")
            floors = _header_of(files[written.segment]).floors
            first = min(floors.values(), default=written.segment)
            if first not in files:
                raise JournalGap(f"segment {first}, which the projection would go on from, is missing")
        self._fold = Fold(decode_ledger, older=frozenset(_header_of(files[first]).floors))
        self._follower = Follower(self._folder, Position(first, 0))
        self._read = Position(0, 0)

    def catch_up(self, until: Position | None = None, *, entries: int | None = None) -> bool:
        """Write what the journal has beyond the database.

        Args:
            until: a place that is known to be durable; without it, to the end of what is written.
            entries: return after about so many entries of the journal.

        Returns:
            whether it stopped for `entries` and more is there.

        Raises:
            JournalGap: the journal can't be read on.
            RecordError, LedgerError, EventError, CheckpointError: the journal holds what no bot could have written.
            ProjectionError: the rows can't be written; what was read waits for the next call.
        """
        self.flush()
        taken = 0
        try:
            for batch in self._follower.batches(until):
                self._take(batch)
                taken += len(batch.entries)
                if entries is not None and taken >= entries:
                    return True
                if len(self._pending) >= ROWS_AT_ONCE:
                    self.flush()
        finally:
            # Also where the journal can't be read on: what came before is right.
            self.flush()
        return False

    def _take(self, batch: Batch) -> None:
        writes: list[Write] = []
        for entry in batch.entries:
            checkpoint = entry.kind == Kind.CHECKPOINT
            writes += self._fold.rows_of(entry.account, entry.time_ms, entry.record, checkpoint=checkpoint)
        self._read = batch.end
        if batch.end > self.database.position:
            self._pending += writes
            self._pending_entries += len(batch.entries)

    def flush(self) -> None:
        """Write what was read.

        Raises:
            ProjectionError: it can't be; it stays for the next time.
        """
        if self._pending_entries:
            self.database.write(self._pending, self._read, self._pending_entries)
        self._pending, self._pending_entries = [], 0

    def close(self) -> None:
        """Let go of the database, where one was opened."""
        if hasattr(self, "database"):
            self.database.close()


def _newest_header(folder: Path) -> Header:
    files = segment_files(folder)
    if not files:
        raise JournalGap(f"there is no journal in {folder}")
    for number in sorted(files, reverse=True):
        header = _read_header(files[number])
        if header is not None:
            return header
    raise JournalGap(f"no segment of the journal in {folder} has a readable header")


def _header_of(path: Path) -> Header:
    header = _read_header(path)
    if header is None:
        raise JournalGap(f"{path.name} has no readable header")
    return header


def _read_header(path: Path) -> Header | None:
    with path.open("rb") as file:
        return read_header(file.read(HEADER_BYTES))

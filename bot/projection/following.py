"""Reads a journal's segments batch by batch from any place on: beside a bot that writes them, and for a rebuild.

Never writes and needs no lock. It reads from where it stands instead of whole segments, because the live projection
looks a few times a second. Blocking: the projection's own thread and the command line call it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from ganglion.actors.trading.journal import Entry, Position
from ganglion.actors.trading.journal.device import ARCHIVE, JOURNAL
from ganglion.actors.trading.journal.reader import OTHER_JOURNAL, Folder, look_at, segment_files
from ganglion.actors.trading.journal.segments import FORMAT, Header, batches, header_frame, read_header, scan
from ganglion.bot.errors import BotError

CHUNK_BYTES = 4 * 1024 * 1024
HEADER_BYTES = 64 * 1024
"""At least as much as the longest header."""


class JournalGap(BotError):
    """The journal can't be read on from here: a segment is missing, damaged, or ends before the place that is known."""


class Batch(NamedTuple):
    """Entries that became durable together."""

    entries: list[Entry]
    end: Position
    """Where the next one begins."""


class Follower:
    """One way through a journal."""

    def __init__(self, folder: Path, since: Position | None = None) -> None:
        """Begin at a place, or with the oldest segment that is there."""
        self.position = since or Position(0, 0)
        self.header: Header | None = None
        """Of the newest segment that was read at its beginning."""
        self._folder = folder
        self._root = b""
        """Run root of the journal, once a segment or the folder's mark has told it."""

    def batches(self, until: Position | None = None) -> Iterator[Batch]:
        """Every whole batch from here on, as far as the journal is written now; the position moves along.

        Args:
            until: a place that is known to be durable: nothing behind it is read.

        Raises:
            JournalGap: something is missing or damaged before the end, or before `until`.
            OSError: a file can't be read.
        """
        while True:
            there = look_at(self._folder)
            files = there.files
            if not files:
                _check_whole(there)
                return
            if not self.position.segment:
                self.position = Position(min(files), 0)
            number = self.position.segment
            if number not in files:
                raise JournalGap(f"segment {number} of the journal in {self._folder} is missing")
            _check_double(there, number)
            if there.identity is not None:
                self._root = there.identity.run_root
            is_newest = number == max(files)
            for batch in self._segment(files[number], is_newest=is_newest):
                yield batch
                if until is not None and batch.end >= until:
                    return
            if is_newest:
                if until is not None and self.position < until and until.segment == number:
                    raise JournalGap(f"{files[number].name} has no whole batch at byte {self.position.offset}")
                _check_whole(there)
                return
            self.position = Position(number + 1, 0)

    def _segment(self, path: Path, *, is_newest: bool) -> Iterator[Batch]:
        number, offset = self.position
        with self._open(path) as file:
            size = file.seek(0, 2)
            if offset > size:
                raise JournalGap(f"{path.name} ends at byte {size}, before the place {offset} that is known of it")
            if not offset:
                file.seek(0)
                offset = self._begin(file.read(HEADER_BYTES), path, is_newest=is_newest)
                if not offset:
                    return
                self.position = Position(number, offset)
            chunk = CHUNK_BYTES
            while offset < size:
                file.seek(offset)
                data = file.read(chunk)
                found = self._decode(data, path, offset)
                for entries, end in found:
                    self.position = Position(number, offset + end)
                    yield Batch(entries, self.position)
                if found:
                    offset = self.position.offset
                elif offset + len(data) < size:
                    chunk *= 4
                elif is_newest:
                    # Being written, or torn by a crash: nothing of it was ever answered Durable.
                    self._check_torn(path)
                    return
                else:
                    raise JournalGap(f"{path.name} is damaged at byte {offset}, and {size - offset} bytes follow")

    def _open(self, path: Path) -> BinaryIO:
        try:
            return path.open("rb")
        except FileNotFoundError:
            # The bot has archived it since it was listed.
            moved = segment_files(self._folder).get(self.position.segment)
            if moved is None:
                raise JournalGap(f"segment {self.position.segment} of {self._folder} was removed") from None
            return moved.open("rb")

    def _begin(self, data: bytes, path: Path, *, is_newest: bool) -> int:
        """Where the first batch of a segment begins; 0 where its header is not whole yet."""
        header = read_header(data)
        if header is None:
            if is_newest:
                return 0
            raise JournalGap(f"{path.name} has no readable header")
        if header.version != FORMAT:
            raise JournalGap(f"{path.name} is of format {header.version}, this program reads {FORMAT}")
        if self._root not in {b"", header.run_root}:
            raise JournalGap(f"{path.name} can't be gone on with: {OTHER_JOURNAL}")
        self._root = header.run_root
        self.header = header
        return len(header_frame(header))

    @staticmethod
    def _check_torn(path: Path) -> None:
        """Where anything whole stands behind it, it is no torn end."""
        flaw = scan(path.read_bytes(), path.name, last=True).flaw
        if flaw is not None and not flaw.torn:
            raise JournalGap(str(flaw))

    @staticmethod
    def _decode(data: bytes, path: Path, offset: int) -> list[tuple[list[Entry], int]]:
        try:
            return batches(data)[0]
        except msgspec.MsgspecError as error:
            raise JournalGap(
                f"{path.name} holds no batch of entries at byte {offset} or behind it ({error})"
            ) from error


def _check_whole(there: Folder) -> None:
    """At what looks like the end: nothing may tell of more."""
    if there.lost is not None:
        raise JournalGap(str(there.lost))


def _check_double(there: Folder, number: int) -> None:
    """A copy that is alike does no harm; of two that differ nobody can tell which one counts."""
    double = there.doubles.get(number)
    if double is not None and double.read_bytes() != there.files[number].read_bytes():
        raise JournalGap(f"{double.name} stands in {JOURNAL}/ and in {ARCHIVE}/, and they differ")


def size_of(folder: Path) -> int:
    """Bytes of all segments together, for a progress bar."""
    return sum(path.stat().st_size for path in segment_files(folder).values())

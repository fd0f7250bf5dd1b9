"""Reads a bot's journal for other tools: never writes, needs no lock, works beside a bot that is writing.

Used by the projection, by `ganglion journal` and by tests; the bot itself reads through its log.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ganglion.actors.trading.journal.device import ARCHIVE, JOURNAL
from ganglion.actors.trading.journal.segments import Entry, Flaw, Header, number_of, scan


class Position(NamedTuple):
    """A place between two batches."""

    segment: int
    """Number; 0 is before everything."""
    offset: int
    """Where the next frame begins."""


class JournalReader:
    """Goes through all entries once, oldest first; what it met on the way is told by its attributes."""

    def __init__(self, folder: Path, since: Position | None = None) -> None:
        """Read a bot's folder (the one with `journal` in it).

        Args:
            folder: the bot's `data` folder.
            since: go on from there: a former reader's `position`.
        """
        self.flaws: list[Flaw] = []
        """What can't be read: a torn end is normal beside a bot that is writing, everything else is damage."""
        self.position = since or Position(0, 0)
        """Behind the last whole batch that was read."""
        self.headers: list[Header] = []
        """Of the segments that were opened at their beginning."""
        self._folder = folder

    @property
    def damaged(self) -> bool:
        """Whether anything but a torn end is wrong, so far."""
        return any(not flaw.torn for flaw in self.flaws)

    def __iter__(self) -> Iterator[Entry]:
        """Every entry that can be read; a damaged segment is left at its first flaw, the next one is read.

        Raises:
            OSError: a file can't be read.
        """
        since = self.position
        files = segment_files(self._folder)
        newest = max(files, default=0)
        expected = 0
        for number, path in files.items():
            if number < since.segment:
                continue
            if expected and number != expected:
                text = f"segments {expected} to {number - 1} are missing"
                self.flaws.append(Flaw(path.name, 0, text, torn=False))
            expected = number + 1
            start = since.offset if number == since.segment else 0
            found = scan(_bytes_of(self._folder, path), path.name, last=number == newest, start=start)
            if found.header is not None:
                self.headers.append(found.header)
            if found.flaw is not None:
                self.flaws.append(found.flaw)
            yield from found.entries
            self.position = Position(number, max(found.end, start))


def read_journal(folder: Path, since: Position | None = None) -> JournalReader:
    """Everything in a bot's journal, archived segments included; iterate it, then look at its `flaws`."""
    return JournalReader(folder, since)


def segment_files(folder: Path) -> dict[int, Path]:
    """A journal's segments by number, oldest first, wherever they lie."""
    found: dict[int, Path] = {}
    # In the direction in which segments move, or one that moves meanwhile would be in neither list.
    for place in (JOURNAL, ARCHIVE):
        below = folder / place
        for path in below.iterdir() if below.is_dir() else ():
            number = number_of(path.name)
            if number is not None:
                found[number] = path
    return dict(sorted(found.items()))


def _bytes_of(folder: Path, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        # The bot has archived it since it was listed.
        return (folder / ARCHIVE / path.name).read_bytes()

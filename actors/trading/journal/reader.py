"""Reads a bot's journal for other tools: never writes, needs no lock, works beside a bot that is writing.

Used by the projection, by `ganglion journal` and by tests; the bot itself reads through its log.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ganglion.actors.trading.journal.device import ARCHIVE, JOURNAL
from ganglion.actors.trading.journal.identity import (
    IDENTITY,
    Identity,
    decode_identity,
    missing_text,
    newest_known,
)
from ganglion.actors.trading.journal.segments import Entry, Flaw, Header, name_of, number_of, scan


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
        there = look_at(self._folder)
        self.flaws += [flaw for flaw in there.flaws if flaw not in self.flaws]
        newest = max(there.files, default=0)
        root = there.identity.run_root if there.identity else b""
        for number, path in there.files.items():
            if number < since.segment:
                continue
            start = since.offset if number == since.segment else 0
            found = scan(_bytes_of(self._folder, path), path.name, last=number == newest, start=start)
            if found.header is not None:
                self.headers.append(found.header)
                root = root or found.header.run_root
                if found.header.run_root != root:
                    # What another journal says is nothing that this bot knew.
                    self.flaws.append(Flaw(path.name, 0, OTHER_JOURNAL, torn=False))
                    continue
            if found.flaw is not None:
                self.flaws.append(found.flaw)
            yield from found.entries
            self.position = Position(number, max(found.end, start))


def read_journal(folder: Path, since: Position | None = None) -> JournalReader:
    """Everything in a bot's journal, archived segments included; iterate it, then look at its `flaws`."""
    return JournalReader(folder, since)


OTHER_JOURNAL = "it belongs to another journal: its run root is not the one of the others"


class Folder(NamedTuple):
    """What lies in a bot's folder at one moment."""

    files: dict[int, Path]
    """Segments by number, oldest first; of one that stands in both folders the one that is written to."""
    doubles: dict[int, Path]
    """The archive's file of each segment that stands in both folders."""
    live: bool
    """Any segment is where it can be written to."""
    identity: Identity | None

    @property
    def flaws(self) -> list[Flaw]:
        """What is missing or stands there twice, none of it torn."""
        found = [_flaw(path.name, f"it stands in {JOURNAL}/ and in {ARCHIVE}/") for path in self.doubles.values()]
        numbers = list(self.files)
        for number, following in pairwise(numbers):
            if following != number + 1:
                text = f"segments {number + 1} to {following - 1} are missing"
                found.append(_flaw(name_of(number + 1), text))
        if lost := self.lost:
            found.append(lost)
        return found

    @property
    def lost(self) -> Flaw | None:
        """The newest segments, where something tells that there must be more than is there."""
        newest = max(self.files, default=0)
        known = newest_known(self.identity, () if self.live else self.files)
        if newest >= known:
            return None
        return _flaw(name_of(newest + 1), missing_text(newest + 1, known))


def look_at(folder: Path) -> Folder:
    """List a bot's segments, beside a bot that may be moving them.

    Raises:
        OSError: a folder can't be listed.
    """
    # Before the segments: the mark never tells of one that is not there yet.
    identity = _identity(folder)
    live: dict[int, Path] = {}
    archived: dict[int, Path] = {}
    for _ in range(_LOOKS):
        live = _numbered(folder / JOURNAL)
        # In the direction in which segments move, or one that moves meanwhile would be in neither list.
        archived = _numbered(folder / ARCHIVE)
        if _numbered(folder / JOURNAL) == live:
            break
    files = dict(sorted({**archived, **live}.items()))
    doubles = {number: path for number, path in sorted(archived.items()) if number in live}
    return Folder(files, doubles, bool(live), identity)


_LOOKS = 10
"""A segment moves once in many seconds: a second look is almost always the last."""


def segment_files(folder: Path) -> dict[int, Path]:
    """A journal's segments by number, oldest first, wherever they lie."""
    return look_at(folder).files


def _numbered(folder: Path) -> dict[int, Path]:
    paths = folder.iterdir() if folder.is_dir() else ()
    return {number: path for path in paths if (number := number_of(path.name)) is not None}


def _identity(folder: Path) -> Identity | None:
    try:
        return decode_identity((folder / IDENTITY).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def _flaw(name: str, text: str) -> Flaw:
    return Flaw(name, 0, text, torn=False)


def _bytes_of(folder: Path, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        # The bot has archived it since it was listed.
        return (folder / ARCHIVE / path.name).read_bytes()

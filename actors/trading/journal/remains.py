"""What an opening finds on the device: the newest segment that can be read, and what tells that more should be there.

The log asks it once, before anything is mended. It reads both folders and the mark, and writes nothing: a journal of
which something is missing stays as it is until somebody has restored it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ganglion.actors.trading.journal.device import ARCHIVE, JOURNAL, Device, JournalUnusable
from ganglion.actors.trading.journal.identity import (
    IDENTITY,
    Identity,
    decode_identity,
    missing_text,
    newest_known,
)
from ganglion.actors.trading.journal.segments import FORMAT, Flaw, Header, Scan, name_of, number_of, scan


class ForeignJournal(JournalUnusable):
    """The folder holds another bot's journal, or another than began here, or one of another format."""


class JournalLost(JournalUnusable):
    """A journal began in this folder, and nothing of it is left."""


class Remains(NamedTuple):
    """What is there."""

    mark: Identity | None
    number: int
    """Of the newest segment that anything can be read of; 0 where there is none."""
    found: Scan
    unborn: tuple[Flaw, ...]
    """Newer ones whose header never became durable: nothing was ever kept in them."""
    damage: tuple[Flaw, ...]
    """What is missing or can't be told apart: nothing may be written any more."""
    notices: tuple[str, ...]


@lru_cache
def path_of(number: int, folder: str = JOURNAL) -> str:
    """The name of a segment on a device."""
    return f"{folder}/{name_of(number)}"


def numbers_in(device: Device, folder: str) -> list[int]:
    """The segments of a folder, oldest first."""
    numbers = map(number_of, device.names(folder))
    return sorted(number for number in numbers if number is not None)


def look_over(device: Device, bot: str) -> Remains:
    """Find the newest segment of a bot's journal and what is missing.

    Raises:
        ForeignJournal: it is another bot's, another journal than began here, or of another format.
        JournalLost: one began here, and none of its segments is left.
        OSError: a file can't be read.
    """
    notices: list[str] = []
    mark = _mark(device, bot, notices)
    live, archived = numbers_in(device, JOURNAL), numbers_in(device, ARCHIVE)
    known = newest_known(mark, archived)
    unborn: list[Flaw] = []
    damage: list[Flaw] = []
    numbers = sorted({*live, *archived}, reverse=True)
    for number in numbers:
        data = device.read(path_of(number, JOURNAL if number in live else ARCHIVE))
        found = scan(data, name_of(number), last=number >= known)
        if found.header is None and found.flaw is not None:
            if found.flaw.torn and number > known:
                unborn.append(found.flaw)
                continue
            # Its header was durable once: that it is not there any more is damage.
            found = scan(data, name_of(number), last=False)
            if found.flaw is not None and number != numbers[-1]:
                damage.append(found.flaw)
                continue
        if found.header is not None:
            _check_owner(found.header, bot, mark)
        if number < known and not damage:
            damage.append(Flaw(name_of(number + 1), 0, missing_text(number + 1, known), torn=False))
        damage += _doubles(device, set(live) & set(archived), notices)
        return Remains(mark, number, found, tuple(unborn), tuple(damage), tuple(notices))
    if mark is not None:
        raise JournalLost(
            f"the journal of {mark.bot} began in this folder and none of its segments is left: restore `{JOURNAL}/` "
            "from a backup; or, knowing that each order of it that is still open will halt its account as an orphan, "
            "move the whole folder away to begin anew"
        )
    return Remains(None, 0, Scan(None, [], 0, None), tuple(unborn), (), tuple(notices))


def _mark(device: Device, bot: str, notices: list[str]) -> Identity | None:
    try:
        mark = decode_identity(device.read(IDENTITY))
    except FileNotFoundError:
        return None
    if mark is None:
        # Only a disk that lied leaves it so: what the segments say counts, and it is written anew.
        notices.append(f"the file `{IDENTITY}` is not whole: what the segments say counts")
    elif mark.bot != bot:
        raise _foreign(mark.bot, bot)
    return mark


def _doubles(device: Device, numbers: Iterable[int], notices: list[str]) -> Iterator[Flaw]:
    """The same segment twice is what a copy leaves; of two that differ nobody can tell which one counts."""
    for number in sorted(numbers):
        if device.read(path_of(number)) == device.read(path_of(number, ARCHIVE)):
            notices.append(f"{name_of(number)} stands in {JOURNAL}/ and in {ARCHIVE}/, alike")
        else:
            text = f"it stands in {JOURNAL}/ and in {ARCHIVE}/, and they differ"
            yield Flaw(name_of(number), 0, text, torn=False)


def _check_owner(header: Header, bot: str, mark: Identity | None) -> None:
    if header.version != FORMAT:
        raise ForeignJournal(
            f"the journal of {header.bot} is of format {header.version}, this program writes {FORMAT}: start it "
            "with the version that wrote it"
        )
    if header.bot != bot:
        raise _foreign(header.bot, bot)
    if mark is not None and mark.run_root != header.run_root:
        raise ForeignJournal(
            f"{name_of(header.number)} is of another journal than the one that began in this folder (run root "
            f"{header.run_root.hex()}, the file `{IDENTITY}` says {mark.run_root.hex()}): put the segments back that "
            "belong here, or move the whole folder away to begin anew"
        )


def _foreign(there: str, bot: str) -> ForeignJournal:
    return ForeignJournal(
        f"this folder holds the journal of bot {there!r}, not of {bot!r}: client ids and orders belong to one bot for "
        "ever; name another `data` folder in [bot], or give the bot its name back"
    )

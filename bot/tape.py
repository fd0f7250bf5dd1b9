"""Records the input tape of a bot's run: `ganglion run --tape DIR`.

A tape is a folder, readable by its owner only:

    tape.json        what ran: versions, the seed, where the journal and the configuration stood
    bot.toml         the configuration, with its secrets' places and without their values
    start/           the journal as it was when the bot opened it
    turns.tape       every turn of every dispatcher, and every message that came from outside
    end.json         the files of the journal after a clean end, by size and digest

Called by run.py, which builds the bot through it. What a tape means is in supervision/tape/, its replay in
tape_replay.py.
"""

from __future__ import annotations

import hashlib
import platform
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from ganglion.actors.exchange.venue import ReplyTo, Venue
from ganglion.actors.trading.journal.device import ARCHIVE, JOURNAL, Device
from ganglion.actors.trading.journal.identity import IDENTITY
from ganglion.bot.config import BotConfig, ExchangeConfig
from ganglion.bot.data_folder import live_folder
from ganglion.bot.process import Bot, build
from ganglion.bot.tape_file import TapeError, TapeFile
from ganglion.bot.venues import VenueMaker, Venues, make_venues
from ganglion.messages.venue import VenueRequest
from ganglion.supervision import System
from ganglion.supervision.tape import FORMAT, Recorder, TapedSystem

HEADER, CONFIG, TURNS, START, END = "tape.json", "bot.toml", "turns.tape", "start", "end.json"
BUILD = "build"
"""The step in which a bot is built; it reads the clock."""
MUTED = frozenset({"projection"})
"""It reads and writes files, and leads to nothing that trades."""
_SEED_BITS = 200
"""Client ids come from it: nobody may guess the next one."""
_FOLDER, _FILE = 0o700, 0o600


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What ran."""

    format: int
    ganglion: str
    python: str
    ccxt: str
    seed: str
    """In hexadecimal digits."""
    bot: str
    source: str
    """The configuration's file: modes that it names by their file are found beside it."""
    data: str
    """The bot's own folder."""


class JournalFile(msgspec.Struct, frozen=True):
    """One file of a journal."""

    size: int
    sha256: str


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What a clean end left."""

    reason: str
    """Why the recording was over."""
    turns: int
    files: dict[str, JournalFile]
    """Of the journal, by name."""


class OutsideVenue:
    """A venue whose replies come from outside, even where it gives them at once."""

    def __init__(self, venue: Venue, recorder: Recorder, tag: bytes) -> None:
        """Stand before a venue."""
        self._venue = venue
        self._recorder = recorder
        self._tag = tag

    def submit(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """See `Venue`."""
        self._recorder.note(self._tag, request)
        with self._recorder.away():
            self._venue.submit(request, reply_to)


class Taping:
    """One recording, from before the system is made until after its journal is closed."""

    def __init__(self, config: BotConfig, folder: Path) -> None:
        """Begin a tape.

        Raises:
            TapeError: the folder holds something, or can't be written to.
        """
        self._config = config
        self._folder = folder
        self._seed = secrets.randbits(_SEED_BITS)
        try:
            folder.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise TapeError(f"--tape: {folder} holds something already: name a new folder")
            folder.chmod(_FOLDER)
            _write(folder / HEADER, msgspec.json.format(msgspec.json.encode(self._header()), indent=2))
            _write(folder / CONFIG, _without_secrets(config).encode())
            self._file = TapeFile(folder / TURNS)
        except OSError as error:
            raise TapeError(f"--tape: {folder} can't be written to ({error.strerror or error})") from error
        self.recorder = Recorder(self._file, MUTED)

    def _header(self) -> Header:
        return Header(
            format=FORMAT,
            ganglion=version_of("ganglion"),
            python=platform.python_version(),
            ccxt=version_of("ccxt"),
            seed=f"{self._seed:x}",
            bot=self._config.bot.name,
            source=str(self._config.source.resolve()),
            data=str(self._config.data.resolve()),
        )

    def system(self) -> System:
        """The system whose tape it is."""
        return TapedSystem(self.recorder, self._seed, hang_s=self._config.bot.hang_s)

    def build(self, system: System) -> Bot:
        """Build the bot in it; see `process.build`."""
        with self.recorder.step(BUILD):
            return build(self._config, system, self._open_device, self._make_venues)

    def _open_device(self, folder: Path) -> Device:
        device = live_folder(folder)
        try:
            keep_files(device, self._folder / START)
        except OSError as error:
            device.close()
            raise TapeError(f"--tape: the journal can't be copied to {self._folder} ({error.strerror})") from error
        return device

    def _make_venues(self, exchanges: Mapping[str, ExchangeConfig], system: System) -> Venues:
        made = make_venues(exchanges, system)
        return Venues({name: self._outside(name, maker) for name, maker in made.makers.items()}, made.closing)

    def _outside(self, name: str, make: VenueMaker) -> VenueMaker:
        return lambda: OutsideVenue(make(), self.recorder, name.encode())

    def finish(self) -> None:
        """After the journal was closed: write down what it is, and end the tape; twice is once."""
        self.recorder.close("the system was never started")
        self._file.close()
        end = End(reason=self.recorder.reason, turns=self.recorder.turns, files=files_of(self._config.data))
        _write(self._folder / END, msgspec.json.format(msgspec.json.encode(end), indent=2))


@contextmanager
def taping(config: BotConfig, folder: Path | None) -> Iterator[Taping | None]:
    """Record what is run in the block, where a folder is given.

    Raises:
        TapeError: it holds something, or can't be written to.
    """
    if folder is None:
        yield None
        return
    tape = Taping(config, folder)
    try:
        yield tape
    finally:
        tape.finish()


def version_of(package: str) -> str:
    """The installed version of a package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def keep_files(device: Device, folder: Path) -> None:
    """Copy all files of a journal, as they are before it is opened."""
    for part in (JOURNAL, ARCHIVE):
        (folder / part).mkdir(mode=_FOLDER, parents=True)
    folder.chmod(_FOLDER)
    for part in (JOURNAL, ARCHIVE):
        for name in device.names(part):
            _write(folder / part / name, device.read(f"{part}/{name}"))
    try:
        _write(folder / IDENTITY, device.read(IDENTITY))
    except FileNotFoundError:
        return  # no journal has begun here


def files_of(folder: Path) -> dict[str, JournalFile]:
    """The files of a journal in a bot's folder, or in a tape's copy of it."""
    return {name: described(data) for name, data in read_files(folder).items()}


def read_files(folder: Path) -> dict[str, bytes]:
    """Those files and what they hold; none where there is no such folder."""
    paths = [path for part in (JOURNAL, ARCHIVE) for path in sorted((folder / part).glob("*"))]
    paths += [folder / IDENTITY] if (folder / IDENTITY).exists() else []
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def described(data: bytes) -> JournalFile:
    """A file of a journal, by size and digest."""
    return JournalFile(len(data), hashlib.sha256(data).hexdigest())


def _without_secrets(config: BotConfig) -> str:
    """The configuration's text: secrets stand there by reference, and one in a file is not looked for again."""
    text = config.scrubber.scrub(config.source.read_text(encoding="utf-8"))
    return re.sub(r"""(["'])file:""", r"\1env:file-", text)


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=_FILE)
    path.write_bytes(data)

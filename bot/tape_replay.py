"""Replays the input tape of a bot's run: `ganglion replay DIR`, for a folder that `ganglion run --tape` wrote.

The very bot is built again, with its seed, its configuration and its journal as it was, on one thread and on nobody's
network: what came from outside comes from the tape. Its journal is in memory; the live one is only compared with.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from ganglion.actors.exchange.venue import ReplyTo
from ganglion.actors.trading.journal.device import ARCHIVE, JOURNAL
from ganglion.actors.trading.journal.identity import IDENTITY
from ganglion.bot.config import BotConfig, ExchangeConfig, parse
from ganglion.bot.process import Bot, build
from ganglion.bot.tape import (
    BUILD,
    CONFIG,
    END,
    HEADER,
    START,
    TURNS,
    End,
    Header,
    described,
    read_files,
    version_of,
)
from ganglion.bot.tape_file import TapeError, TapeReader, read_tape
from ganglion.bot.venues import VenueMaker, Venues
from ganglion.messages import orders
from ganglion.messages.base import Message
from ganglion.messages.venue import VenueRequest
from ganglion.simulation.disk import MemoryDisk
from ganglion.supervision import StartError, System
from ganglion.supervision.tape import FORMAT, REFUSED, Divergence, Replayer, ReplaySystem, TapeEnded

ORDER_LINE = tuple(
    kind
    for kind in vars(orders).values()
    if isinstance(kind, type) and issubclass(kind, Message) and kind.__module__ == orders.__name__
)
"""Messages about orders, fills and an account."""
STOPPED = "the system stopped"
"""What a recording that was not cut short ends with."""
_DIFFERENCES = 3


@dataclass
class TapeOutcome:
    """How a replay went."""

    turns: int = 0
    ended: str = ""
    """Why the recording was over; empty where the tape was torn, or not replayed to its end."""
    stopped: bool = False
    """There is more on the tape, behind the turn at which it was to stop."""
    torn: str = ""
    """Where the tape breaks off; empty where its file ends there as if it were whole."""
    damage: str = ""
    """What shows that the tape is not all that was recorded; empty where nothing does."""
    divergence: str = ""
    """Where the replay did something else than the run; empty where it did not."""
    order_line: Counter[str] = field(default_factory=Counter)
    """Messages about orders that actors sent, by type: each was compared, with its content."""
    order_digest: str = ""
    """sha256 over them, receivers included: the same for the same tape and code."""
    requests: Counter[str] = field(default_factory=Counter)
    """What would have gone to venues, by type."""
    journal: str = ""
    """What the journal was compared with, and how it went."""
    journal_differs: bool = False
    notices: tuple[str, ...] = ()
    """What else is worth knowing: another version replays."""

    @property
    def same(self) -> bool:
        """The run was repeated, as far as the tape goes."""
        return not self.divergence and not self.journal_differs

    @property
    def good(self) -> bool:
        """The run was repeated, and nothing of the tape was lost after it was recorded."""
        return self.same and not self.damage

    @property
    def how_far(self) -> str:
        """Where the replay came to its end."""
        if self.stopped:
            return f"stopped at turn {self.turns}, as asked"
        return f"recorded until: {self.ended or 'the tape breaks off' + (f' ({self.torn})' if self.torn else '')}"

    def lines(self) -> list[str]:
        """All of it for people."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.order_line.items())) or "none"
        verdict = f"DIVERGED at {self.divergence}" if self.divergence else "every turn sent what it sent then"
        return [
            *self.notices,
            *([f"DAMAGED: {self.damage}"] if self.damage else []),
            f"{self.turns} turns replayed; {self.how_far}",
            verdict,
            f"order line: {kinds}; sha256 {self.order_digest[:16]}",
            f"requests not sent to any venue: {sum(self.requests.values())}",
            f"journal: {self.journal}",
        ]


class TapeVenue:
    """A venue that hears requests and answers nothing: replies come from the tape."""

    def __init__(self, replayer: Replayer, tag: bytes, requests: Counter[str]) -> None:
        """Count what is asked."""
        self._replayer = replayer
        self._tag = tag
        self._requests = requests

    def submit(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """See `Venue`."""
        self._replayer.note(self._tag, request)
        self._requests[type(request).__name__] += 1


class _Names(dict[str, str]):
    """Every secret's value is its place: nothing is sent, and no two differ less than they did."""

    def get(self, name: str, default: str | None = None) -> str:  # type: ignore[override]
        return f"(the value of {name})"


def is_tape(folder: Path) -> bool:
    """Whether a folder was written by `ganglion run --tape`."""
    return (folder / HEADER).is_file() and (folder / TURNS).is_file()


def replay_tape(folder: Path, *, until: int | None = None, tell: Callable[[str], None] | None = None) -> TapeOutcome:
    """Repeat a recorded run.

    Args:
        folder: the tape.
        until: the last turn to replay; None goes to its end.
        tell: hears a line for each turn: its number, the clock, the actor and what it handles.

    Raises:
        TapeError: it is no tape, not a whole one (a file of its folder is missing), or not one that this version reads.
        ConfigError: what its configuration names (a mode's file) is not there any more.
    """
    header = _header(folder)
    outcome = TapeOutcome(notices=_notices(header))
    end, records = _end(folder), read_tape(folder / TURNS)
    replayer = Replayer(records, tell, until)
    digest = hashlib.sha256()

    def sent(path: str, message: Message) -> None:
        if isinstance(message, ORDER_LINE):
            outcome.order_line[type(message).__name__] += 1
            digest.update(path.encode() + msgspec.msgpack.encode(message))

    replayer.on_sent = sent
    disk = _disk(folder / START)
    with tempfile.TemporaryDirectory(prefix="ganglion-replay-") as elsewhere, _quietly():
        config = _config(folder, header, Path(elsewhere))
        try:
            _run(config, header, replayer, disk, outcome)
        except (Divergence, TapeEnded, StartError) as error:
            cut = isinstance(error, TapeEnded) and not replayer.ended
            outcome.divergence = "" if cut else str(error)
    outcome.turns, outcome.ended, outcome.stopped = replayer.turns, replayer.ended, replayer.cut
    outcome.order_digest = digest.hexdigest()
    if not (outcome.ended or outcome.stopped or outcome.divergence):
        _breaks_off(records, end, outcome)
    _compare(end, header, disk, outcome)
    return outcome


def _breaks_off(records: TapeReader, end: End | None, outcome: TapeOutcome) -> None:
    """Tell a tape whose writer was killed, or took no more, from one that has lost something since."""
    outcome.torn = records.flaw
    if end is not None and end.reason == REFUSED and not records.damaged:
        outcome.ended = end.reason
    elif end is not None:
        why = records.flaw or f"{TURNS} ends there, and the run did not"
        outcome.damage = f"{outcome.turns} of {end.turns} turns can be read: {why}"
    elif records.damaged:
        outcome.damage = f"{outcome.turns} turns can be read: {records.flaw}"


def _run(config: BotConfig, header: Header, replayer: Replayer, disk: MemoryDisk, outcome: TapeOutcome) -> None:
    system = ReplaySystem(replayer, int(header.seed, 16))

    def maker(name: str) -> VenueMaker:
        return lambda: TapeVenue(replayer, name.encode(), outcome.requests)

    def venues(exchanges: Mapping[str, ExchangeConfig], _: System) -> Venues:
        return Venues({name: maker(name) for name in exchanges}, ExitStack())

    with replayer.step(BUILD):
        bot: Bot = build(config, system, lambda _: disk, venues)
    replayer.run()
    if replayer.ended == STOPPED:
        # What the live bot did last, after its tape.
        bot.journal.close()


def _header(folder: Path) -> Header:
    try:
        header = msgspec.json.decode((folder / HEADER).read_bytes(), type=Header)
    except OSError as error:
        raise TapeError(f"{folder} is no tape: {HEADER} can't be read ({error.strerror or error})") from error
    except msgspec.MsgspecError as error:
        raise TapeError(f"{folder} is no tape that this version reads: {HEADER}: {error}") from error
    if header.format != FORMAT:
        raise TapeError(f"{folder} is of format {header.format}, this version replays {FORMAT}")
    return header


def _notices(header: Header) -> tuple[str, ...]:
    here = version_of("ganglion")
    if header.ganglion == here:
        return ()
    return (f"recorded by ganglion {header.ganglion}, replayed by {here}: it may differ for that alone",)


def _config(folder: Path, header: Header, elsewhere: Path) -> BotConfig:
    """The configuration as it was, with a data folder of its own: nothing of the live bot's is touched."""
    try:
        text = (folder / CONFIG).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TapeError(f"{folder} is no whole tape: {CONFIG} can't be read ({_why(error)})") from error
    config = parse(text, Path(header.source), _Names())
    table = config.bot.model_copy(update={"data": str(elsewhere / "data")})
    return msgspec.structs.replace(config, bot=table)


def _end(folder: Path) -> End | None:
    """What a clean end left; None where the run was killed."""
    try:
        return msgspec.json.decode((folder / END).read_bytes(), type=End)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise TapeError(f"{folder} is no whole tape: {END} can't be read ({_why(error)})") from error


def _disk(start: Path) -> MemoryDisk:
    if not start.is_dir():
        why = "the run ended before it opened its journal, or the folder was not copied whole"
        raise TapeError(f"{start.parent} can't be replayed: there is no {START}/ in it ({why})")
    disk = MemoryDisk()
    try:
        for name, data in read_files(start).items():
            disk.replace(name, data)
    except OSError as error:
        raise TapeError(f"{start.parent} is no whole tape: {START}/ can't be read ({_why(error)})") from error
    return disk


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _files_on(disk: MemoryDisk) -> dict[str, bytes]:
    files = {f"{part}/{name}": disk.read(f"{part}/{name}") for part in (JOURNAL, ARCHIVE) for name in disk.names(part)}
    try:
        return files | {IDENTITY: disk.read(IDENTITY)}
    except FileNotFoundError:
        return files


def _compare(end: End | None, header: Header, disk: MemoryDisk, outcome: TapeOutcome) -> None:
    """Hold the replayed journal against what the run left."""
    here = _files_on(disk)
    if outcome.ended == STOPPED and end is not None:
        left = end.files
        found = {name: described(data) for name, data in here.items()}
        wrong = sorted(name for name in {*left, *found} if left.get(name) != found.get(name))
        outcome.journal = f"{len(left)} files with the bytes that the run left"
    else:
        live = read_files(Path(header.data))
        wrong = sorted(name for name, data in here.items() if not _begins(live, name, data)) if live else []
        size = sum(map(len, here.values()))
        outcome.journal = (
            f"its {size} bytes are what the live one in {header.data} begins with"
            if live
            else f"not compared: this is not the end of the run, and there is none in {header.data}"
        )
    if wrong:
        outcome.journal_differs = True
        outcome.journal = f"DIFFERS from the run's in {', '.join(wrong[:_DIFFERENCES])}"


def _begins(live: Mapping[str, bytes], name: str, data: bytes) -> bool:
    """Whether the live journal, which may have gone on, has these bytes at the beginning of that file."""
    if name == IDENTITY:
        return True  # it tells how far the journal has come
    _, _, file = name.rpartition("/")
    return any(live.get(f"{part}/{file}", b"").startswith(data) for part in (JOURNAL, ARCHIVE) if data)


@contextmanager
def _quietly() -> Iterator[None]:
    """Let the replayed bot's log, which was read long ago, be."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)

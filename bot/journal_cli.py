"""`ganglion journal show | verify | export | rebuild`: what a bot's journal says, for people and for other tools.

Registered by cli.py; nothing heavy is imported up here. All but `rebuild` only read, also beside a bot that is running.
Exit codes: 0 ok, 1 the journal is damaged, 2 there is none or it can't be used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ganglion.bot.durations import DurationError, parse_duration
from ganglion.bot.errors import BotError, ExitCode

if TYPE_CHECKING:
    from ganglion.actors.trading.orders.line import Line
    from ganglion.bot.projection.projector import Projector
    from ganglion.bot.projection.telling import Told
    from ganglion.bot.projection.verifying import Verdict


def _help(text: str, *examples: str) -> str:
    """Help with examples that are not wrapped, as all commands have it."""
    return "\n\n".join([text, "\b\n" + "\n".join(["Examples:", *(f"  {example}" for example in examples)])])


journal_app = typer.Typer(
    name="journal",
    help=_help(
        "Read a bot's journal.\n\nIt holds every intent, answer, fill and decision that the bot made durable.",
        "ganglion journal show bot.toml --last 20          the newest entries",
        "ganglion journal show bot.toml --order 5f3k2      one order's whole life",
        "ganglion journal verify bot.ganglion              is every byte and every sum right?",
        "ganglion journal export bot.toml --what fills --format csv --out fills.csv",
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Form(StrEnum):
    """What an export looks like."""

    JSONL = "jsonl"
    CSV = "csv"


class What(StrEnum):
    """What can be exported: tables of the projection, and the records."""

    ORDERS = "orders"
    ORDER_STATES = "order_states"
    FILLS = "fills"
    TRADES = "trades"
    BALANCES = "balances"
    TRANSACTIONS = "transactions"
    TRADING_STATES = "trading_states"
    EPOCHS = "epochs"
    EVENTS = "events"
    DAYS = "days"
    POSITIONS = "positions"
    FEES = "fees"
    RECORDS = "records"


Data = Annotated[Path, typer.Argument(metavar="DATA", help="A bot's data folder, or its bot.toml.", show_default=False)]


@journal_app.command(
    help=_help(
        "Show what a bot's journal says.\n\n"
        "One line an entry: time (UTC), account, what it is, what it says, and after an arrow what followed. "
        "With --order it tells the whole life of one order.",
        "ganglion journal show bot.toml --last 20",
        "ganglion journal show bot.ganglion --since 10m --account alpha --mode grid",
        "ganglion journal show bot.ganglion --since 2026-01-31T12:00",
        "ganglion journal show bot.ganglion --order gN5QZ2...      a client id, an intent or a venue's id",
    )
)
def show(
    data: Data,
    *,
    account: Annotated[str | None, typer.Option(help="Only this exchange's; bot is the bot's own events.")] = None,
    mode: Annotated[str | None, typer.Option(help="Only what is about this mode.")] = None,
    order: Annotated[str | None, typer.Option(metavar="ID", help="One order: client id, intent or venue's id.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on: 10m (ago), or 2026-01-31T12:00 (UTC).")
    ] = None,
    last: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the newest N.")] = None,
) -> None:
    """See its help."""
    folder = data_folder(data)
    since_ms = None if since is None else _time_ms(since)
    if order is not None:
        _tell_story(folder, order)
        return
    own = "" if account == "bot" else account
    if not _print(_lines(folder, own, mode, since_ms), last):
        typer.echo("nothing in the journal matches", err=True)


@journal_app.command(
    help=_help(
        "Say everything that is wrong with a journal.\n\n"
        "Every frame and checksum, header, record and checkpoint, the order of the segments, and the invariants of the "
        "ledger that they make: each fill once, never more filled than asked, client ids unique, no money made up.\n\n"
        "Exit code 1 if anything is wrong; it says what, where, and what to do. It may run beside a bot.",
        "ganglion journal verify bot.toml",
        "ganglion journal verify bot.ganglion",
    )
)
def verify(data: Data) -> None:
    """See its help."""
    from ganglion.bot.projection.following import size_of  # noqa: PLC0415
    from ganglion.bot.projection.verifying import Verifier  # noqa: PLC0415

    folder = data_folder(data)
    with clear_errors(), _progress("verifying", size_of(folder)) as advance:
        verdict = Verifier(folder).run(advance)
    _say_verdict(folder, verdict)
    if verdict.mistakes:
        raise typer.Exit(ExitCode.FAILED)


@journal_app.command(
    help=_help(
        "Write a journal as JSON lines or CSV.\n\n"
        "Money is exact text. It is made from the journal itself, whatever became of projection.sqlite. "
        "docs/projection.md has the columns.",
        "ganglion journal export bot.toml --what fills --format csv --out fills.csv",
        "ganglion journal export bot.ganglion --what orders | jq 'select(.open == 1)'",
    )
)
def export(
    data: Data,
    *,
    what: Annotated[What, typer.Option(help="What to write.")] = What.FILLS,
    form: Annotated[Form, typer.Option("--format", help="How.")] = Form.JSONL,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to. [default: standard output]")] = None,
) -> None:
    """See its help."""
    from ganglion.bot.projection.exporting import export as write  # noqa: PLC0415
    from ganglion.bot.projection.following import size_of  # noqa: PLC0415

    folder = data_folder(data)
    with clear_errors(), _progress("reading", size_of(folder)) as advance:
        watch = _watch(folder, advance)
        if out is None:
            write(folder, what.value, form.value, sys.stdout, watch)
            return
        partial = out.with_name(out.name + ".partial")
        try:
            with partial.open("w", encoding="utf-8", newline="") as file:
                count = write(folder, what.value, form.value, file, watch)
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
    typer.echo(f"{out}: {count} {what.value}", err=True)


@journal_app.command(
    help=_help(
        "Make projection.sqlite anew.\n\n"
        "The old one stays until the new one is whole. A running bot keeps its projection itself; with --out a second "
        "one can be made beside it.",
        "ganglion journal rebuild bot.toml",
        "ganglion journal rebuild bot.ganglion --out copy.sqlite",
    )
)
def rebuild(
    data: Data,
    *,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it here instead.")] = None,
) -> None:
    """See its help."""
    import time  # noqa: PLC0415

    from ganglion.bot.projection.database import FILE  # noqa: PLC0415
    from ganglion.bot.projection.following import size_of  # noqa: PLC0415
    from ganglion.bot.projection.rebuilding import rebuild as make  # noqa: PLC0415

    folder = data_folder(data)
    began_s = time.monotonic()
    with clear_errors(), _progress("rebuilding", size_of(folder)) as advance:
        count = make(folder, out, _watch(folder, advance))
    typer.echo(f"{out or folder / FILE}: {count} entries of the journal in {time.monotonic() - began_s:.1f} s")


# ------------------------------------------------------------------ which journal


def data_folder(path: Path) -> Path:
    """The data folder that an argument means."""
    if path.suffix == ".toml" or path.is_file():
        path = _configured(path)
    if not path.exists():
        _fail(f"{path} is not there: give a bot's data folder, or its bot.toml")
    candidates = [path, path.parent] if path.name in {"journal", "archive"} else [path]
    try:
        found = [folder for folder in candidates if _holds_journal(folder)]
    except OSError as error:
        _fail(f"{error.filename} can't be read: {error.strerror or error}")
    if not found:
        _fail(
            f"{path} holds no journal: a bot keeps it in the folder `data` of [bot], NAME.ganglion beside its bot.toml"
        )
    return found[0]


def _holds_journal(folder: Path) -> bool:
    if (folder / "identity").is_file():
        # One began here: that nothing is left of it is for the command to say.
        return True
    places = [folder / "journal", folder / "archive"]
    return any(path.suffix == ".log" for place in places if place.is_dir() for path in place.iterdir())


def _configured(path: Path) -> Path:
    """The data folder that a bot.toml names; the rest of it need not be right to read a journal."""
    import tomllib  # noqa: PLC0415

    try:
        bot = tomllib.loads(path.read_text(encoding="utf-8")).get("bot", {})
    except OSError as error:
        _fail(f"{path} can't be read: {error.strerror or error}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        _fail(f"{path} is no bot.toml ({error}): give a bot's data folder, or its bot.toml")
    name = bot.get("name", "bot")
    return path.parent / str(bot.get("data") or f"{name}.ganglion")


def _time_ms(text: str) -> int:
    """A time as people write it: a duration ago, or a date with or without a time of day (UTC)."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    try:
        at = datetime.now(UTC) - timedelta(seconds=parse_duration(text))
    except DurationError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            _fail(f'--since {text}: write "10m" for ten minutes ago, or "2026-01-31T12:00" (UTC)')
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return int(at.timestamp() * 1000)


# ------------------------------------------------------------------ showing


def _lines(folder: Path, account: str | None, mode: str | None, since_ms: int | None) -> Iterator[str]:
    from ganglion.bot.projection.replaying import replay_journal  # noqa: PLC0415
    from ganglion.bot.projection.telling import tell  # noqa: PLC0415

    for step, _ in replay_journal(folder):
        if (account is None or step.entry.account == account) and step.entry.time_ms >= (since_ms or 0):
            told = tell(step)
            if mode is None or mode in told.modes:
                yield told.line()


def _print(lines: Iterator[str], last: int | None) -> int:
    """Print all lines, or the last; also where the journal can't be read to its end, what comes before is shown."""
    from collections import deque  # noqa: PLC0415

    kept: deque[str] = deque(maxlen=last)
    count = 0
    try:
        with clear_errors():
            for count, line in enumerate(lines, 1):  # noqa: B007 - how many is the answer
                if last is None:
                    typer.echo(line)
                else:
                    kept.append(line)
    finally:
        for line in kept:
            typer.echo(line)
    return count


def _tell_story(folder: Path, name: str) -> None:
    from ganglion.bot.projection.replaying import replay_journal  # noqa: PLC0415
    from ganglion.bot.projection.telling import is_called, story, tell  # noqa: PLC0415

    lines: dict[tuple[str, str], Line] = {}
    told: dict[tuple[str, str], list[Told]] = {}
    with clear_errors():
        for step, _ in replay_journal(folder):
            if step.ledger is None:
                continue
            entry = tell(step)
            for client_id in entry.client_ids:
                key = (entry.account, client_id)
                told.setdefault(key, []).append(entry)
                # A ledger forgets lines that were over long ago.
                if client_id in step.ledger.lines:
                    lines[key] = step.ledger.lines[client_id]
    found = {key: line for key, line in lines.items() if is_called(line, name)}
    if not found:
        _fail(f"no order in this journal has client id, intent or venue id {name!r}")
    for (account, client_id), line in found.items():
        for text in story(account, line, told[account, client_id]):
            typer.echo(text)


def _say_verdict(folder: Path, verdict: Verdict) -> None:
    from ganglion.bot.projection.telling import time_text  # noqa: PLC0415

    accounts = ", ".join(verdict.accounts) or "no account"
    span = f", {time_text(verdict.first_ms)} to {time_text(verdict.last_ms)}" if verdict.entries else ""
    typer.echo(
        f"journal of bot {verdict.bot or '(unknown)'} in {folder}: {_count(verdict.segments, 'segment')}, "
        f"{_count(verdict.entries, 'entry', 'entries')} of {accounts}{span}"
    )
    for note in verdict.notes:
        typer.echo(f"note: {note}")
    for mistake in verdict.mistakes:
        typer.echo(f"WRONG {mistake}")
    if verdict.left_out:
        typer.echo(f"... and {verdict.left_out} more")
    if not verdict.mistakes:
        typer.echo("ok: every frame, record and checkpoint can be read, and the ledgers that they make hold")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


# ------------------------------------------------------------------ beside it


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, for journals that take a while and only on a terminal."""
    if total < _WORTH_A_BAR or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


_WORTH_A_BAR = 2_000_000
"""Bytes."""


def _watch(folder: Path, advance: Callable[[int], None]) -> Callable[[Projector], None]:
    """Turn a projector's place into bytes done."""
    from ganglion.actors.trading.journal.reader import segment_files  # noqa: PLC0415

    sizes = {number: path.stat().st_size for number, path in segment_files(folder).items()}

    def watch(projector: Projector) -> None:
        segment, offset = projector.database.position
        advance(sum(size for number, size in sizes.items() if number < segment) + offset)

    return watch


@contextmanager
def clear_errors() -> Iterator[None]:
    """What can be wrong with a journal, as one sentence and an exit code."""
    from ganglion.actors.trading.orders.checkpoint import CheckpointError  # noqa: PLC0415
    from ganglion.actors.trading.orders.ledger import LedgerError  # noqa: PLC0415
    from ganglion.actors.trading.orders.records import RecordError  # noqa: PLC0415
    from ganglion.bot.projection.events import EventError  # noqa: PLC0415
    from ganglion.bot.projection.following import JournalGap  # noqa: PLC0415

    try:
        yield
    except (JournalGap, RecordError, LedgerError, CheckpointError, EventError) as error:
        _fail(f"{error}; `ganglion journal verify` says everything that is wrong", ExitCode.FAILED)
    except BotError as error:
        _fail(str(error), ExitCode.CONFIGURATION)
    except BrokenPipeError:
        raise
    except OSError as error:
        _fail(f"{error.filename or 'a file'} can't be used: {error.strerror or error}")


def _fail(text: str, code: ExitCode = ExitCode.CONFIGURATION) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)

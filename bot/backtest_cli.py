"""`ganglion backtest`: trade a configuration on recorded data, and say what came of it.

Registered by cli.py; nothing heavy is imported up here. Exit codes: 0 ok, 1 an invariant was violated (or with
--check: something is wrong with the data), 2 configuration, data or arguments, 3 a mode was halted, 130 second SIGINT.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ganglion.bot.cli_options import Config
from ganglion.bot.errors import BotError, ConfigError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from ganglion.bot.config import BotConfig
    from ganglion.simulation.figures import RunRecord

TEXT = (
    "Trade a configuration on recorded data.\n\n"
    "The very actors that trade live, in the data's own time: nothing leaves this process, no secret is read. How "
    "orders are filled stands in the table [backtest] of the configuration. --data is a file or a folder: bars or "
    "trades as CSV (also .gz), parquet, or what `ganglion record` wrote.\n\n"
    "Ctrl-C ends it with what there is by then."
)
EXAMPLES = (
    "ganglion backtest bot.toml --data btc-1m.csv.gz --report report.html",
    "ganglion backtest bot.toml --data recorded/ --from 2024-01-01 --to 2024-02-01 --summary summary.json",
    "ganglion backtest bot.toml --data recorded/ --check        what is in the data, and what is wrong with it",
)


def moment(text: str) -> int:
    """Milliseconds since 1970 of a date that a person wrote; without a zone it is UTC.

    Raises:
        BadParameter: it is none.
    """
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date: write 2024-01-31 or 2024-01-31T12:00") from None
    return round((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000)


Data = Annotated[Path, typer.Option("--data", metavar="PATH", help="A file of data, or a folder with all in it.")]
From = Annotated[int | None, typer.Option("--from", metavar="DATE", parser=moment, help="Begin here (UTC).")]
To = Annotated[int | None, typer.Option("--to", metavar="DATE", parser=moment, help="End before this (UTC).")]
Summary = Annotated[Path | None, typer.Option("--summary", metavar="FILE", help="Write a JSON summary.")]
Report = Annotated[Path | None, typer.Option("--report", metavar="FILE.html", help="Write a report with charts.")]
Check = Annotated[bool, typer.Option("--check", help="Look at the data and trade nothing.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of everything that modes draw.")]


def register(app: typer.Typer, write_help: Callable[..., str]) -> None:
    """Add the command to the command line; `write_help` makes a help text of a text and examples."""
    app.command("backtest", help=write_help(TEXT, *EXAMPLES))(backtest)


def backtest(
    config: Config,
    *,
    data: Data,
    from_ms: From = None,
    to_ms: To = None,
    summary: Summary = None,
    report: Report = None,
    check: Check = False,
    seed: Seed = 0,
) -> None:
    """See its help."""
    if check:
        _look(data)
    _check_files(summary, report)
    from ganglion.bot.backtest import BacktestOptions, Prepared  # noqa: PLC0415
    from ganglion.bot.backtest_data import load  # noqa: PLC0415
    from ganglion.bot.world import read  # noqa: PLC0415
    from ganglion.simulation.backtest import BacktestError  # noqa: PLC0415
    from ganglion.simulation.campaign.quiet import be_quiet  # noqa: PLC0415
    from ganglion.simulation.data import DataError  # noqa: PLC0415

    try:
        loaded = read(config)
        series = load(loaded, data, from_ms, to_ms)
        be_quiet()
        ended = Ended()
        prepared = Prepared(loaded, series, BacktestOptions(data, from_ms, to_ms, seed, wants_end=lambda: ended.wanted))
        record = ended.drive(prepared.run, prepared.tell_progress)
    except ConfigError as error:
        _fail(str(error))
    except DataError as error:
        _fail(f"--data: {error}")
    except BacktestError as error:
        _fail(str(error))
    except BotError as error:
        _fail(str(error), error.code)
    record.configuration = _text_of(loaded)
    raise typer.Exit(_tell(record, summary, report))


class Ended:
    """Shows a run's progress, and lets Ctrl-C end it."""

    def __init__(self) -> None:
        self.wanted = False

    def drive(self, run: Callable[[], RunRecord], hear: Callable[[Callable[[int, int], None]], None]) -> RunRecord:
        """Run it under a progress bar on standard error, where somebody sees it."""
        import threading  # noqa: PLC0415

        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        from ganglion.bot.run import signals  # noqa: PLC0415

        stop = threading.Event()
        console = Console(stderr=True)
        columns = (TextColumn("{task.fields[what]}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with (
            signals(stop),
            Progress(
                *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
            ) as progress,
        ):
            task = progress.add_task("", what="rows", total=None)

            def told(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total, what=f"{done:,} rows")
                self.wanted = stop.is_set()

            hear(told)
            return run()


def _look(data: Path) -> NoReturn:
    from ganglion.simulation.data.checking import look  # noqa: PLC0415

    found = look(data)
    typer.echo(str(found))
    raise typer.Exit(ExitCode.OK if found.good else ExitCode.FAILED)


def _tell(record: RunRecord, summary: Path | None, report: Path | None) -> ExitCode:
    from ganglion.simulation.figures import ReportError, figures, print_summary, summary_json, write_report  # noqa: PLC0415

    run = figures(record)
    print_summary(record, run, _console())
    try:
        if summary is not None:
            summary.write_bytes(summary_json(record, run))
        if report is not None:
            write_report(record, run, report)
    except ReportError as error:
        _fail(f"--report: {error}")
    except OSError as error:
        _fail(f"--summary: {summary} can't be written: {error.strerror or error}")
    if record.violations:
        return ExitCode.FAILED
    return ExitCode.HALTED if any(mode.cause for mode in record.modes) else ExitCode.OK


def _check_files(summary: Path | None, report: Path | None) -> None:
    from ganglion.bot.summary import check_writable  # noqa: PLC0415

    for option, path in (("--summary", summary), ("--report", report)):
        if path is None:
            continue
        try:
            check_writable(path)
        except OSError as error:
            _fail(f"{option}: {path} can't be written ({error.strerror or error}): name a file in a folder of yours")


def _text_of(config: BotConfig) -> str:
    try:
        return config.scrubber.scrub(config.source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)


def _fail(text: str, code: ExitCode = ExitCode.CONFIGURATION) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)

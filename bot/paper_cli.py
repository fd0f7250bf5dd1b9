"""`ganglion paper`: trade a configuration on live market data with simulated orders, and say what came of it.

Registered by cli.py; nothing heavy is imported up here. Exit codes as `ganglion run`: 0 ok, 1 an invariant was violated
or balances differ, 2 configuration or arguments, 3 halted, 130 a second SIGINT.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ganglion.bot.cli_options import Config, For, LogFormat
from ganglion.bot.errors import BotError, ConfigError, ExitCode

if TYPE_CHECKING:
    from ganglion.bot.config import BotConfig
    from ganglion.simulation.figures import RunRecord

TEXT = (
    "Trade on live data with simulated orders.\n\n"
    "The very bot that `ganglion run` runs, on the public streams of the configured exchanges. No key is needed and "
    "none is read, no order leaves this process: a matching engine fills them on the live books and trades, as the "
    "table [backtest] of the configuration says (fees, latency_s, slippage_pct, participation, touch_fills, queue).\n\n"
    "Each account opens with [exchanges.NAME.simulated] balances, anew with every run. The journal stands in a folder "
    "of its own, NAME.paper beside the configuration, which a live run refuses; `ganglion status --data NAME.paper` "
    "and the other commands of an operator work on it.\n\n"
    "Ctrl-C ends it in order, with the summary and the report of a backtest; a second one drops everything."
)
EXAMPLES = (
    "ganglion paper bot.toml                                          until Ctrl-C",
    "ganglion paper bot.toml --for 1h --report paper.html",
    "ganglion paper bot.toml --for 8h --summary paper.json --log json",
)

Summary = Annotated[Path | None, typer.Option("--summary", metavar="FILE", help="Write a JSON summary at the end.")]
Report = Annotated[Path | None, typer.Option("--report", metavar="FILE.html", help="Write a report with charts.")]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of its journal. [default: NAME.paper]")
]
Log = Annotated[LogFormat | None, typer.Option("--log", help="Log lines instead of the live view.")]


def register(app: typer.Typer, write_help: Callable[..., str]) -> None:
    """Add the command to the command line; `write_help` makes a help text of a text and examples."""
    app.command("paper", help=write_help(TEXT, *EXAMPLES))(paper)


def paper(
    config: Config,
    *,
    seconds: For = None,
    summary: Summary = None,
    report: Report = None,
    data: Data = None,
    log: Log = None,
) -> None:
    """See its help."""
    _check_files(summary, report)
    from ganglion.bot.paper import PaperOptions, read_paper  # noqa: PLC0415
    from ganglion.bot.paper import paper as trade  # noqa: PLC0415

    try:
        loaded = read_paper(config, data)
        options = PaperOptions(seconds=seconds, log=log.value if log else None)
        record, verdict = trade(loaded, options, lambda text: typer.echo(text, err=True))
    except ConfigError as error:
        _fail(str(error))
    except BotError as error:
        _fail(str(error), error.code)
    if record is not None:
        record.configuration = _text_of(loaded)
        _tell(record, summary, report)
    for sentence in verdict.sentences:
        typer.echo(loaded.scrubber.scrub(f"PAPER: {sentence}"), err=True)
    raise typer.Exit(verdict.code)


def _tell(record: RunRecord, summary: Path | None, report: Path | None) -> None:
    from rich.console import Console  # noqa: PLC0415

    from ganglion.simulation.figures import ReportError, figures, print_summary, summary_json, write_report  # noqa: PLC0415

    run = figures(record)
    print_summary(record, run, Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200))
    try:
        if summary is not None:
            summary.write_bytes(summary_json(record, run))
        if report is not None:
            write_report(record, run, report)
    except ReportError as error:
        _fail(f"--report: {error}")
    except OSError as error:
        _fail(f"--summary: {summary} can't be written: {error.strerror or error}")


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


def _fail(text: str, code: ExitCode = ExitCode.CONFIGURATION) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)

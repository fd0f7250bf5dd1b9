"""`ganglion record`: the public data of a configuration's exchanges, for backtests.

Registered by cli.py; nothing heavy is imported up here. Exit codes: 0 ok, 1 nothing came or a part gave up,
2 configuration or arguments, 130 a second SIGINT.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ganglion.bot.cli_options import Config, For, LogFormat
from ganglion.bot.errors import BotError, ConfigError, ExitCode

if TYPE_CHECKING:
    from ganglion.bot.config import BotConfig

TEXT = (
    "Record trades, books and candles of a configuration's exchanges.\n\n"
    "Every symbol that the configuration lists, by the very exchange actors that trade, until Ctrl-C. Public data: no "
    "secret of the configuration is read, nothing is placed. It writes compressed CSV, a file for each market, kind "
    "and day; what was missed while a connection was gone stands in it as a gap.\n\n"
    "Started again it goes on in the same folder: a torn end of a killed run is cut, the time between is a gap."
)
EXAMPLES = (
    "ganglion record bot.toml --out recorded/",
    "ganglion record bot.toml --out recorded/ --for 10m --timeframe 1m --timeframe 1h",
)


Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to; made where there is none.")]
Timeframes = Annotated[
    list[str] | None, typer.Option("--timeframe", metavar="1m", help="Of the candles; repeatable. [default: 1m]")
]
Log = Annotated[LogFormat | None, typer.Option("--log", help="Log lines instead of the table.")]


def register(app: typer.Typer, write_help: Callable[..., str]) -> None:
    """Add the command to the command line; `write_help` makes a help text of a text and examples."""
    app.command("record", help=write_help(TEXT, *EXAMPLES))(record)


def record(config: Config, *, out: Out, seconds: For = None, timeframe: Timeframes = None, log: Log = None) -> None:
    """See its help."""
    frames = tuple(dict.fromkeys(timeframe or ["1m"]))
    _check_timeframes(frames)
    loaded = _load(config)
    from ganglion.bot.recording import RecordOptions  # noqa: PLC0415
    from ganglion.bot.recording import record as record_data  # noqa: PLC0415
    from ganglion.simulation.data import RecordingError  # noqa: PLC0415

    options = RecordOptions(out=out, seconds=seconds, timeframes=frames, log=log.value if log else None)
    try:
        raise typer.Exit(record_data(loaded, options))
    except RecordingError as error:
        _fail(f"--out: {error}")
    except BotError as error:
        _fail(str(error), error.code)
    except OSError as error:
        _fail(f"--out: {error.filename or out} can't be used: {error.strerror or error}")


def _check_timeframes(frames: tuple[str, ...]) -> None:
    from ganglion.actors.market.candles.timeframe import Timeframe, TimeframeError  # noqa: PLC0415

    for text in frames:
        try:
            Timeframe(text)
        except TimeframeError as error:
            _fail(f"--timeframe: {error}")


def _load(path: Path) -> BotConfig:
    """The configuration without its secrets."""
    from ganglion.bot.config import load  # noqa: PLC0415
    from ganglion.bot.recipes import config_of  # noqa: PLC0415

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    try:
        # `load` says best why a file can't be read.
        return config_of(text, str(path)) if text.strip() else load(path)
    except ConfigError as error:
        _fail(str(error))


def _fail(text: str, code: ExitCode = ExitCode.CONFIGURATION) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)

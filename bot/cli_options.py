"""Arguments and options that several commands take, with one wording of their help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ganglion.bot.durations import DurationError, parse_duration


class LogFormat(StrEnum):
    """What log lines look like."""

    JSON = "json"
    CONSOLE = "console"


def duration(text: str) -> float:
    """Seconds of a duration that a person wrote.

    Raises:
        BadParameter: it is none; the text says how one is written.
    """
    try:
        return parse_duration(text)
    except DurationError as error:
        raise typer.BadParameter(str(error)) from None


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A bot.toml.", show_default=False)]
For = Annotated[
    float | None, typer.Option("--for", metavar="TIME", parser=duration, help="Stop by itself: 30s, 5m, 1h30m.")
]

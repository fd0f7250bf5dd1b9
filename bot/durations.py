"""Durations as people write them: "30s", "5m", "1h30m"."""

from __future__ import annotations

import re

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
FORMS = 'write "30s", "5m", "1h30m", or a number of seconds'


class DurationError(ValueError):
    """A text is no duration."""

    def __init__(self, text: str, wrong: str) -> None:
        super().__init__(f"{text!r} {wrong}; {FORMS}")


def parse_duration(text: str) -> float:
    """Seconds.

    Raises:
        DurationError: the text is no duration above zero.
    """
    compact = "".join(text.split()).lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", compact):
        seconds = float(compact)
    elif re.fullmatch(rf"(?:{PART.pattern})+", compact):
        seconds = sum(float(number) * UNITS_S[unit] for number, unit in PART.findall(compact))
    else:
        raise DurationError(text, "is no duration")
    if seconds <= 0:
        raise DurationError(text, "is no time at all")
    return seconds

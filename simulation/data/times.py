"""Reads times as data files write them: seconds, milliseconds, micro- or nanoseconds since 1970, or ISO dates.

Used by layout.py and reading.py; pure. A date without a zone is UTC.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01: before it there was nothing to trade, and a number read as a time is none."""
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01."""
UNITS: Final = (("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000))
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeReader:
    """Turns a file's column of times into milliseconds; the first cell says how they are written."""

    def __init__(self, first: object) -> None:
        """Look at the first cell.

        Raises:
            ValueError: it is no time.
        """
        self.unit = unit_of(first)
        """`s`, `ms`, `us`, `ns`, or `iso`."""

    def read(self, cells: Sequence[object]) -> array[int]:
        """Milliseconds since 1970; smaller parts are cut off.

        Raises:
            ValueError: a cell is no time, or not written like the first one.
        """
        if self.unit == "iso":
            return array("q", map(_iso_ms, cells))
        per_second = dict(UNITS)[self.unit]
        try:
            whole = array("q", map(int, cells))  # type: ignore[arg-type]  # numbers or their text
        except ValueError:
            return self._checked(array("q", [_float_ms(cell, per_second) for cell in cells]))
        if per_second == 1_000:
            return self._checked(whole)
        if per_second == 1:
            return self._checked(array("q", [second * 1_000 for second in whole]))
        divisor = per_second // 1_000
        return self._checked(array("q", [time // divisor for time in whole]))

    def _checked(self, times: array[int]) -> array[int]:
        if times and (min(times) < EARLIEST_MS or max(times) >= LATEST_MS):
            raise ValueError(f"the file's times are written in {self.unit}, and this is none between 2000 and 2100")
        return times


def unit_of(cell: object) -> str:
    """How a time is written: by the magnitude of the number, or `iso`.

    Raises:
        ValueError: it is no time between 2000 and 2100.
    """
    text = str(cell).strip()
    try:
        number = float(text)
    except ValueError:
        _iso_ms(text)
        return "iso"
    for unit, per_second in UNITS:
        if EARLIEST_MS <= number / per_second * 1_000 < LATEST_MS:
            return unit
    raise ValueError(f"{text!r} is no time between 2000 and 2100 in s, ms, us or ns since 1970")


def looks_like_time(cell: str) -> bool:
    """Whether a cell can be a time."""
    try:
        unit_of(cell)
    except ValueError:
        return False
    return True


def _float_ms(cell: object, per_second: int) -> int:
    """One time with decimals, `1600000000.5`: rounded to the millisecond that its text means."""
    return round(float(cell) * 1_000 / per_second)  # type: ignore[arg-type]  # a number or its text


def _iso_ms(cell: object) -> int:
    if isinstance(cell, datetime):
        date = cell
    else:
        text = str(cell).strip()
        if not _ISO.match(text):
            raise ValueError(f"{text!r} is no time; write 2024-01-31 23:59:00 (UTC) or milliseconds since 1970")
        date = datetime.fromisoformat(text.removesuffix(" UTC"))
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    since = date - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def show(time_ms: int) -> str:
    """A time for people: `2024-01-31 23:59:00`, with milliseconds where there are some."""
    moment = datetime.fromtimestamp(time_ms // 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{moment}.{time_ms % 1_000:03d}" if time_ms % 1_000 else moment


def show_length(length_ms: int) -> str:
    """A stretch of time for people: `3 d 4 h`, `12 min`, `1.5 s`."""
    seconds = length_ms / 1_000
    if seconds < 60:
        return f"{seconds:g} s"
    parts = []
    left = int(seconds)
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])

"""Where candles begin and end: ccxt's timeframe spellings as intervals of time.

Pure. The candle series cuts trades by it; nobody else needs to know how a week or a month is aligned.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_STEP_MS: Final = {
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
_MONTHS: Final = {"M": 1, "y": 12}
_MONDAY_MS: Final = 4 * 86_400_000
"""1970-01-05, the first Monday: weeks begin there, not on the Thursday that 1970 began with."""


class TimeframeError(ValueError):
    """A text is no timeframe."""


class Timeframe:
    """The intervals of `1m`, `4h`, `1w`, `1M`, as exchanges cut them.

    Seconds to days count from 1970-01-01 UTC (ccxt's `build_ohlcvc` does), weeks from a Monday, months and
    years follow the calendar in UTC. ccxt's own `parse_timeframe` takes a month for 30 days: good for an
    estimate, no use for cutting. Where a venue cuts fixed lengths elsewhere (Kraken's weeks begin on
    Thursday), `anchored_at` takes it over.

    Attributes:
        text: ccxt's spelling.
    """

    __slots__ = ("_anchor_ms", "_months", "_step_ms", "text")

    def __init__(self, text: str) -> None:
        """Read ccxt's spelling: a number and one of s, m, h, d, w, M, y.

        Raises:
            TimeframeError: for anything else.
        """
        match = re.fullmatch(r"([1-9]\d*)([smhdwMy])", text)
        if match is None:
            raise TimeframeError(
                f"{text!r} is no timeframe: write a number and one of s, m, h, d, w, M, y, such as '5m' or '1M'"
            )
        count, unit = int(match[1]), match[2]
        self.text = text
        self._months = count * _MONTHS.get(unit, 0)
        self._step_ms = count * _STEP_MS.get(unit, 0)
        self._anchor_ms = _MONDAY_MS % self._step_ms if unit == "w" else 0

    def anchored_at(self, open_ms: int) -> Timeframe:
        """The same length, cut so that `open_ms` begins an interval; calendar months stay what they are."""
        if self._months or (open_ms - self._anchor_ms) % self._step_ms == 0:
            return self
        moved = Timeframe(self.text)
        moved._anchor_ms = open_ms % self._step_ms
        return moved

    def open_ms_of(self, time_ms: int) -> int:
        """Start of the interval that contains a time."""
        if self._step_ms:
            return time_ms - (time_ms - self._anchor_ms) % self._step_ms
        date = datetime.fromtimestamp(time_ms / 1000, UTC)
        months = (date.year - 1970) * 12 + date.month - 1
        return _month_ms(months - months % self._months)

    def end_ms_of(self, open_ms: int) -> int:
        """End of the interval that begins at `open_ms`: the first millisecond that is no longer in it."""
        if self._step_ms:
            return open_ms + self._step_ms
        date = datetime.fromtimestamp(open_ms / 1000, UTC)
        return _month_ms((date.year - 1970) * 12 + date.month - 1 + self._months)

    def count_between(self, start_ms: int, end_ms: int) -> int:
        """About how many intervals lie between two times, rounded up (a month is taken for 28 days)."""
        step_ms = self._step_ms or self._months * 28 * _STEP_MS["d"]
        return max(0, -(-(end_ms - start_ms) // step_ms))


def _month_ms(months: int) -> int:
    """Start of a month, counted from January 1970."""
    year, month = divmod(months, 12)
    return int(datetime(1970 + year, month + 1, 1, tzinfo=UTC).timestamp()) * 1000

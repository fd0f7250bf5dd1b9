"""Series of recorded market data as columns: compact, fast to iterate, not changed once they are read.

Made by reading.py (and by whoever generates data); the backtest iterates over their arrays. Pure.

Times are milliseconds since 1970 UTC, prices in the quote and amounts in the base asset, both float. A series is
sorted by time. 500,000 trades take 12 MB, 200,000 bars 9.6 MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final, TypeAlias

UNKNOWN, BUY, SELL = 0, 1, 2
"""Of a trade: who took. Of a level: a bid is BUY, an ask is SELL."""
LENGTHS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time in which data is missing."""

    from_ms: int
    """The last millisecond that is known before it, plus one (of bars: the first open that is missing)."""
    to_ms: int
    """The first millisecond that is known after it."""
    reason: str = ""
    file: str = ""
    line: int = 0
    """Of the first row after it; 0 where no row tells it."""


@dataclass(slots=True)
class Facts:
    """How a series came to be: what a reader should be told of it."""

    files: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    duplicates: int = 0
    """Rows that said the same as another and were dropped."""
    skipped: int = 0
    """Rows that can't be used and were left out, as `on_bad="skip"` asks for."""
    incomplete: int = 0
    """Bars of which trades are known to be missing."""
    notes: list[str] = field(default_factory=list)
    """What was guessed, turned round or left out, in sentences."""


@dataclass(slots=True, eq=False)
class Bars:
    """Candles of one market and one timeframe, by their open times."""

    exchange: str
    symbol: str
    timeframe: str
    """ccxt's spelling: `1m`."""
    length_ms: int
    """Of one bar; of calendar months the shortest that there is (28 days each)."""
    open_ms: array[int]
    open: array[float]
    high: array[float]
    low: array[float]
    close: array[float]
    volume: array[float]
    facts: Facts = field(default_factory=Facts)

    @property
    def kind(self) -> str:
        """`bars`."""
        return "bars"

    @property
    def time_ms(self) -> array[int]:
        """The open times."""
        return self.open_ms

    def __len__(self) -> int:
        return len(self.open_ms)

    @property
    def start_ms(self) -> int:
        """The first open; 0 where there is no bar."""
        return self.open_ms[0] if self.open_ms else 0

    @property
    def end_ms(self) -> int:
        """The last close: the first millisecond that is no longer in a bar; 0 where there is no bar."""
        return self.open_ms[-1] + self.length_ms if self.open_ms else 0

    def between(self, from_ms: int | None = None, to_ms: int | None = None) -> Bars:
        """The bars that open in [from, to), copied; None is no bound."""
        part, facts = _part(self.open_ms, from_ms, to_ms), _facts_between(self.facts, from_ms, to_ms)
        return Bars(
            self.exchange,
            self.symbol,
            self.timeframe,
            self.length_ms,
            self.open_ms[part],
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.volume[part],
            facts,
        )


@dataclass(slots=True, eq=False)
class Trades:
    """Public trades of one market."""

    exchange: str
    symbol: str
    time_ms: array[int]
    price: array[float]
    amount: array[float]
    side: bytearray
    """1 the taker bought, 2 sold, 0 unknown."""
    ids: list[str] | None = None
    """The venue's, where they were asked for."""
    facts: Facts = field(default_factory=Facts)

    @property
    def kind(self) -> str:
        """`trades`."""
        return "trades"

    def __len__(self) -> int:
        return len(self.time_ms)

    @property
    def start_ms(self) -> int:
        """The first trade; 0 where there is none."""
        return self.time_ms[0] if self.time_ms else 0

    @property
    def end_ms(self) -> int:
        """The millisecond after the last trade; 0 where there is none."""
        return self.time_ms[-1] + 1 if self.time_ms else 0

    def between(self, from_ms: int | None = None, to_ms: int | None = None) -> Trades:
        """The trades in [from, to), copied; None is no bound."""
        part = _part(self.time_ms, from_ms, to_ms)
        return Trades(
            self.exchange,
            self.symbol,
            self.time_ms[part],
            self.price[part],
            self.amount[part],
            self.side[part],
            None if self.ids is None else self.ids[part],
            _facts_between(self.facts, from_ms, to_ms),
        )


@dataclass(slots=True, eq=False)
class BookDeltas:
    """Changed levels of one order book. The rows of one time are one message."""

    exchange: str
    symbol: str
    time_ms: array[int]
    side: bytearray
    """1 bid, 2 ask."""
    price: array[float]
    amount: array[float]
    """What stands at the price now; 0 removes it."""
    first: bytearray
    """1 where a snapshot begins: what was known of the book before is void."""
    facts: Facts = field(default_factory=Facts)

    @property
    def kind(self) -> str:
        """`book`."""
        return "book"

    def __len__(self) -> int:
        return len(self.time_ms)

    @property
    def start_ms(self) -> int:
        """The first change; 0 where there is none."""
        return self.time_ms[0] if self.time_ms else 0

    @property
    def end_ms(self) -> int:
        """The millisecond after the last change; 0 where there is none."""
        return self.time_ms[-1] + 1 if self.time_ms else 0

    def between(self, from_ms: int | None = None, to_ms: int | None = None) -> BookDeltas:
        """The changes in [from, to), copied; None is no bound.

        What begins in the middle begins with the book as it stood: the changes since the last snapshot before
        `from_ms` are folded into one snapshot at `from_ms`.
        """
        part = _part(self.time_ms, from_ms, to_ms)
        cut = BookDeltas(
            self.exchange,
            self.symbol,
            self.time_ms[part],
            self.side[part],
            self.price[part],
            self.amount[part],
            self.first[part],
            _facts_between(self.facts, from_ms, to_ms),
        )
        if from_ms is not None and part.start and not (len(cut) and cut.first[0] and cut.time_ms[0] == from_ms):
            self._put_before(cut, part.start, from_ms)
        return cut

    def _put_before(self, cut: BookDeltas, row: int, at_ms: int) -> None:
        """Begin a part with the book as it stood before a row."""
        begin = self.first.rfind(1, 0, row)
        if begin < 0:
            return
        levels: dict[tuple[int, float], float] = {}
        for index in range(begin, row):
            if self.amount[index]:
                levels[self.side[index], self.price[index]] = self.amount[index]
            else:
                levels.pop((self.side[index], self.price[index]), None)
        count = len(levels)
        if not count:
            return
        cut.time_ms = array("q", [at_ms]) * count + cut.time_ms
        cut.side = bytearray(side for side, _ in levels) + cut.side
        cut.price = array("d", [price for _, price in levels]) + cut.price
        cut.amount = array("d", levels.values()) + cut.amount
        cut.first = bytearray([1]) + bytearray(count - 1) + cut.first


Series: TypeAlias = Bars | Trades | BookDeltas


def _part(times: array[int], from_ms: int | None, to_ms: int | None) -> slice:
    start = 0 if from_ms is None else bisect_left(times, from_ms)
    end = len(times) if to_ms is None else bisect_left(times, to_ms)
    return slice(start, max(start, end))


def _facts_between(facts: Facts, from_ms: int | None, to_ms: int | None) -> Facts:
    """The gaps that reach into the part; what was counted stays, it is said of the files."""
    gaps = tuple(
        gap for gap in facts.gaps if (from_ms is None or gap.to_ms > from_ms) and (to_ms is None or gap.from_ms < to_ms)
    )
    return Facts(facts.files, gaps, facts.duplicates, facts.skipped, facts.incomplete, list(facts.notes))


def length_of(timeframe: str) -> int:
    """Milliseconds of one bar; a calendar month counts 28 days, a year 365 (the shortest that there is)."""
    count, unit = int(timeframe[:-1]), timeframe[-1]
    if unit in LENGTHS_MS:
        return count * LENGTHS_MS[unit]
    return count * LENGTHS_MS["d"] * (28 if unit == "M" else 365)


def timeframe_of(length_ms: int) -> str:
    """Spell a length as ccxt does: `60_000` is `1m`, `90_000` is `90s`; empty where none has it.

    Lengths of 28 to 31 days are a calendar month.
    """
    if 28 * LENGTHS_MS["d"] <= length_ms <= 31 * LENGTHS_MS["d"] and length_ms % LENGTHS_MS["d"] == 0:
        return "1M"
    for unit in ("w", "d", "h", "m", "s"):
        if length_ms and length_ms % LENGTHS_MS[unit] == 0:
            return f"{length_ms // LENGTHS_MS[unit]}{unit}"
    return ""

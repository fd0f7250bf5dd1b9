"""Looks at recorded data and reports what is in it: before somebody trades on it.

It says by the strict reading what is wrong first, and reads with `on_bad="skip"` where something is, so that the rest
is counted. Prints by `str(report)`; it needs nothing but the standard library.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from ganglion.simulation.data.columns import BUY, UNKNOWN, Bars, BookDeltas, Gap, Series, Trades
from ganglion.simulation.data.drafts import OnBad
from ganglion.simulation.data.errors import DataError
from ganglion.simulation.data.reading import read
from ganglion.simulation.data.times import show, show_length

JUMP: Final = 0.1
"""A step of so much (0.1 is 10 %) from one price to the next is worth a look."""
FARTHER: Final = 20
"""Only where it is so many times the usual step."""
SHOWN: Final = 10
"""Gaps and jumps that are listed; the rest is counted."""
SAMPLE: Final = 20_000
"""Rows that steps are inferred from, spread over the whole."""
DIGITS: Final = 15
"""A float has no more that can be trusted."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Two prices next to each other that are far apart."""

    at_ms: int
    before: float
    after: float

    @property
    def change(self) -> float:
        """As a share of the price before: 0.1 is 10 %."""
        return self.after / self.before - 1


@dataclass(frozen=True, slots=True)
class Look:
    """What one series holds."""

    kind: str
    exchange: str
    symbol: str
    timeframe: str
    rows: int
    start_ms: int
    end_ms: int
    lowest: float
    highest: float
    price_step: Decimal
    """The coarsest power of ten that all sampled prices are multiples of."""
    amount_step: Decimal
    gaps: tuple[Gap, ...]
    missing_ms: int
    """All gaps together."""
    longest_silence_ms: int
    """The longest time between two rows outside of bars."""
    duplicates: int
    skipped: int
    incomplete: int
    jumps: tuple[Jump, ...]
    files: tuple[str, ...]
    notes: tuple[str, ...]
    details: tuple[str, ...] = ()
    """What only this kind has: sides of trades, snapshots and crossings of a book."""


@dataclass(slots=True)
class Report:
    """What a path holds, and what is wrong with it."""

    path: str
    looks: tuple[Look, ...] = ()
    wrong: str = ""
    """The first thing that a strict reading refuses; empty where it reads."""
    unreadable: str = ""
    """Why even a lenient reading is refused; empty where it reads."""

    @property
    def good(self) -> bool:
        """Whether a backtest takes it as it is (gaps are allowed)."""
        return not (self.wrong or self.unreadable)

    def __str__(self) -> str:
        """For people, a block a series."""
        lines = [f"{self.path}: {len(self.looks)} series"]
        for look in self.looks:
            lines += ["", *_lines_of(look)]
        if self.unreadable:
            lines += ["", f"WRONG: {self.unreadable}"]
        elif self.wrong:
            skipped = sum(look.skipped for look in self.looks)
            lines += ["", f"WRONG: {self.wrong}", *([f"       in all {skipped} such rows"] if skipped > 1 else [])]
        else:
            lines += ["", "nothing is wrong with it"]
        return "\n".join(lines)


def look(path: Path, *, exchange: str = "", symbol: str = "", timeframe: str | None = None) -> Report:
    """Look at a data file or a folder of them; never raises for what is wrong with the data.

    Args:
        path: as for `read`.
        exchange: where files don't say it themselves.
        symbol: likewise.
        timeframe: of bars, where it is not to be guessed.
    """

    def reading(on_bad: OnBad) -> list[Series]:
        return read(path, exchange=exchange, symbol=symbol, timeframe=timeframe, on_bad=on_bad)

    wrong = ""
    try:
        found = reading("error")
    except DataError as error:
        wrong = str(error)
        try:
            found = reading("skip")
        except DataError as worse:
            return Report(str(path), unreadable=str(worse))
    return Report(str(path), tuple(map(_look_at, found)), wrong)


# ------------------------------------------------------------------ one series


def _look_at(series: Series) -> Look:
    facts = series.facts
    times = series.time_ms
    prices: Sequence[float] = series.close if isinstance(series, Bars) else series.price
    amounts: Sequence[float] = series.volume if isinstance(series, Bars) else series.amount
    lows, highs = (series.low, series.high) if isinstance(series, Bars) else (prices, prices)
    steps = (after - before for before, after in itertools.pairwise(times))
    return Look(
        kind=series.kind,
        exchange=series.exchange,
        symbol=series.symbol,
        timeframe=series.timeframe if isinstance(series, Bars) else "",
        rows=len(series),
        start_ms=series.start_ms,
        end_ms=series.end_ms,
        lowest=min(lows),
        highest=max(highs),
        price_step=step_of(prices),
        amount_step=step_of(amounts),
        gaps=facts.gaps,
        missing_ms=sum(gap.to_ms - gap.from_ms for gap in facts.gaps),
        longest_silence_ms=0 if isinstance(series, Bars) else max(steps, default=0),
        duplicates=facts.duplicates,
        skipped=facts.skipped,
        incomplete=facts.incomplete,
        jumps=() if isinstance(series, BookDeltas) else tuple(_jumps(times, prices)),
        files=facts.files,
        notes=tuple(facts.notes),
        details=tuple(_details(series)),
    )


def step_of(numbers: Sequence[float]) -> Decimal:
    """The coarsest power of ten that numbers are multiples of, as their shortest texts say; 0 where there is none.

    A sample of `SAMPLE` is looked at. Numbers that were calculated (and so have more than 15 digits) have no step.
    """
    every = max(1, len(numbers) // SAMPLE)
    exponents: list[int] = []
    for number in itertools.islice(numbers, 0, None, every):
        digits = Decimal(repr(number)).normalize()
        if not digits:
            continue
        if len(digits.as_tuple().digits) > DIGITS:
            return Decimal(0)
        exponents.append(int(digits.as_tuple().exponent))
    return Decimal(1).scaleb(min(exponents)) if exponents else Decimal(0)


def _jumps(times: Sequence[int], prices: Sequence[float]) -> list[Jump]:
    """Steps that are large and far from usual: often a wrong row, sometimes a crash."""
    if len(prices) < 3:
        return []
    changes = [abs(after / before - 1) for before, after in itertools.pairwise(prices)]
    usual = sum(changes) / len(changes)
    least = max(JUMP, FARTHER * usual)
    rows = (row for row, change in enumerate(changes) if change >= least)
    return [Jump(times[row + 1], prices[row], prices[row + 1]) for row in rows]


def _details(series: Series) -> list[str]:
    if isinstance(series, Trades):
        unknown = series.side.count(UNKNOWN)
        bought = series.side.count(BUY)
        if unknown == len(series):
            return ["nobody says which side took"]
        return [f"the taker bought in {bought / len(series):.1%}" + (f", {unknown} sides unknown" if unknown else "")]
    if isinstance(series, BookDeltas):
        crossed, most = _book_troubles(series)
        said = [f"{series.first.count(1)} snapshots, {most} levels at most"]
        return [*said, f"crossed after {crossed} of its messages"] if crossed else said
    return []


def _book_troubles(series: BookDeltas) -> tuple[int, int]:
    """After how many messages bids stand at or above asks, and how many levels there are at most."""
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    crossed = most = 0
    best_bid, best_ask = 0.0, float("inf")
    times = series.time_ms
    for row, price in enumerate(series.price):
        if series.first[row]:
            bids.clear()
            asks.clear()
            best_bid, best_ask = 0.0, float("inf")
        is_bid = series.side[row] == BUY
        levels = bids if is_bid else asks
        if series.amount[row]:
            levels[price] = series.amount[row]
            best_bid, best_ask = (max(best_bid, price), best_ask) if is_bid else (best_bid, min(best_ask, price))
        elif levels.pop(price, None) is not None:
            if is_bid and price == best_bid:
                best_bid = max(bids, default=0.0)
            elif not is_bid and price == best_ask:
                best_ask = min(asks, default=float("inf"))
        if row + 1 == len(times) or times[row + 1] != times[row]:
            crossed += best_bid >= best_ask
            most = max(most, len(bids) + len(asks))
    return crossed, most


# ------------------------------------------------------------------ for people


def _lines_of(look: Look) -> list[str]:
    name = " ".join(part for part in (look.exchange, look.symbol or "(no symbol)", look.kind, look.timeframe) if part)
    span = show_length(look.end_ms - look.start_ms)
    lines = [
        name,
        f"  rows       {look.rows:,} in {len(look.files)} file{'s' if len(look.files) != 1 else ''}",
        f"  from       {show(look.start_ms)} to {show(look.end_ms)} UTC ({span})",
        f"  price      {look.lowest:g} to {look.highest:g}, step {_step(look.price_step)}",
        f"  amount     step {_step(look.amount_step)}",
    ]
    lines += [f"  {look.kind:<10} {detail}" for detail in look.details]
    if look.longest_silence_ms:
        lines.append(f"  silence    {show_length(look.longest_silence_ms)} at most")
    lines += _gap_lines(look)
    if look.duplicates:
        lines.append(f"  doubles    {look.duplicates} rows said the same as another and are dropped")
    if look.incomplete:
        lines.append(f"  incomplete {look.incomplete} bars lack trades")
    for jump in look.jumps[:SHOWN]:
        lines.append(f"  jump       {show(jump.at_ms)} from {jump.before:g} to {jump.after:g} ({jump.change:+.1%})")
    lines += _rest("jump", len(look.jumps))
    lines += [f"  note       {note}" for note in look.notes[:SHOWN]]
    return [*lines, *_rest("note", len(look.notes))]


def _gap_lines(look: Look) -> list[str]:
    if not look.gaps:
        return ["  gaps       none known"]
    end_ms = max(look.end_ms, look.gaps[-1].to_ms)
    part = look.missing_ms / max(1, end_ms - look.start_ms)
    lines = [f"  gaps       {len(look.gaps)}, {show_length(look.missing_ms)} together ({part:.2%})"]
    for gap in look.gaps[:SHOWN]:
        where = f", line {gap.line}" if gap.line else ""
        lines.append(
            f"             {show(gap.from_ms)} for {show_length(gap.to_ms - gap.from_ms)}: {gap.reason}{where}"
        )
    if len(look.gaps) > SHOWN:
        reasons = Counter(gap.reason for gap in look.gaps[SHOWN:]).most_common(3)
        lines.append(
            f"             and {len(look.gaps) - SHOWN} more: {', '.join(f'{n} x {why}' for why, n in reasons)}"
        )
    return lines


def _rest(what: str, count: int) -> list[str]:
    return [f"  {what:<10} and {count - SHOWN} more"] if count > SHOWN else []


def _step(step: Decimal) -> str:
    return f"{step:f}" if step else "unknown (calculated numbers)"

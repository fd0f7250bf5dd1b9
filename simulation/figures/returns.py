"""Figures of an equity curve: return, drawdown, volatility and the ratios made of them. Pure.

Formulas are those of empyrical (Quantopian; the tests compare), which itself would bring pandas and scipy along.
What can't be said is None, never nan or infinity: a Sharpe ratio of a constant curve, a growth rate after ruin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from ganglion.simulation.figures import curves
from ganglion.simulation.figures.record import Curve

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS
"""These markets never close: 365 days, not 252."""
LEAST_PERIODS = 30
"""So many returns are wanted before a coarser period is used."""
LEAST_GROWTH_MS = 7 * DAY_MS
"""A shorter run says nothing of a year."""
FLAT = 1e-12
"""Deviations below this are rounding, not risk; equity below this share of its highest is nothing."""


class Period(msgspec.Struct, frozen=True):
    """The stretch that returns are taken over for volatility and ratios."""

    name: str
    length_ms: int

    @property
    def per_year(self) -> float:
        """How many make a year."""
        return YEAR_MS / self.length_ms


PERIODS = (Period("day", DAY_MS), Period("hour", HOUR_MS), Period("minute", MINUTE_MS))


class ReturnFigures(msgspec.Struct, frozen=True):
    """What an equity curve comes to. Shares are fractions: 0.1 is 10 %. None: can't be said."""

    start_equity: float
    end_equity: float
    profit: float
    total_return: float | None
    annualised_return: float | None
    """Compound growth a year; None below seven days and after a loss of everything."""
    volatility: float | None
    """Annualised."""
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float
    """Deepest fall from a peak as a share of it, above zero; above 1 where more than everything was lost."""
    max_drawdown_s: float
    """From that peak until it was reached again, or until the end."""
    drawdown_peak_ms: int
    drawdown_trough_ms: int
    recovered: bool
    longest_drawdown_s: float
    periods: int
    """Returns that volatility and ratios are made of."""
    best_period: float | None
    worst_period: float | None
    ruined: bool
    """Whether equity was ever zero or below: nothing after that counts as a return."""


class Drawdown(msgspec.Struct, frozen=True):
    """The deepest fall, and how long the longest took."""

    depth: float
    peak_ms: int
    trough_ms: int
    length_s: float
    recovered: bool
    longest_s: float


def choose_period(start_ms: int, end_ms: int, points: int) -> Period:
    """The coarsest of day, hour and minute that leaves 30 returns, but none finer than the curve itself."""
    length_ms = end_ms - start_ms
    spacing_ms = length_ms / points if points else length_ms
    for number, period in enumerate(PERIODS):
        finer = PERIODS[number + 1] if number + 1 < len(PERIODS) else None
        if finer is None or length_ms >= LEAST_PERIODS * period.length_ms or finer.length_ms < spacing_ms * 0.99:
            return period
    return PERIODS[-1]


def return_figures(curve: Curve, start_ms: int, end_ms: int, period: Period) -> ReturnFigures | None:
    """Judge an equity curve between two times; None for one without points."""
    part = curves.cut(curve, start_ms, end_ms)
    if not len(part):
        return None
    start, end = part.value[0], part.value[-1]
    returns = period_returns(curves.sampled(part, start_ms, end_ms, period.length_ms))
    fall = drawdown(part, end_ms)
    nothing = _nothing(part.value)
    ruined = min(part.value) <= nothing
    growth = annualised(start, end, end_ms - start_ms, ruined=ruined)
    return ReturnFigures(
        start_equity=start,
        end_equity=end,
        profit=end - start,
        total_return=end / start - 1 if start > nothing else None,
        annualised_return=growth,
        volatility=volatility(returns, period.per_year),
        sharpe=sharpe(returns, period.per_year),
        sortino=sortino(returns, period.per_year),
        calmar=_calmar(growth, fall.depth),
        max_drawdown=fall.depth,
        max_drawdown_s=fall.length_s,
        drawdown_peak_ms=fall.peak_ms,
        drawdown_trough_ms=fall.trough_ms,
        recovered=fall.recovered,
        longest_drawdown_s=fall.longest_s,
        periods=len(returns),
        best_period=max(returns, default=None),
        worst_period=min(returns, default=None),
        ruined=ruined,
    )


def period_returns(equity: Sequence[float]) -> list[float]:
    """Simple returns from one value to the next; they end with the one that loses everything."""
    returns: list[float] = []
    nothing = _nothing(equity)
    for before, after in pairwise(equity):
        if before <= nothing:
            break
        returns.append(after / before - 1)
    return returns


def annualised(start: float, end: float, length_ms: int, *, ruined: bool = False) -> float | None:
    """Compound annual growth: (end / start) ^ (year / length) - 1 (empyrical `annual_return`)."""
    if ruined or start <= 0 or length_ms < LEAST_GROWTH_MS:
        return None
    try:
        growth = math.exp(math.log(end / start) * YEAR_MS / length_ms) - 1
    except OverflowError:
        return None
    return growth


def volatility(returns: Sequence[float], per_year: float) -> float | None:
    """Sample standard deviation times the root of periods a year (empyrical `annual_volatility`)."""
    deviation = _deviation(returns)
    return None if deviation is None else deviation * math.sqrt(per_year)


def sharpe(returns: Sequence[float], per_year: float) -> float | None:
    """Mean over sample standard deviation, annualised, riskless rate 0 (Sharpe 1994; empyrical `sharpe_ratio`)."""
    deviation = _deviation(returns)
    if deviation is None or deviation < FLAT:
        return None
    return math.fsum(returns) / len(returns) / deviation * math.sqrt(per_year)


def sortino(returns: Sequence[float], per_year: float) -> float | None:
    """Mean over downside deviation from 0, annualised (Sortino and Price 1994; empyrical `sortino_ratio`)."""
    if len(returns) < 2:
        return None
    downside = math.sqrt(math.fsum(min(r, 0.0) ** 2 for r in returns) / len(returns))
    if downside < FLAT:
        return None
    return math.fsum(returns) / len(returns) / downside * math.sqrt(per_year)


def _calmar(growth: float | None, depth: float) -> float | None:
    """Annualised return over maximum drawdown (Young 1991; empyrical `calmar_ratio`)."""
    if growth is None or depth < FLAT or not math.isfinite(growth / depth):
        return None
    return growth / depth


def drawdown(curve: Curve, end_ms: int) -> Drawdown:
    """The deepest fall from a running peak, at every point of the curve, and the longest time below one.

    A fall's depth is its share of the peak (empyrical `max_drawdown`, with the sign turned).
    """
    times, values = curve.time_ms, curve.value
    peak, peak_ms = values[0], times[0]
    depth, deepest_peak_ms, trough_ms, recovered_ms = 0.0, times[0], times[0], 0
    longest_ms, under, nothing = 0, False, _nothing(values)
    for time_ms, value in zip(times, values, strict=True):
        if value >= peak:
            if under:
                longest_ms = max(longest_ms, time_ms - peak_ms)
                if peak_ms == deepest_peak_ms and depth and not recovered_ms:
                    recovered_ms = time_ms
                under = False
            peak, peak_ms = value, time_ms
            continue
        under = True
        if peak > nothing and (peak - value) / peak > depth:
            depth = (peak - value) / peak
            deepest_peak_ms, trough_ms, recovered_ms = peak_ms, time_ms, 0
    if under:
        longest_ms = max(longest_ms, end_ms - peak_ms)
    until_ms = recovered_ms or (end_ms if depth else deepest_peak_ms)
    return Drawdown(
        depth=depth,
        peak_ms=deepest_peak_ms,
        trough_ms=trough_ms,
        length_s=(until_ms - deepest_peak_ms) / SECOND_MS,
        recovered=bool(recovered_ms) or not depth,
        longest_s=longest_ms / SECOND_MS,
    )


def underwater(curve: Curve) -> Curve:
    """At every point the share below the highest value so far, zero or negative: what a drawdown chart draws."""
    peak, nothing = float("-inf"), _nothing(curve.value)
    falls = curve.value[:]
    for index, value in enumerate(curve.value):
        peak = max(peak, value)
        falls[index] = (value - peak) / peak if peak > nothing else 0.0
    return Curve(curve.time_ms[:], falls)


def _nothing(equity: Sequence[float]) -> float:
    """So little that a share of it says nothing."""
    return FLAT * max(map(abs, equity), default=0.0)


def _deviation(returns: Sequence[float]) -> float | None:
    """Sample standard deviation (n - 1)."""
    if len(returns) < 2:
        return None
    middle = math.fsum(returns) / len(returns)
    return math.sqrt(math.fsum((r - middle) ** 2 for r in returns) / (len(returns) - 1))

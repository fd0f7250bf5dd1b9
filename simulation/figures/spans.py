"""Figures of a run by month and day, UTC. Pure; used by `figures`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from ganglion.simulation.figures import curves
from ganglion.simulation.figures.record import Curve, FillRecord, RunRecord
from ganglion.simulation.figures.returns import DAY_MS, drawdown
from ganglion.simulation.figures.trips import RoundTrip

MOST_DAYS = 1100
"""A run over more days than this has months only."""


class SpanFigures(msgspec.Struct, frozen=True):
    """One month or day, UTC; the first and the last one may be cut short."""

    label: str
    start_ms: int
    end_ms: int
    end_equity: float | None
    profit: float | None
    total_return: float | None
    hold_return: float | None
    max_drawdown: float | None
    fills: int
    trades: int
    realised: float
    fees: float
    traded: float


def span_figures(
    run: RunRecord, closed: Sequence[RoundTrip], hold: Curve, spans: Iterable[tuple[str, int, int]]
) -> Iterable[SpanFigures]:
    """Figures of stretches that follow one another without a gap.

    Args:
        run: whose fills are in order of time.
        closed: its round trips, by closing.
        hold: the equity of holding.
        spans: label, start and end in ms; what happens at an end belongs to the next one, but for the run's end.
    """
    fill_at = trip_at = 0
    for label, start_ms, end_ms in spans:
        first_fill, first_trip = fill_at, trip_at
        until_ms = end_ms if end_ms < run.end_ms else end_ms + 1
        while fill_at < len(run.fills) and run.fills[fill_at].time_ms < until_ms:
            fill_at += 1
        while trip_at < len(closed) and closed[trip_at].closed_ms < until_ms:
            trip_at += 1
        yield _span(run, (label, start_ms, end_ms), run.fills[first_fill:fill_at], closed[first_trip:trip_at], hold)


def _span(
    run: RunRecord,
    span: tuple[str, int, int],
    fills: Sequence[FillRecord],
    closed: Sequence[RoundTrip],
    hold: Curve,
) -> SpanFigures:
    label, start_ms, end_ms = span
    equity = curves.cut(run.equity, start_ms, end_ms)
    start, end = (equity.value[0], equity.value[-1]) if len(equity) else (None, None)
    held = (curves.value_at(hold, start_ms), curves.value_at(hold, end_ms))
    return SpanFigures(
        label=label,
        start_ms=start_ms,
        end_ms=end_ms,
        end_equity=end,
        profit=None if start is None or end is None else end - start,
        total_return=None if start is None or end is None or start <= 0 else end / start - 1,
        hold_return=None if not held[0] or held[1] is None else held[1] / held[0] - 1,
        max_drawdown=drawdown(equity, end_ms).depth if len(equity) else None,
        fills=len(fills),
        trades=len(closed),
        realised=math.fsum(trip.profit for trip in closed),
        fees=math.fsum(fill.fee_worth() for fill in fills),
        traded=math.fsum(fill.traded() for fill in fills),
    )


def months_of(start_ms: int, end_ms: int) -> Iterable[tuple[str, int, int]]:
    """The months that a stretch touches: label, start and end, cut to it."""
    while start_ms <= end_ms:
        begin = datetime.fromtimestamp(start_ms / 1000, UTC)
        year, month = (begin.year, begin.month + 1) if begin.month < 12 else (begin.year + 1, 1)
        next_ms = int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
        yield f"{begin:%Y-%m}", start_ms, min(next_ms, end_ms)
        if next_ms >= end_ms:
            return
        start_ms = next_ms


def days_of(start_ms: int, end_ms: int) -> Iterable[tuple[str, int, int]]:
    """The days that a stretch touches, as `months_of`; none where they are too many to read."""
    if (end_ms - start_ms) / DAY_MS > MOST_DAYS:
        return
    while start_ms <= end_ms:
        next_ms = (start_ms // DAY_MS + 1) * DAY_MS
        yield f"{datetime.fromtimestamp(start_ms / 1000, UTC):%Y-%m-%d}", start_ms, min(next_ms, end_ms)
        if next_ms >= end_ms:
            return
        start_ms = next_ms

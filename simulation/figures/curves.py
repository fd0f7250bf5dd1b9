"""Arithmetic on curves, which are step functions over time: look up, cut, add, resample, thin out. Pure.

Used by the figures and the report. Plain loops over arrays: 200,000 points take some tenths of a second, and numpy
would be a dependency for this alone.
"""

from __future__ import annotations

import math
import operator
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from ganglion.simulation.figures.record import Curve


def value_at(curve: Curve, time_ms: int) -> float | None:
    """The value that holds at a time; before the first point that one's, None where there are no points."""
    if not curve.time_ms:
        return None
    return curve.value[max(0, bisect_right(curve.time_ms, time_ms) - 1)]


def cut(curve: Curve, from_ms: int, to_ms: int) -> Curve:
    """The part from one time to another, both included; it begins with the value that holds at its start."""
    first, last = bisect_left(curve.time_ms, from_ms), bisect_right(curve.time_ms, to_ms)
    times, values = curve.time_ms[first:last], curve.value[first:last]
    if first and (not times or times[0] > from_ms):
        times.insert(0, from_ms)
        values.insert(0, curve.value[first - 1])
    return Curve(times, values)


def combined(curves: Sequence[Curve], join: Callable[..., float]) -> Curve:
    """A function of several curves' values at every time at which one of them has a point; empty ones are left out.

    Args:
        curves: what to combine; before its first point a curve has that one's value.
        join: called with one value of each curve.
    """
    curves = [curve for curve in curves if len(curve)]
    times, columns = _columns(curves)
    return Curve(times, array("d", map(join, *columns)) if curves else array("d"))


def total(curves: Sequence[Curve]) -> Curve:
    """The sum of several curves; of a single one that one itself."""
    curves = [curve for curve in curves if len(curve)]
    if len(curves) == 1:
        return curves[0]
    times, columns = _columns(curves)
    return Curve(times, array("d", map(sum, zip(*columns, strict=True))))


def sampled(curve: Curve, start_ms: int, end_ms: int, step_ms: int) -> list[float]:
    """The values at start, start + step, ... up to the end; empty for an empty curve."""
    if not len(curve):
        return []
    return list(_values_at(curve, range(start_ms, end_ms + 1, step_ms)))


def mean(curve: Curve, start_ms: int, end_ms: int) -> float | None:
    """The mean weighted by time; None for an empty curve, the value at the start where no time passes."""
    if end_ms <= start_ms:
        return value_at(curve, start_ms)
    if not len(curve):
        return None
    lengths, values = _spans(curve, start_ms, end_ms)
    return math.fsum(map(operator.mul, lengths, values)) / (end_ms - start_ms)


def share_above(curve: Curve, level: float, start_ms: int, end_ms: int) -> float | None:
    """The share of time, 0 to 1, during which the value is greater than `level`; None where no time passes."""
    if end_ms <= start_ms or not len(curve):
        return None
    lengths, values = _spans(curve, start_ms, end_ms)
    above_ms = sum(length for length, value in zip(lengths, values, strict=True) if value > level)
    return above_ms / (end_ms - start_ms)


def thinned(curve: Curve, most: int) -> Curve:
    """At most about `most` points that keep every visible extreme, for drawing.

    Each of equally long stretches of points keeps its first, lowest, highest and last one (M4 aggregation:
    Jugel et al., VLDB 2014), so spikes are neither lost nor invented.
    """
    count = len(curve)
    if count <= most:
        return curve
    stretches = max(1, most // 4)
    times, values = array("q"), array("d")
    for number in range(stretches):
        start, end = number * count // stretches, (number + 1) * count // stretches
        part = curve.value[start:end]
        low, high = part.index(min(part)), part.index(max(part))
        for index in sorted({0, low, high, end - start - 1}):
            times.append(curve.time_ms[start + index])
            values.append(part[index])
    return Curve(times, values)


def _values_at(curve: Curve, times: Sequence[int]) -> Iterator[float]:
    known, values = curve.time_ms, curve.value
    index, last = 0, len(known) - 1
    for time_ms in times:
        while index < last and known[index + 1] <= time_ms:
            index += 1
        yield values[index]


def _columns(curves: Sequence[Curve]) -> tuple[array[int], list[Iterable[float]]]:
    """Every time of curves that are not empty, and the values of each of them at these times."""
    if all(curve.time_ms == curves[0].time_ms for curve in curves[1:]):
        return (curves[0].time_ms[:] if curves else array("q")), [curve.value for curve in curves]
    times = array("q", sorted({time_ms for curve in curves for time_ms in curve.time_ms}))
    return times, [_values_at(curve, times) for curve in curves]


def _spans(curve: Curve, start_ms: int, end_ms: int) -> tuple[Iterable[int], Sequence[float]]:
    """How long each value holds between two times, and the values."""
    part = cut(curve, start_ms, end_ms)
    if not len(part):
        return (end_ms - start_ms,), (curve.value[0],)
    ends = part.time_ms[1:]
    ends.append(end_ms)
    part.time_ms[0] = start_ms
    return map(operator.sub, ends, part.time_ms), part.value

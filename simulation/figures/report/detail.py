"""What a chart shows when it is zoomed into: whole curves, written small, for the page's script to unpack. Pure.

Times and values are kept as differences of whole numbers: about four bytes a point instead of thirty.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from ganglion.simulation.figures.record import Curve

Json: TypeAlias = dict[str, object]

GRAINS = 200_000
"""A value is kept to this part of its curve's span: finer than a screen shows at any zoom that makes sense."""
MOST_POINTS = 420_000
"""Of whole curves in one report, so that it stays below 10 MB."""


class Room:
    """How many points of whole curves may still go into a report."""

    def __init__(self, points: int = MOST_POINTS) -> None:
        self._left = points

    def take(self, curve: Curve) -> bool:
        """Whether a curve fits; where it does, its room is taken."""
        if len(curve) > self._left:
            return False
        self._left -= len(curve)
        return True


def packed(curve: Curve) -> Json | None:
    """A curve as differences; None for one with values that are no numbers.

    `t` are a first time and the steps in ms, one step alone where all are equal; `v` the differences in grains `g`
    from the lowest value `low`.
    """
    values = curve.value
    if not len(values) or not all(value - value == 0 for value in values):
        return None
    low, high = min(values), max(values)
    grain = (high - low) / GRAINS or 1.0
    steps = [after - before for before, after in pairwise(curve.time_ms)]
    if steps and steps.count(steps[0]) == len(steps):
        steps = steps[:1]
    grains = [round((value - low) / grain) for value in values]
    return {"t": [curve.time_ms[0], *steps], "v": _differences(grains), "g": grain, "low": low}


def _differences(numbers: Sequence[int]) -> list[int]:
    return [numbers[0], *(after - before for before, after in pairwise(numbers))]

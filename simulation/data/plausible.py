"""Which rows of market data can be: prices above zero, high at the top, low at the bottom, sides that are known.

Used by judging.py; pure.
"""

from __future__ import annotations

import math
import operator

from ganglion.simulation.data.columns import UNKNOWN
from ganglion.simulation.data.drafts import Draft


def plausible(draft: Draft) -> bool:
    """Whether every row can be, by whole columns; a sum is finite only where every number is."""
    if not all(math.isfinite(sum(column)) for column in draft.numbers):
        return False
    if draft.key.kind == "bars":
        open_, high, low, close, volume = draft.numbers
        bounds = ((low, open_), (open_, high), (low, close), (close, high))
        return min(low) > 0 and min(volume) >= 0 and all(all(map(operator.le, *pair)) for pair in bounds)
    price, amount = draft.numbers
    if draft.key.kind == "trades":
        return min(price) > 0 and min(amount) > 0
    return min(price) > 0 and min(amount) >= 0 and UNKNOWN not in draft.side


def impossible(draft: Draft, row: int) -> str:
    """Why a row can't be; empty where it can."""
    numbers = [column[row] for column in draft.numbers]
    if not all(map(math.isfinite, numbers)):
        return f"a number is not finite: {', '.join(f'{number:g}' for number in numbers)}"
    if draft.key.kind == "bars":
        return _impossible_bar(*numbers)
    price, amount = numbers
    if price <= 0:
        return f"a price of {price:g}"
    if draft.key.kind == "trades":
        return "" if amount > 0 else f"a trade of {amount:g}"
    if amount < 0:
        return f"an amount of {amount:g}"
    return "" if draft.side[row] != UNKNOWN else "a level without a side"


def _impossible_bar(open_: float, high: float, low: float, close: float, volume: float) -> str:
    if low <= 0:
        return f"a price of {low:g}"
    if high < low:
        return f"high {high:g} below low {low:g}"
    if not low <= open_ <= high:
        return f"open {open_:g} outside of low {low:g} to high {high:g}"
    if not low <= close <= high:
        return f"close {close:g} outside of low {low:g} to high {high:g}"
    return "" if volume >= 0 else f"a volume of {volume:g}"

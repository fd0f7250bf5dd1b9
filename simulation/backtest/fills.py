"""The fill model of a backtest: its settings, and the small decisions that it is made of.

Pure. What the data can't tell (who stood before us, what our own orders would have moved) is assumed here, in
engine.py and in exchange.py, and nowhere else; docs/backtest.md states each assumption and which way it errs.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal, localcontext

from ganglion.messages.values import ZERO, Side

_NEAR = Decimal(1_000_000_000)
"""A price of the data this near to a tick stands on it: floats carry some dust."""
_PREC = 28


@dataclass(frozen=True, slots=True)
class FillSettings:
    """How orders are filled."""

    latency_s: float = 0.0
    """From a decision to the venue. An order is effective at the first row after it, never at the row that it was
    decided on, whatever the latency is."""
    half_spread_pct: float = 0.0
    """From the data's price to either best price, percent: trades and bars carry no book."""
    slippage_pct: float = 0.0
    """What an order that takes pays beyond the best price, percent."""
    participation: float = 1.0
    """Share of a row's traded volume that our orders may have of it together, 1.0 is all of it; 0 does not look at
    volumes."""
    touch_fills: bool = False
    """Whether a resting order is filled when the price only touches it; without, it has to trade through."""
    queue: bool = False
    """On trades: whether the volume that traded at a resting order's price when it joined has to trade there first
    (as a stand-in for who stood before it), before a touch fills it."""


def path_of(open_: float, high: float, low: float) -> tuple[float, float]:
    """The order in which a bar's extremes are assumed to have come: the one nearer to the open first."""
    return (low, high) if open_ - low <= high - open_ else (high, low)


def exact(price: float) -> Decimal:
    """A price or an amount of the data as money: the shortest text of the float, which is what the file said."""
    return Decimal(repr(price))


def quote_of(price: float, settings: FillSettings, tick: Decimal) -> tuple[Decimal, Decimal]:
    """Best bid and ask around a price of the data, on the tick, rounded away from it."""
    middle = exact(price)
    if not settings.half_spread_pct and not middle % tick:
        return middle, middle
    spread = exact(settings.half_spread_pct) / 100
    with localcontext(prec=_PREC):
        bid = on_tick(middle * (1 - spread), tick, ROUND_DOWN)
        ask = on_tick(middle * (1 + spread), tick, ROUND_UP)
    return bid, ask


def taking_price(side: Side, best: Decimal, settings: FillSettings, tick: Decimal) -> Decimal:
    """What an order that takes pays or gets, on the tick, rounded against it."""
    if not settings.slippage_pct:
        return best
    slip = exact(settings.slippage_pct) / 100
    with localcontext(prec=_PREC):
        worse = best * (1 + slip if side is Side.BUY else 1 - slip)
        return on_tick(worse, tick, ROUND_UP if side is Side.BUY else ROUND_DOWN)


def on_tick(price: Decimal, tick: Decimal, rounding: str) -> Decimal:
    """A price on the market's tick; one that stands beside a tick by less than a float can tell stands on it."""
    if not price % tick:
        return max(tick, price)
    near = (price / tick).quantize(Decimal(1), rounding=ROUND_HALF_EVEN) * tick
    if abs(price - near) * _NEAR < price:
        return max(tick, near)
    return max(tick, (price / tick).quantize(Decimal(1), rounding=rounding) * tick)


def share_of(volume: float, settings: FillSettings) -> Decimal | None:
    """What our orders may have of a row's volume; None where volumes are not looked at."""
    if not settings.participation:
        return None
    if settings.participation == 1.0:
        return exact(volume)
    with localcontext(prec=_PREC):
        return max(ZERO, exact(volume) * exact(settings.participation))

"""What a data market accepts: steps and minimums as a known market has them, or as the data shows them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ganglion.simulation.backtest.errors import BacktestError
from ganglion.simulation.data import Bars, Series
from ganglion.simulation.data.checking import step_of
from ganglion.simulation.venue.markets import QUANTUM, Market, MarketError, default_market

LARGEST = Decimal(10) ** 9
FINEST = Decimal("0.00000001")
NEAR = 20
"""A known market whose usual price is no further than this factor away is the one that is meant."""


def market_of(symbol: str, series: Sequence[Series], maker_fee: Decimal, taker_fee: Decimal) -> Market:
    """A market that takes every price of the data, and amounts as fine as tick and quantum allow.

    Args:
        symbol: whose market it is.
        series: what moves it; the finest step of their prices is the tick.
        maker_fee: share of a fill.
        taker_fee: likewise.

    Raises:
        BacktestError: the symbol is no spot market.
    """
    try:
        known = default_market(symbol, maker_fee, taker_fee)
    except MarketError as error:
        raise BacktestError(str(error)) from error
    steps = [step for one in series if (step := step_of(one.close if isinstance(one, Bars) else one.price))]
    price = next((_first_price(one) for one in series if len(one)), known.price)
    usual = price / NEAR < known.price < price * NEAR
    # Prices that happen to be round say nothing about the market: none has steps of a hundredth of a percent.
    finest = known.tick if usual else Decimal(1).scaleb(price.adjusted() - 4)
    tick = max(min([finest, *steps]), FINEST)
    if tick == known.tick and usual:
        step, least = known.step, known.min_quantity
    else:
        # A thousandth of what a unit of the quote buys is fine enough for anything, as far as the quantum lets it be.
        step = max(QUANTUM / tick, Decimal(1).scaleb((1 / price).adjusted() - 2))
        least = step
    return Market(
        symbol=symbol,
        base=known.base,
        quote=known.quote,
        price=price,
        tick=tick,
        step=step,
        min_quantity=least,
        max_quantity=LARGEST,
        min_notional=known.min_notional,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
    )


def _first_price(series: Series) -> Decimal:
    return Decimal(repr(series.open[0] if isinstance(series, Bars) else series.price[0]))

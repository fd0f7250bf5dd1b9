"""The markets of a paper account: what the real exchange accepts, with the fees that are to be assumed.

Pure. The engine keeps money to eight decimals; where a real market is finer than that, amounts become coarser here, and
the bot is told the same.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ganglion.messages import market as told
from ganglion.messages.values import base_of, quote_of
from ganglion.simulation.venue.markets import QUANTUM, Market, MarketError

LARGEST = Decimal(10) ** 15
"""No paper order is too large for its market: `participation` and the book say what it gets."""
COARSER = 24
"""Powers of ten that are tried."""


def market_of(market: told.Market, maker_fee: Decimal, taker_fee: Decimal) -> Market:
    """A market of the engine, as the exchange describes it.

    Raises:
        MarketError: it says no steps, or some that are none.
    """
    if market.price_step == market.amount_step == QUANTUM:
        text = "its exchange does not say in which steps prices and amounts go"
        raise MarketError(f"{market.symbol}: {text}, and paper money is exact only in known ones")
    step = exact_step(market.price_step, market.amount_step)
    return Market(
        symbol=market.symbol,
        base=base_of(market.symbol),
        quote=quote_of(market.symbol),
        # Until the first book; nothing is placed before.
        price=market.price_step,
        tick=market.price_step,
        step=step,
        min_quantity=max(market.min_amount, step),
        max_quantity=LARGEST,
        min_notional=market.min_cost,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
    )


def exact_step(tick: Decimal, step: Decimal) -> Decimal:
    """The step itself, or the least power of ten of it at which every fill's cost is exact."""
    for _ in range(COARSER):
        if not (tick * step) % QUANTUM:
            return step
        step *= 10
    return step


def as_told(real: told.Market, market: Market) -> told.Market:
    """What the bot hears of a market: the exchange's words, with the engine's numbers."""
    return msgspec.structs.replace(
        real,
        price_step=market.tick,
        amount_step=market.step,
        min_amount=market.min_quantity,
        min_cost=market.min_notional,
        maker_fee=market.maker_fee,
        taker_fee=market.taker_fee,
    )

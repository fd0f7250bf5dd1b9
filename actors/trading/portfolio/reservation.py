"""What an open order holds back: its worst-case cost and fee, in the asset that the venue charges.

Pure. A buy reserves quote at its limit (or protection price), a sell reserves base; the fee is added where the venue
takes it in that same asset (`Market.fee_side`). The need follows from what is not filled yet, so that nothing is
left over, to the last digit, once an order is closed.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ganglion.actors.trading.money import minus, plus, times
from ganglion.messages.market import Market
from ganglion.messages.orders import Intent, OrderUpdate
from ganglion.messages.values import ZERO, Asset, Side, Symbol, base_of, quote_of

_FEE_ON_TOP = {
    # fee_side: sides whose fee comes on top of what the order itself takes
    "get": (),
    "give": (Side.BUY, Side.SELL),
    "quote": (Side.BUY,),
    "base": (Side.SELL,),
}


class ReservationError(ValueError):
    """An order whose worst case can't be told."""


def fee_on_top(side: Side, market: Market | None) -> Decimal:
    """The worst fee, as a share, that is charged in the asset which the order pays with."""
    if market is None or side not in _FEE_ON_TOP.get(market.fee_side, (Side.BUY, Side.SELL)):
        return ZERO
    return max(market.maker_fee, market.taker_fee, ZERO)


class Reservation(msgspec.Struct, kw_only=True):
    """One order's hold on one asset."""

    intent_id: str
    mode: str
    symbol: Symbol
    side: Side
    amount: Decimal
    price: Decimal
    """The worst one; 0 for a sell, which pays in base."""
    fee_rate: Decimal
    """A share that comes on top in the reserved asset."""
    filled: Decimal
    amends: str | None
    """The intent that it replaces: until that one has ended only what exceeds it is held."""
    asset: Asset
    """What it holds back."""

    @property
    def need(self) -> Decimal:
        """What it may still cost at worst."""
        rest = minus(self.amount, self.filled)
        if rest <= ZERO:
            return ZERO
        cost = times(rest, self.price) if self.side is Side.BUY else rest
        return plus(cost, times(cost, self.fee_rate)) if self.fee_rate else cost


def reservation_of(order: Intent | OrderUpdate, market: Market | None, *, amends: str | None = None) -> Reservation:
    """The hold of an intent that is to be placed, or of an order that is open.

    Raises:
        ReservationError: for a buy without a price.
    """
    price, buys = order.price, order.side is Side.BUY
    if price is None:
        if buys:
            raise ReservationError(
                f"a {order.type} buy of {order.symbol} without a price: give the worst price to reserve at"
            )
        price = ZERO
    return Reservation(
        intent_id=order.intent_id,
        mode=order.mode,
        symbol=order.symbol,
        side=order.side,
        amount=order.amount,
        price=price if buys else ZERO,
        fee_rate=fee_on_top(order.side, market),
        filled=order.filled if isinstance(order, OrderUpdate) else ZERO,
        amends=amends,
        asset=quote_of(order.symbol) if buys else base_of(order.symbol),
    )

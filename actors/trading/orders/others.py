"""Open orders at the venue that are not ours: they lock funds, and one with our tag is an orphan.

Pure. The orders actor keeps one of these per incarnation; each whole reading replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ganglion.actors.trading.money import add_to, minus, plus, times
from ganglion.actors.trading.orders.line import ENDED_WORDS
from ganglion.messages.orders import Balance, VenueOrder
from ganglion.messages.values import ZERO, Asset, Side, Symbol, base_of, quote_of


class Others:
    """External open orders by (symbol, venue id)."""

    def __init__(self) -> None:
        self._orders: dict[tuple[Symbol, str], VenueOrder] = {}
        self._ended: dict[tuple[Symbol, str], None] = {}

    def replace(self, orders: Iterable[VenueOrder]) -> None:
        """A whole reading: these and no others are open."""
        self._orders.clear()
        for order in orders:
            self.see(order)

    def see(self, order: VenueOrder) -> bool:
        """One external order as the venue tells it now; True if what is locked may have changed."""
        key = (order.symbol, order.venue_id or order.client_id or "")
        if order.status in ENDED_WORDS:
            self._ended[key] = None
            return self._orders.pop(key, None) is not None
        if key in self._ended:
            return False
        known = self._orders.get(key)
        if known is not None and (known.filled or ZERO) > (order.filled or ZERO):
            return False
        self._orders[key] = order
        return known != order

    def locked(self) -> tuple[Balance, ...]:
        """What they lock per asset, in `used`: the rest of a sell, the rest of a buy at its price."""
        sums: dict[Asset, Decimal] = {}
        for order in self._orders.values():
            rest = minus(order.amount or ZERO, order.filled or ZERO)
            if order.side is Side.SELL:
                add_to(sums, base_of(order.symbol), rest)
            elif order.side is Side.BUY and order.price is not None:
                add_to(sums, quote_of(order.symbol), times(rest, order.price))
        return tuple(Balance(asset, ZERO, used) for asset, used in sorted(sums.items()) if used)


def came_back_empty(balances: Iterable[Balance], expected: dict[Asset, Decimal]) -> bool:
    """Whether a venue shows no money at all where fills and opening balances say there is some."""
    held = ZERO
    for balance in balances:
        held = plus(held, abs(balance.total))
    return not held and any(amount > 0 for amount in expected.values())

"""What a user stream said of its orders before: some venues name an order's market in its first report only.

Used by streams.py. Bounded: the oldest are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from ganglion.actors.exchange.ccxt import convert
from ganglion.actors.exchange.quirks import Quirks
from ganglion.messages.orders import VenueOrder

MOST = 10_000


class SeenOrders:
    """Market and client id by the venue's id."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._known: OrderedDict[str, tuple[str, str | None]] = OrderedDict()

    def order_of(self, raw: Mapping[str, Any]) -> VenueOrder:
        """A streamed order, with what earlier reports said of it.

        Raises:
            IncompleteError: it has no id: it is no order.
        """
        rule, fields = self._quirks.client_id, self._quirks.streamed_order_fields
        venue_id = str(raw.get("id") or "")
        symbol, client_id = self._known.get(venue_id, ("", None))
        order = convert.order_of(convert.with_raw_fields(raw, fields), rule, symbol, client_id)
        if venue_id:
            self._known[venue_id] = (order.symbol, order.client_id)
            self._known.move_to_end(venue_id)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return order

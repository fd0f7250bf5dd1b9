"""Every end that an order line believes in, held against the venue as soon as it is believed.

Part of the oracle: it watches each order of the bot from its arrival until the line of it is terminal. An end is
believed on the venue's word and with all fills, so at that instant both must tell the same; that later evidence would
have mended a wrong one is no excuse, because its funds were free meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ganglion.actors.trading.money import plain
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.line import Line
from ganglion.messages.orders import OrderState
from ganglion.simulation.venue.orders import Order, OrderStatus

MEANS: Mapping[OrderStatus, frozenset[OrderState]] = {
    OrderStatus.NEW: frozenset({OrderState.ACCEPTED}),
    OrderStatus.PARTIALLY_FILLED: frozenset({OrderState.PARTIALLY_FILLED}),
    OrderStatus.FILLED: frozenset({OrderState.FILLED}),
    OrderStatus.CANCELED: frozenset({OrderState.CANCELED}),
    # Venues tell the rest of an IOC order, and the end of a self-trade, as one or the other.
    OrderStatus.EXPIRED: frozenset({OrderState.EXPIRED, OrderState.CANCELED}),
    OrderStatus.EXPIRED_SELF_TRADE: frozenset({OrderState.EXPIRED, OrderState.CANCELED}),
}
"""The states that a line may have once it knows where its order stands."""


class Ends:
    """Orders of one account whose lines have not come to their end."""

    def __init__(self) -> None:
        self._standing: dict[str, Order] = {}
        """By client id."""

    def watch(self, order: Order) -> None:
        """An order of the bot has arrived."""
        self._standing.setdefault(order.client_id, order)

    def look(self, ledger: Ledger) -> Iterator[tuple[Order, str]]:
        """Orders whose lines have ended otherwise than they did, each once, and what is wrong."""
        for client_id, order in list(self._standing.items()):
            line = ledger.lines.get(client_id)
            if line is not None and (not line.state.terminal or line.presumed):
                continue  # what votes of absence have ended, evidence may take back
            del self._standing[client_id]
            text = "" if line is None else _apart(line, order)
            if text:
                yield order, text


def _apart(line: Line, order: Order) -> str:
    if line.state in MEANS[order.status] and line.filled == order.filled:
        return ""
    return (
        f"intent {line.intent.intent_id} of {line.intent.mode} has ended as {line.state}, filled {plain(line.filled)} "
        f"({line.reason or 'no reason given'}), and that is not how its order stands"
    )

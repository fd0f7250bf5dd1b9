"""Judges what modes decide on and how much: books that are the venue's, and no more orders than a mode means to have.

Called by the world while it runs, between two ticks of its venues. Both compare a belief with the venue's truth at an
instant at which nothing is on its way; where something is, they wait for the next look.
"""

from __future__ import annotations

from collections.abc import Iterator

from ganglion.actors.market.order_book import OrderBookActor
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.messages.lifecycle import Violation
from ganglion.messages.values import Symbol
from ganglion.simulation.judging import inside
from ganglion.simulation.judging.oracle import VenueOracle
from ganglion.simulation.port import SimulatedExchange
from ganglion.supervision import System

LEVELS = 5
"""Of each side that are compared."""
QUIET_S = 15.0
"""Without a fault at the venue before its books are compared: frames come up to 10 s late."""
Levels = list[tuple[float, float]]


class Books:
    """Whether the books of one exchange are the venue's."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange

    def look(self, system: System, paths: tuple[str, ...]) -> list[Violation]:
        """Judge I8 for each whole book at these paths: price by price and size by size.

        To be called when nothing that the last tick has told can still be on its way.
        """
        faults, now_s = self._exchange.faults, self._exchange.timeline.now_s
        if faults.on or now_s - faults.over_s < QUIET_S:
            return []
        found = []
        for path in paths:
            actor = inside.actor_at(system, path, OrderBookActor)
            text = "" if actor is None else self._apart(actor)
            if text:
                found.append(Violation("I8", self._exchange.name, text))
        return found

    def _apart(self, actor: OrderBookActor) -> str:
        symbol, book = actor._symbol, actor._book  # noqa: SLF001 - the judge looks inside
        behind = book.sequence != self._exchange.sequences.get(symbol) or self._exchange.changed(symbol)
        if actor._exchange != self._exchange.name or actor._doubt or behind:  # noqa: SLF001 - as above
            return ""
        here = _nearest(book._bids, reverse=True), _nearest(book._asks, reverse=False)  # noqa: SLF001 - as above
        bids, asks = self._exchange.core.engine.books[symbol].depth(LEVELS)
        there = _floats(bids), _floats(asks)
        if here == there:
            return ""
        return f"{symbol} is whole at {book.sequence} with {_said(here)}, at the venue it is {_said(there)}"


def _nearest(side: dict[float, float], *, reverse: bool) -> Levels:
    return sorted(side.items(), reverse=reverse)[:LEVELS]


def _floats(levels: object) -> Levels:
    return [(float(price), float(size)) for price, size in levels]  # type: ignore[attr-defined]


def _said(sides: tuple[Levels, Levels]) -> str:
    return " and ".join(
        f"{name} {', '.join(f'{size:g} at {price:g}' for price, size in side[:3])}"
        for name, side in zip(("bids", "asks"), sides, strict=True)
    )


def judge_modes(oracle: VenueOracle, ledger: Ledger, system: System) -> Iterator[Violation]:
    """Judge I4: a mode that came back and decided twice has more orders at the venue than it means to have."""
    count: dict[tuple[str, Symbol], int] = {}
    for order in oracle.account.open.values():
        line = ledger.lines.get(order.client_id)
        if line is not None and not line.cancel_asked and not (line.presumed and oracle.withheld(order)):
            key = (line.intent.mode, order.symbol)
            count[key] = count.get(key, 0) + 1
    for name, most in inside.most_orders(system, oracle.name):
        for (mode, symbol), open_orders in count.items():
            if mode == name and open_orders > most:
                text = f"{mode} has {open_orders} orders open in {symbol}, and means to have {most} at most"
                yield oracle.violation("I4", f"{text}: it has decided twice")

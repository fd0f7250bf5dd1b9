"""The run's loop over a recorded order book: the real book actor is fed, the venue's prices are the book's.

One step of run.py, apart because only books need it. The rows of one time are one message. What the data shows is what
our orders can take; what they took is there again with the next change, and nobody reacts to them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ganglion.actors.market.order_book import OrderBook
from ganglion.messages.market import BookDelta, BookSnapshot
from ganglion.simulation.backtest.exchange import MOST_LEVELS
from ganglion.simulation.data import BUY, BookDeltas

if TYPE_CHECKING:
    from ganglion.simulation.backtest.run import Backtest, Feed


def book_rows(run: Backtest, feed: Feed, deltas: BookDeltas) -> Iterator[None]:
    """Go through a book, a row a step; what a time's rows come to is told with the last of them."""
    exchange, symbol, name, base_ms = feed.exchange, feed.symbol, feed.name, run.start_ms
    book, sequence, begins = OrderBook(), 0, False
    bids: list[tuple[float, float]] = []
    asks: list[tuple[float, float]] = []
    feed.mids = mids = array("d")
    times, rows = deltas.time_ms, len(deltas)

    def snapshot() -> BookSnapshot:
        return BookSnapshot(name, symbol, *book.depth(), book.sequence, run.now_s())

    exchange.snapshots[symbol] = snapshot
    for row in range(rows):
        if deltas.first[row]:
            begins = True
            bids.clear()
            asks.clear()
        (bids if deltas.side[row] == BUY else asks).append((deltas.price[row], deltas.amount[row]))
        if row + 1 == rows or times[row + 1] != times[row]:
            time_ms = times[row]
            now_s = (time_ms - base_ms) / 1000
            run.advance(now_s)
            sequence += 1
            message: BookSnapshot | BookDelta
            if begins:
                message = BookSnapshot(name, symbol, tuple(bids), tuple(asks), sequence, now_s)
                book.apply_snapshot(message)
            else:
                message = BookDelta(name, symbol, tuple(bids), tuple(asks), sequence - 1, sequence, now_s)
                book.apply_delta(message)
            begins = False
            bids.clear()
            asks.clear()
            if 0.0 < book.bid < book.ask and (symbol in exchange.waiting or exchange.open_orders):
                exchange.begin_book(symbol, *book.depth(MOST_LEVELS))
                if symbol in exchange.waiting:
                    exchange.arrive(symbol, time_ms, time_ms)
                exchange.cross_book(symbol)
            exchange.tell(message)
            run.drain()
        mids.append((book.bid + book.ask) / 2 if book.bid and book.ask else mids[-1] if mids else 0.0)
        feed.rows += 1
        yield

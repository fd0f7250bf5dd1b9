"""One real market as paper orders meet it: its book, what of it they have taken, and its price over time.

Pure. Nobody at the exchange hears of paper orders, so what they took still stands in its book: it is kept here, and is
not there for them again before the level has gone or grown.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from ganglion.actors.market.order_book import Applied, OrderBook
from ganglion.messages.market import BookDelta, BookSnapshot, Levels
from ganglion.messages.values import ZERO, Symbol
from ganglion.messages.venue import BookFetched
from ganglion.simulation.data import Gap, Trades
from ganglion.simulation.data.columns import Facts

SAMPLE_MS = 1_000
"""Between two points of the price curve."""
SILENT_S = 5.0
"""A stream that has said nothing for so long may have stopped: a book that was read is believed before it."""
USABLE = (Applied.TOP, Applied.DEEPER)
Taken: TypeAlias = dict[float, Decimal]
"""Amounts by price."""


class LiveMarket:
    """See the file's docstring."""

    def __init__(self, exchange: str, symbol: Symbol) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self._streamed = OrderBook()
        self.book = self._streamed
        """What orders meet: the streamed book, or one that was read while no stream brings any."""
        self.live = False
        """Its stream is up and its book whole: silence means that nothing changed."""
        self.since_ms = 0
        """Trades before this are old news: the connection came back, or an order was placed, after them."""
        self.rows = 0
        """Book messages and public trades."""
        self.taken: tuple[Taken, Taken] = ({}, {})
        """Of bids and asks, what paper orders have of levels that still stand."""
        self.gaps: list[Gap] = []
        self._lost_ms: int | None = None
        self._why = ""
        self._times = array("q")
        self._mids = array("d")

    # -------------------------------------------------------------- the book

    def heard(self, message: BookSnapshot | BookDelta, now_ms: int) -> bool:
        """Follow the streamed book; whether orders can meet it now."""
        if isinstance(message, BookSnapshot):
            applied = self._streamed.apply_snapshot(message)
            for taken, levels in zip(self.taken, (message.bids, message.asks), strict=True):
                _keep(taken, levels)
        else:
            applied = self._streamed.apply_delta(message)
            if applied is Applied.OLD:
                return False
            for taken, levels in zip(self.taken, (message.bids, message.asks), strict=True):
                if taken:
                    for price, size in levels:
                        if not size:
                            taken.pop(price, None)
        self.book = self._streamed
        return self._look(applied, now_ms, streamed=True)

    def read(self, message: BookFetched, received_s: float, now_ms: int) -> bool:
        """Take a book that was read by request where the stream brings none; whether orders can meet it now."""
        if self.live and received_s - self._streamed.received_s < SILENT_S:
            return False
        read, before = OrderBook(), self._streamed
        book = BookSnapshot(self.exchange, self.symbol, message.bids, message.asks, 0, received_s)
        applied = read.apply_snapshot(book)
        if self.live and (read.bid, read.ask) == (before.bid, before.ask):
            return False  # a quiet market
        self.book = read
        for taken, levels in zip(self.taken, (message.bids, message.asks), strict=True):
            _keep(taken, levels)
        return self._look(applied, now_ms, streamed=False)

    def _look(self, applied: Applied, now_ms: int, *, streamed: bool) -> bool:
        self.rows += 1
        usable = applied in USABLE
        if usable:
            self._found(now_ms)
            self._sample(now_ms)
        self.live = usable and streamed
        return usable

    def levels(self, most: int | None) -> tuple[Levels, Levels]:
        """The best levels of both sides; None for all."""
        return self.book.depth(most)

    def take(self, side: int, price: float, amount: Decimal) -> None:
        """Paper orders took so much of a level of the bids (0) or the asks (1)."""
        taken = self.taken[side]
        taken[price] = taken.get(price, ZERO) + amount

    # -------------------------------------------------------------- what is known of it

    def lost(self, now_ms: int, why: str) -> None:
        """Nothing is known of it until the next book."""
        self.live = False
        if self._lost_ms is None and self._times:
            self._lost_ms, self._why = now_ms, why

    def _found(self, now_ms: int) -> None:
        if not self.live:
            self.since_ms = max(self.since_ms, now_ms)
        if self._lost_ms is not None:
            self.gaps.append(Gap(self._lost_ms, now_ms, self._why))
            self._lost_ms = None

    def _sample(self, now_ms: int) -> None:
        if not self._times or now_ms - self._times[-1] >= SAMPLE_MS:
            self._times.append(now_ms)
            self._mids.append((self.book.bid + self.book.ask) / 2)

    def end(self, now_ms: int) -> None:
        """The run is over: the last price stands until here."""
        if self._times and now_ms > self._times[-1]:
            self._times.append(now_ms)
            mid = (self.book.bid + self.book.ask) / 2 if self.book.bid and self.book.ask else self._mids[-1]
            self._mids.append(mid)
        if self._lost_ms is not None:
            self.gaps.append(Gap(self._lost_ms, max(now_ms, self._lost_ms), self._why))
            self._lost_ms = None

    def prices(self) -> Trades:
        """Its sampled mids, in the form that records are made of."""
        count = len(self._times)
        return Trades(
            self.exchange,
            self.symbol,
            self._times[:],
            self._mids[:],
            array("d", bytes(8 * count)),
            bytearray(count),
            facts=Facts(files=("live",), gaps=tuple(self.gaps)),
        )


def _keep(taken: Taken, levels: Sequence[tuple[float, float]]) -> None:
    """Forget what was taken of levels that are gone."""
    if taken:
        there = {price for price, _ in levels}
        for price in [price for price in taken if price not in there]:
            del taken[price]

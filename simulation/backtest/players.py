"""Actors in the places of order books and candles: what stands there publishes what the data says.

Trades and bars carry no book, so there is nothing to keep; whoever subscribed to these places hears the same messages
as live. The run tells the subscribers itself (run.py, for speed); what these actors pass on is the rest: that a book
is not fed any more, and whatever is told to them directly.
"""

from __future__ import annotations

from typing import TypeAlias

from ganglion.messages.lifecycle import ConnectionChanged
from ganglion.messages.market import (
    BookDelta,
    BookInvalid,
    BookSnapshot,
    Candle,
    CandlesRead,
    TopOfBook,
    TradeTick,
)
from ganglion.supervision import Actor, receives

ToQuotes: TypeAlias = TopOfBook | BookSnapshot | BookDelta | BookInvalid
ToBars: TypeAlias = Candle | TradeTick | CandlesRead | ConnectionChanged


class QuotePlayer(Actor[ToQuotes]):
    """In the place of an order book: the best prices around the data's price."""

    @receives
    def top(self, message: TopOfBook) -> None:
        """From the data."""
        self.publish(message)

    @receives
    def snapshot(self, message: BookSnapshot) -> None:
        """The data has no book."""

    @receives
    def delta(self, message: BookDelta) -> None:
        """As above."""

    @receives
    def invalid(self, message: BookInvalid) -> None:
        """The exchange's stream ended: nobody may decide."""
        self.publish(message)


class BarPlayer(Actor[ToBars]):
    """In the place of candles: the data's own bars, or what its trades come to."""

    @receives
    def bar(self, message: Candle) -> None:
        """From the data."""
        self.publish(message)

    @receives
    def trade(self, message: TradeTick) -> None:
        """The bars are there already."""

    @receives
    def read(self, message: CandlesRead) -> None:
        """As above."""

    @receives
    def connection(self, message: ConnectionChanged) -> None:
        """As above."""

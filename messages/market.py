"""Market data: what exchange actors say to books, candles and modes.

Prices and sizes are floats. `exchange` is the arm's name in the configuration. `received_s` is the arrival
by the system's monotonic clock in seconds; `*_ms` are the venue's own timestamps, milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import ClassVar, TypeAlias

from ganglion.messages.base import Message, Overflow
from ganglion.messages.values import Side, Symbol

Levels: TypeAlias = tuple[tuple[float, float], ...]
"""(price, size) pairs; a size of 0 removes the level in a delta."""


class BookSnapshot(Message, frozen=True, gc=False):
    """A whole order book, best level first on each side; replaces what was known."""

    exchange: str
    symbol: Symbol
    bids: Levels
    asks: Levels
    sequence: int
    """The venue's number of the last change in it; 0 where the venue has none."""
    received_s: float

    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        """One per symbol: a newer snapshot makes an older one worthless."""
        return self.symbol


class BookDelta(Message, frozen=True, gc=False):
    """Changed levels of one order book; it applies to the book whose sequence is `previous`."""

    exchange: str
    symbol: Symbol
    bids: Levels
    asks: Levels
    previous: int
    """The sequence that this delta follows; a book at another one has a gap."""
    sequence: int
    """The book's sequence once applied."""
    received_s: float


class TopOfBook(Message, frozen=True, gc=False):
    """Best bid and ask of a book that is whole, uncrossed and fresh; what modes decide on."""

    exchange: str
    symbol: Symbol
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    sequence: int
    received_s: float

    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        """One per symbol of an exchange."""
        return (self.exchange, self.symbol)

    @property
    def mid(self) -> float:
        """Halfway between best bid and best ask."""
        return (self.bid + self.ask) / 2


class BookInvalid(Message, frozen=True, gc=False):
    """The book can't be decided on until the next TopOfBook: gap, crossed, stale, overflowed or disconnected."""

    exchange: str
    symbol: Symbol
    reason: str


class ResyncBook(Message, frozen=True, gc=False):
    """A book's request to its exchange for a new snapshot."""

    symbol: Symbol
    reason: str

    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        """One per symbol: asking twice is asking once."""
        return self.symbol


class TradeTick(Message, frozen=True, gc=False):
    """One public trade."""

    exchange: str
    symbol: Symbol
    trade_id: str
    side: Side
    """The taker's side."""
    price: float
    size: float
    timestamp_ms: int
    received_s: float


class Ticker(Message, frozen=True, gc=False):
    """The venue's own summary of a market over 24 hours."""

    exchange: str
    symbol: Symbol
    last: float
    volume: float
    timestamp_ms: int
    received_s: float

    overflow: ClassVar[Overflow] = Overflow.CONFLATE

    def conflation_key(self) -> Hashable:
        """One per symbol of an exchange."""
        return (self.exchange, self.symbol)


class Candle(Message, frozen=True, gc=False):
    """Open, high, low, close and volume of one closed interval; no trade, no candle."""

    exchange: str
    symbol: Symbol
    timeframe: str
    """ccxt's spelling: `1m`, `1h`."""
    open_ms: int
    """Start of the interval."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    complete: bool = True
    """False where trades of the interval are known to be missing (a reconnect, an overflow)."""


class CandlesRequest(Message, frozen=True, gc=False):
    """A candle actor's request to its exchange for history; answered with CandlesRead."""

    symbol: Symbol
    timeframe: str
    since_ms: int | None
    limit: int


class CandlesRead(Message, frozen=True, gc=False):
    """The venue's own candles, oldest first; the last may still be open. `error` says why there are none."""

    symbol: Symbol
    timeframe: str
    candles: tuple[Candle, ...]
    read_ms: int
    """The venue's clock when they were read."""
    error: str | None = None


class Market(Message, frozen=True, gc=False):
    """What a venue accepts in one market; money as Decimal because orders are cut to it."""

    exchange: str
    symbol: Symbol
    price_step: Decimal
    amount_step: Decimal
    min_amount: Decimal
    min_cost: Decimal
    """Least notional of an order in the quote asset; 0 where the venue names none."""
    maker_fee: Decimal
    """A share: 0.001 is 0.1 %."""
    taker_fee: Decimal
    fee_side: str = "get"
    """ccxt's word: the fee is taken in the asset received (`get`), paid (`give`), `base` or `quote`."""
    active: bool = True

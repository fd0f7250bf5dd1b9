"""Candles of a longer timeframe, made of bars or trades as they come: no trade, no candle.

Pure. The run asks it for what is closed; live, `actors/market/candles` does the same from the venue's stream.
"""

from __future__ import annotations

from collections.abc import Sequence

from ganglion.actors.market.candles.timeframe import Timeframe
from ganglion.messages.market import Candle
from ganglion.messages.values import Symbol
from ganglion.supervision.cell import Cell


class CandleMaker:
    """The candle of one timeframe that is open now."""

    def __init__(self, exchange: str, symbol: Symbol, timeframe: str, hearers: Sequence[Cell]) -> None:
        """Begin with none.

        Raises:
            TimeframeError: if the timeframe is no timeframe.
        """
        self.hearers = list(hearers)
        """Who is told."""
        self.closes_ms: int | None = None
        """When the open candle closes; None where there is none."""
        self._exchange = exchange
        self._symbol = symbol
        self._timeframe = Timeframe(timeframe)
        self._open_ms = 0
        self._open = self._high = self._low = self._close = self._volume = 0.0

    def bar(
        self, open_ms: int, close_ms: int, open_: float, high: float, low: float, close: float, volume: float
    ) -> list[Candle]:
        """Take a bar in; the candles that are closed with it."""
        made = []
        if self.closes_ms is not None and open_ms >= self.closes_ms:
            made.append(self._made())  # its last bar is missing in the data
        self._begin(open_ms, open_)
        self._high, self._low = max(self._high, high), min(self._low, low)
        self._close = close
        self._volume += volume
        if self.closes_ms is not None and close_ms >= self.closes_ms:
            made.append(self._made())
        return made

    def trade(self, time_ms: int, price: float, amount: float) -> None:
        """Take a trade in; the caller has closed what ended before it."""
        self._begin(time_ms, price)
        self._high, self._low = max(self._high, price), min(self._low, price)
        self._close = price
        self._volume += amount

    def close(self, now_ms: int) -> Candle | None:
        """The candle whose time is over."""
        return self._made() if self.closes_ms is not None and self.closes_ms <= now_ms else None

    def _begin(self, time_ms: int, price: float) -> None:
        if self.closes_ms is None:
            self._open_ms = self._timeframe.open_ms_of(time_ms)
            self.closes_ms = self._timeframe.end_ms_of(self._open_ms)
            self._open = self._high = self._low = price
            self._volume = 0.0

    def _made(self) -> Candle:
        self.closes_ms = None
        return Candle(
            self._exchange,
            self._symbol,
            self._timeframe.text,
            self._open_ms,
            self._open,
            self._high,
            self._low,
            self._close,
            self._volume,
        )

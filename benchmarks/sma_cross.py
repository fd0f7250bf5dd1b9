"""The mode of `python -m benchmarks.backtest`: buys and sells where a short average of the price crosses a long one."""

from __future__ import annotations

from collections import deque

from ganglion.actors.modes import ModeConfig, TradingMode
from ganglion.messages.market import Candle, TradeTick

SHORT, LONG = 10, 30
AMOUNT = "0.001"


class Average:
    """A moving average of the last so many."""

    __slots__ = ("_length", "_values", "total")

    def __init__(self, length: int) -> None:
        self._length = length
        self._values: deque[float] = deque(maxlen=length)
        self.total = 0.0

    def add(self, value: float) -> bool:
        """One more; whether there are enough."""
        values = self._values
        if len(values) == self._length:
            self.total -= values[0]
        values.append(value)
        self.total += value
        return len(values) == self._length


class OnTradesConfig(ModeConfig):
    """On every trade."""

    decides: bool = True
    """Without, it only calculates: what a row costs that nothing is decided on."""


class OnBarsConfig(OnTradesConfig):
    """On bars of a minute."""

    timeframe: str = "1m"


class Crossing:
    """The rule itself."""

    def __init__(self) -> None:
        self._short, self._long = Average(SHORT), Average(LONG)
        self.holds = False

    def add(self, price: float) -> int:
        """What to do at one more price: 1 buy, -1 sell, 0 nothing."""
        self._short.add(price)
        if not self._long.add(price):
            return 0
        apart = self._short.total / SHORT - self._long.total / LONG
        if apart > 0 and not self.holds:
            self.holds = True
            return 1
        if apart < 0 and self.holds:
            self.holds = False
            return -1
        return 0


class OnBars(TradingMode[OnBarsConfig]):
    """Decides at the close of each bar."""

    def on_start(self) -> None:
        """Begin with nothing."""
        self._crossing = Crossing()

    def on_candle(self, candle: Candle) -> None:
        """Cross or not."""
        todo = self._crossing.add(candle.close)
        if todo and self.config.decides:
            (self.buy if todo > 0 else self.sell)(AMOUNT)


class OnTrades(TradingMode[OnTradesConfig]):
    """Decides at each trade."""

    def on_start(self) -> None:
        """Begin with nothing."""
        self._crossing = Crossing()

    def on_trade(self, trade: TradeTick) -> None:
        """Cross or not."""
        todo = self._crossing.add(trade.price)
        if todo and self.config.decides:
            (self.buy if todo > 0 else self.sell)(AMOUNT)

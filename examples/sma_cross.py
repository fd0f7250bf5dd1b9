"""A trading mode of your own: holds the market while a short average of its closes is above a long one.

In a bot.toml beside it: mode = "sma_cross.py:SmaCross", and its settings below.
"""

from ganglion.actors.modes import ModeConfig, TradingMode
from ganglion.messages.account import Resume
from ganglion.messages.market import Candle


class SmaCrossConfig(ModeConfig):
    """What can be set in the configuration."""

    timeframe: str = "1h"
    short: int = 10
    long: int = 30
    amount: str = "90%a"


class SmaCross(TradingMode[SmaCrossConfig]):
    """Buys when the short average crosses above the long one, sells when it crosses below."""

    def on_resume(self, resume: Resume) -> None:
        """After a restart: whether it holds the market is what it said last."""
        self._holds = self.restore(resume, bool) or False

    def on_candle(self, candle: Candle) -> None:
        """Decide when a candle closes; `self.candles` has the last thousand."""
        closes = [known.close for known in self.candles[-self.config.long :]]
        if len(closes) < self.config.long:
            return
        short, long = sum(closes[-self.config.short :]) / self.config.short, sum(closes) / self.config.long
        if (short > long) != self._holds:
            self._holds = not self._holds
            (self.buy if self._holds else self.sell)(self.config.amount, reason=f"{short:.2f} against {long:.2f}")
            self.save(self._holds)

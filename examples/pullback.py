"""A trading mode of your own: buys a little when the price has fallen, sells it a little higher.

In a bot.toml beside it: mode = "pullback.py:Pullback", and its settings below.
"""

from ganglion.actors.modes import ModeConfig, TradingMode
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import Fill
from ganglion.messages.values import Side


class PullbackConfig(ModeConfig):
    """What can be set in the configuration."""

    fall: str = "-0.1%"
    rise: str = "+0.1%"
    amount: str = "5%"


class Pullback(TradingMode[PullbackConfig]):
    """Buys below the price, sells what it bought above it."""

    def on_book(self, top: TopOfBook) -> None:
        """Wait below the price."""
        if not self.open_orders:
            self.buy(self.config.amount, self.config.fall, reason="waiting for a pullback")

    def on_fill(self, fill: Fill) -> None:
        """Sell above it what was bought."""
        if fill.side is Side.BUY:
            self.sell(fill.amount, self.config.rise, reason="take the profit")

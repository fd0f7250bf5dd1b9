"""A trading mode that decides once: one order, whatever becomes of it. For reply_lost.py."""

from ganglion.actors.modes import ModeConfig, TradingMode
from ganglion.messages.account import Resume


class OneOrderConfig(ModeConfig):
    """Its settings."""

    amount: str = "0.001"
    price: str = "-1%"
    market: bool = False


class OneOrder(TradingMode[OneOrderConfig]):
    """Places one order the first time it can, and never again."""

    def on_resume(self, resume: Resume) -> None:
        """Decide, unless that was done before."""
        if resume.saved_state is None:
            self.save(b"decided")
            price = None if self.config.market else self.config.price
            self.buy(self.config.amount, price, reason="the one order")

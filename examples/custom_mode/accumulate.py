"""A trading mode of your own: buys a fixed amount in slices, a little below the market, and never more than that.

"Never more" is the hard part: the process can be killed between an order and its fill, replies can be lost, fills can
come twice or late. The mode counts what it was told, saves the count, and lets the engine see to the rest.
"""

from decimal import Decimal

import msgspec

from ganglion.actors.modes import ModeConfig, TradingMode
from ganglion.messages.account import Resume
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import Fill


class AccumulateConfig(ModeConfig):
    """What can be set in the configuration."""

    total: Decimal = Decimal("0.05")
    slice: Decimal = Decimal("0.01")
    below: str = "-0.02%"
    patience_s: float = 20.0


class Bought(msgspec.Struct, frozen=True):
    """What is saved: JSON has no exact numbers, so money is text."""

    amount: str = "0"


class Accumulate(TradingMode[AccumulateConfig]):
    """Buys `total` in slices and stops."""

    def most_orders(self) -> int:
        """One slice at a time: a world in which there are two is a violation."""
        return 1

    def on_start(self) -> None:
        """Nothing is known yet."""
        self.bought: Decimal | None = None

    def on_resume(self, resume: Resume) -> None:
        """Begin with what was saved and what was filled since; of a later interruption the fills come to on_fill."""
        if self.bought is None:
            saved = self.restore(resume, Bought) or Bought()
            self.count(Decimal(saved.amount) + sum(fill.amount for fill in resume.fills_since))

    def on_fill(self, fill: Fill) -> None:
        """Each fill is told exactly once."""
        if self.bought is not None:
            self.count(self.bought + fill.amount)

    def on_book(self, top: TopOfBook) -> None:
        """Decide here and nowhere else: by now every fill that is known of has been told."""
        if self.bought is None or self.open_orders:
            return
        left = self.config.total - self.bought
        if left > 0:
            self.buy(min(left, self.config.slice), self.config.below, reason="the next slice")
            self.timer("patience", self.config.patience_s)

    def on_timer(self, key: str) -> None:
        """The market went away: take the order back, the next look at the book places it anew."""
        self.cancel_all(reason="the market went away")

    def count(self, bought: Decimal) -> None:
        """Remember it, on the disk too."""
        self.bought = bought
        self.save(Bought(str(bought)))

"""The treasury: all portfolios in one currency, and what each mode made."""

from ganglion.actors.trading.treasury.actor import TreasuryActor
from ganglion.actors.trading.treasury.losses import LossLimits
from ganglion.actors.trading.treasury.valuation import Prices, results_of

__all__ = ["LossLimits", "Prices", "TreasuryActor", "results_of"]

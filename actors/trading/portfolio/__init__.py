"""The portfolio of an account: what can be afforded, what is reserved, and whose it is."""

from ganglion.actors.trading.portfolio.limits import Limits
from ganglion.actors.trading.portfolio.portfolio import Portfolio, equal_shares, rebuild
from ganglion.actors.trading.portfolio.wiring import ModeWiring, PortfolioSettings

__all__ = ["Limits", "ModeWiring", "Portfolio", "PortfolioSettings", "equal_shares", "rebuild"]

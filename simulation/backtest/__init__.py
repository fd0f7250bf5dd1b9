"""Trading on recorded markets: the fill model, the exchange that data moves, the players of its prices, the run.

`Backtest` (run.py) drives a bot that somebody else has built on `DataExchange`s; it knows a bot by a few addresses.
"""

from __future__ import annotations

from ganglion.simulation.backtest.errors import BacktestError
from ganglion.simulation.backtest.exchange import DataExchange
from ganglion.simulation.backtest.fills import FillSettings
from ganglion.simulation.backtest.markets import market_of
from ganglion.simulation.backtest.players import BarPlayer, QuotePlayer

__all__ = [
    "BacktestError",
    "BarPlayer",
    "DataExchange",
    "FillSettings",
    "QuotePlayer",
    "market_of",
]

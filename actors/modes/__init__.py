"""Trading modes: what decides. A mode is a plain class with hooks; `ModeActor` hosts it in the tree.

`mode` the class that users derive from · `written` its settings as written · `amounts` texts such as "12a%" and
"-1%" · `actor` the host · `registry` modes by name · `market_making` and `grid` the two that come with the house,
their decisions pure in `quotes` and `levels`. A mode talks to its portfolio only, and hears its book, candles and
trades.
"""

from ganglion.actors.modes.actor import ModeActor, ModeMessage, ModeSetup, PortfolioCommand
from ganglion.actors.modes.amounts import AmountError, PriceError
from ganglion.actors.modes.mode import ModeConfig, ModeDefinitionError, OnRestart, SaveError, TradingMode
from ganglion.actors.modes.registry import BrokenModeError, ModeEntry, UnknownModeError, find_mode, known_modes

__all__ = [
    "AmountError",
    "BrokenModeError",
    "ModeActor",
    "ModeConfig",
    "ModeDefinitionError",
    "ModeEntry",
    "ModeMessage",
    "ModeSetup",
    "OnRestart",
    "PortfolioCommand",
    "PriceError",
    "SaveError",
    "TradingMode",
    "UnknownModeError",
    "find_mode",
    "known_modes",
]

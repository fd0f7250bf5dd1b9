"""The simulated venue: a matching engine with a living market, and a local server that speaks an exchange's protocol.

Run one with `python -m ganglion.simulation.venue` or `run_venue(VenueSettings(...))`; point any unmodified ccxt client
at it with `ccxt_settings(base_url, key, secret)`. `VenueProcess` and `VenueControl` start, hurt and question a venue
from tests and demos; `server.serving` runs one on a loop that is there already. The engine itself (`engine.py`) needs
no server, and importing this package does not import one.
"""

from __future__ import annotations

from ganglion.simulation.venue.client import ControlError, VenueControl, VenueProcess
from ganglion.simulation.venue.clients import ccxt_settings
from ganglion.simulation.venue.engine import Engine
from ganglion.simulation.venue.markets import Market, MarketError, default_market
from ganglion.simulation.venue.settings import AccountSettings, SettingsError, VenueSettings, parse_account

__all__ = [
    "AccountSettings",
    "ControlError",
    "Engine",
    "Market",
    "MarketError",
    "SettingsError",
    "VenueControl",
    "VenueProcess",
    "VenueSettings",
    "ccxt_settings",
    "default_market",
    "parse_account",
    "run_venue",
]


def run_venue(settings: VenueSettings) -> int:
    """Run a venue until SIGINT or SIGTERM; the process's exit code (0 stopped, 2 settings that cannot be used)."""
    # aiohttp takes a while to import, and a backtest that uses the engine does not need it
    from ganglion.simulation.venue.server import run_venue as run  # noqa: PLC0415

    return run(settings)

"""Small bots for worlds: one venue, one market, one mode, so that a test takes a tenth of a second."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from ganglion.bot.config import BotConfig, parse
from ganglion.bot.world import make_world
from ganglion.simulation.faults import Fault, Faults
from ganglion.simulation.world.world import World

D = Decimal


def config(name: str = "small", mode: str = "market_making", arm: str = "alpha", venue: str = "binance") -> BotConfig:
    text = f"""
        [bot]
        name = "{name}"
        [exchanges.{arm}]
        id = "{venue}"
        live = true
        symbols = ["BTC/USDT"]
        credentials = {{ key = "env:KEY", secret = "env:SECRET" }}
        [modes.trader]
        mode = "{mode}"
        exchange = "{arm}"
        symbol = "BTC/USDT"
    """
    return parse(text, Path(f"{name}.toml"), {"KEY": "k", "SECRET": "s"})


def world(*faults: Fault, seed: int = 0, **more: object) -> World:
    return make_world(config(), seed=seed, faults=Faults.of(faults), **more)

"""Makes the world of a recipe: the campaign's configuration, or anybody's bot.toml, and no secret is needed for it.

`make_from_recipe` is what a campaign's workers import by its dotted name (`MAKE`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ganglion.actors.modes import TradingMode
from ganglion.bot.config import BotConfig, parse

if TYPE_CHECKING:
    from ganglion.simulation.campaign import Recipe
    from ganglion.simulation.world.world import World

MAKE = "ganglion.bot.recipes:make_from_recipe"
DEFAULT_SOURCE = "default-campaign.toml"
"""What messages call the configuration below; no such file is read."""
DEFAULT_CONFIG = """\
# The default campaign of `ganglion chaos`: two venues, four markets, four modes.
[bot]
name = "chaos"

[exchanges.alpha]
id = "binance"
live = true                 # the world stands in for it: nothing leaves this process
symbols = ["BTC/USDT", "ETH/USDT"]
credentials = { key = "env:ALPHA_KEY", secret = "env:ALPHA_SECRET" }
simulated = { balances = { USDT = 100000, BTC = 1, ETH = 20 } }

[exchanges.beta]
id = "kraken"
live = true
symbols = ["SOL/USDT", "XRP/USDT"]
credentials = { key = "env:BETA_KEY", secret = "env:BETA_SECRET" }
simulated = { balances = { USDT = 100000, SOL = 400, XRP = 100000 } }

# Modes that trade often enough to be hurt, and seldom enough that a thousand worlds are run in minutes.
[modes.alpha-maker]
mode = "market_making"
exchange = "alpha"
symbol = "BTC/USDT"
levels = 1
spread_pct = 0.2
requote_pct = 0.2
min_interval_s = 10

[modes.alpha-grid]
mode = "grid"
exchange = "alpha"
symbol = "ETH/USDT"
levels = 3
step_pct = 0.3
size_pct = 20               # nearly all of its funds

[modes.beta-maker]
mode = "market_making"
exchange = "beta"
symbol = "SOL/USDT"
levels = 1
spread_pct = 0.2
requote_pct = 0.2
min_interval_s = 10

[modes.beta-grid]
mode = "grid"
exchange = "beta"
symbol = "XRP/USDT"
levels = 3
step_pct = 0.3
"""
FILE_REFERENCE = re.compile(r'"\s*file:([^"]*)"')


class _NoSecrets(Mapping[str, str]):
    """An environment in which every secret is set, each to a value of its own: simulated venues ask for none."""

    def __getitem__(self, name: str) -> str:
        return f"simulated-{name}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def unjudged(recipe: Recipe) -> list[str]:
    """Names of a recipe's modes that don't say how many orders they mean to have open: nobody judges that then.

    Raises:
        ConfigError: its configuration can't be used.
    """
    modes = config_of(recipe.config, recipe.source).modes
    silent = TradingMode.most_orders
    return [name for name, mode in modes.items() if mode.entry.kind.most_orders is silent]


@functools.cache
def config_of(text: str = "", source: str = "", *, paper: bool = False) -> BotConfig:
    """The configuration of a recipe; read once in a process.

    Args:
        text: of a bot.toml; "" for the default campaign's.
        source: its path, which relative paths in it start at.
        paper: see `parse`.

    Raises:
        ConfigError: with everything that is wrong.
    """
    # Nor is a secret's file read: it may be on another machine.
    plain = FILE_REFERENCE.sub(lambda found: f'"env:{re.sub(r"[^A-Za-z0-9]", "_", found[1])}"', text)
    return parse(plain or DEFAULT_CONFIG, Path(source or DEFAULT_SOURCE), _NoSecrets(), paper=paper)


def make_from_recipe(recipe: Recipe) -> World:
    """The world of a recipe, at its beginning.

    Raises:
        ConfigError: its configuration can't be used.
    """
    from ganglion.bot.world import make_world  # noqa: PLC0415 - the whole engine

    return make_world(
        config_of(recipe.config, recipe.source),
        seed=recipe.seed,
        faults=recipe.what_goes_wrong(),
        deviate=True if recipe.deviations is None else recipe.deviations,
    )

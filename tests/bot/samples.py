"""Configurations that the tests of the bot start from."""

from pathlib import Path

from ganglion.bot.config import BotConfig, parse
from ganglion.bot.errors import ConfigError, Problem

ENVIRONMENT = {"ALPHA_KEY": "alpha-key-0123456789", "ALPHA_SECRET": "alpha-secret-0123456789"}

GOOD = """
[bot]
name = "test"

[exchanges.alpha]
id = "binance"
symbols = ["BTC/USDT", "ETH/USDT"]

[exchanges.alpha.credentials]
key = "env:ALPHA_KEY"
secret = "env:ALPHA_SECRET"

[exchanges.alpha.ccxt.urls.api]
public = "http://127.0.0.1:8080/api/v3"
private = "http://127.0.0.1:8080/api/v3"

[modes.maker]
mode = "market_making"
exchange = "alpha"
symbol = "BTC/USDT"
spread_pct = 0.1

[modes.grid]
mode = "grid"
exchange = "alpha"
symbol = "ETH/USDT"
"""


def parsed(text: str = GOOD, folder: Path | None = None) -> BotConfig:
    """A configuration of this text."""
    return parse(text, (folder or Path()) / "bot.toml", ENVIRONMENT)


def problems(text: str, folder: Path | None = None) -> dict[str, Problem]:
    """What is wrong with this text, by place."""
    try:
        parsed(text, folder)
    except ConfigError as error:
        return {problem.place: problem for problem in error.problems}
    return {}

"""The configuration of a bot that is to be killed, as anybody would write it: one arm a dialect, both modes on each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from ganglion.simulation.venue.server import DIALECTS
from ganglion.simulation.venue.settings import VenueSettings
from tests.crash.books import Bounds

BOT = "crash"
KEY = "demo"
"""Key, secret and name of the account at every venue."""
SYMBOLS = ("BTC/USDT", "ETH/USDT")
ARMS = {"binance": "alpha", "kraken": "beta"}
LEVELS = {"grid": 4, "market_making": 2}
GRACE_S = 1.0
"""A local venue shows an order at once."""
SEGMENT_BYTES = 12_288
"""So small that a journal rotates within a life."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One venue of a bot."""

    name: str
    dialect: str
    base_url: str


def environment(dialects: Mapping[str, str]) -> dict[str, str]:
    """What the configuration's references to secrets find; dialects by arm."""
    found: dict[str, str] = {}
    for arm, dialect in dialects.items():
        found |= {f"{arm.upper()}_KEY": KEY, f"{arm.upper()}_SECRET": DIALECTS[dialect].api_secret(KEY)}
    return found


def trade_namer(dialect: str) -> Callable[[str, int], str]:
    """How a dialect writes the number of a trade in a market."""
    if dialect != "kraken":
        return lambda _symbol, number: str(number)
    from ganglion.simulation.venue.dialects.kraken.names import Pairs

    return Pairs(VenueSettings(symbols=SYMBOLS).markets()).trade_id


def bounds(arms: Sequence[str]) -> dict[str, Bounds]:
    """How much each mode may have open."""
    return {f"{arm}-{kind}": Bounds(kind, levels) for arm in arms for kind, levels in LEVELS.items()}


def config_text(arms: Sequence[Arm], on_restart: str = "") -> str:
    """The whole bot.toml.

    Args:
        arms: the venues.
        on_restart: `adopt` or `cancel` for both modes; their own where it is empty.
    """
    parts = [f'[bot]\nname = "{BOT}"\ndata = "data"\nsegment_bytes = {SEGMENT_BYTES}']
    for arm in arms:
        parts += [_exchange(arm), *(_mode(arm.name, kind, on_restart) for kind in LEVELS)]
    return "\n\n".join(parts) + "\n"


def _exchange(arm: Arm) -> str:
    settings = import_module(f"ganglion.simulation.venue.dialects.{arm.dialect}.ccxt_settings")
    text: str = settings.toml_text(arm.base_url, SYMBOLS, arm.name)
    table = f"[exchanges.{arm.name}]\n"
    return text.replace(table, f"{table}evidence_grace_s = {GRACE_S}\n", 1)


def _mode(arm: str, kind: str, on_restart: str) -> str:
    """Quotes and levels so close to mid that a lively market fills them within seconds."""
    symbol = SYMBOLS[0] if kind == "market_making" else SYMBOLS[1]
    lines = [f"[modes.{arm}-{kind}]", f'mode = "{kind}"', f'exchange = "{arm}"', f'symbol = "{symbol}"']
    lines += [f"levels = {LEVELS[kind]}", "step_pct = 0.05", "size_pct = 2"]
    if kind == "market_making":
        lines += ["spread_pct = 0.05", "requote_pct = 0.03", "min_interval_s = 0.5"]
    if on_restart:
        lines.append(f'on_restart = "{on_restart}"')
    return "\n".join(lines)

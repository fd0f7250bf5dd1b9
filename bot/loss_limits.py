"""The configuration's loss limits: gathered for the treasury, and checked for whether they can be judged at all.

Pure. `config` asks for problems, `tree` for the limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from ganglion.actors.trading.treasury import LossLimits, Prices
from ganglion.bot.errors import Problem
from ganglion.bot.tables import BotTable, ExchangeTable, ModeTable
from ganglion.messages.values import base_of, quote_of

if TYPE_CHECKING:
    from ganglion.bot.config import BotConfig


def loss_limits_of(config: BotConfig) -> LossLimits:
    """What the treasury watches."""
    accounts = {name: exchange.table.limits.max_loss for name, exchange in config.exchanges.items()}
    modes = {name: (mode.table.exchange, mode.table.limits.max_loss) for name, mode in config.modes.items()}
    return LossLimits(
        bot=config.bot.max_loss,
        accounts={name: most for name, most in accounts.items() if most is not None},
        modes={name: (account, most) for name, (account, most) in modes.items() if most is not None},
    )


def loss_problems(
    bot: BotTable, exchanges: Mapping[str, ExchangeTable], modes: Iterable[tuple[str, ModeTable]]
) -> list[Problem]:
    """Loss limits that could never be judged: no market leads from what a mode trades to the reference currency."""
    prices = Prices(bot.reference)
    for table in exchanges.values():
        for symbol in table.symbols:
            if "/" in symbol:
                prices.set_mid(symbol, 1.0)
    found = []
    for name, mode in modes:
        limits = exchanges[mode.exchange].limits if mode.exchange in exchanges else None
        place = _limited(name, mode, limits.max_loss if limits else None, bot.max_loss)
        assets = (quote_of(mode.symbol), base_of(mode.symbol)) if "/" in mode.symbol else ()
        strange = [asset for asset in assets if prices.rate(asset) is None]
        if place and strange:
            text = f"mode {name} trades {mode.symbol}, and no market of the bot tells what {strange[0]} is in "
            hint = f"list a market such as {strange[0]}/{bot.reference}, or choose another [bot] reference"
            found.append(Problem(place, f"{text}{bot.reference}: its loss can't be judged", hint))
    return found


def _limited(name: str, mode: ModeTable, account: Decimal | None, bot: Decimal | None) -> str:
    """Which limit needs this mode's result; empty where none does."""
    if mode.limits.max_loss is not None:
        return f"modes.{name}.limits.max_loss"
    if account is not None:
        return f"exchanges.{mode.exchange}.limits.max_loss"
    return "" if bot is None else "bot.max_loss"

"""`dead_man_s` in a configuration: whether the exchange has such a switch, and what setting it means.

ccxt is imported only where it is set; nothing is asked over the network.
"""

from __future__ import annotations

from ganglion.actors.exchange.quirks import quirks_of
from ganglion.bot.errors import Problem
from ganglion.bot.tables import ExchangeTable


def dead_man_problems(place: str, table: ExchangeTable, *, has: bool | None) -> list[Problem]:
    """What is wrong with it; `has` is what ccxt says of the exchange, None where ccxt does not know that."""
    seconds = table.dead_man_s
    if seconds is None:
        return []
    where = f"{place}.dead_man_s"
    if table.connector == "simulated" or has is False:
        name = "a simulated exchange" if table.connector == "simulated" else table.id
        return [Problem(where, f"{name} has no dead man's switch", "remove it")]
    rule = quirks_of(table.id or "").dead_man
    if not rule.least_s <= seconds <= rule.most_s:
        return [Problem(where, f"{table.id} takes {rule.least_s:g} to {rule.most_s:g} seconds", "change it")]
    return []


def dead_man_notice(name: str, table: ExchangeTable) -> str | None:
    """What everybody who sets it has to know; None where it is not set."""
    if table.dead_man_s is None:
        return None
    rule = quirks_of(table.id or "").dead_man
    text = (
        f"{name}: dead_man_s = {table.dead_man_s:g}: {table.id} cancels ALL orders of this account, those that are not "
        f"the bot's too, {table.dead_man_s:g} s after it last heard from the bot"
    )
    if not rule.stops:
        text += "; it cannot be switched off, so that this happens after an orderly stop too"
    return f"{text}; {rule.note}" if rule.note else text

"""What a changed configuration would lose sight of at a start: a bot-wide halt, and accounts that it does not name.

Called where the journal was opened, before anything of the bot starts. A state of the whole bot stands in the ledger of
each account: it is carried to those that lack it, and lifted from accounts that are gone, so that it can't come back
from there. Accounts that are gone are told; where one has open orders or was stopped, nothing starts until the
configuration says `forget`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import structlog

from ganglion.actors.trading.journal import Log
from ganglion.actors.trading.money import moved, plain
from ganglion.actors.trading.orders.checkpoint import restore
from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.actors.trading.orders.records import StateLifted, StateSet, encode
from ganglion.bot.errors import AccountsLeftError
from ganglion.messages.orders import Fill
from ganglion.messages.trading import BOT_SCOPE
from ganglion.messages.values import ZERO, base_of

if TYPE_CHECKING:
    from ganglion.bot.config import BotConfig

CARRIED = "a start without this account, which carried it to the others"
"""Who lifted a bot's state from an account that is not configured."""


@dataclass(frozen=True, slots=True)
class _Known:
    """One account as the journal knows it."""

    ledger: Ledger
    trouble: str
    """Why not all of it can be read; empty where all was."""


def look_back(config: BotConfig, log: Log, now_ms: int) -> None:
    """Say which accounts the journal holds and the configuration does not, and let the bot's own states reach all.

    Args:
        config: what is about to start.
        log: the opened journal; records are collected and committed.
        now_ms: by the system's clock.

    Raises:
        AccountsLeftError: such an account has open orders or is not active, and `[bot] forget` does not name it.
    """
    if len(config.exchanges) == 1 and set(log.holds) <= set(config.exchanges):
        return  # nobody to carry anything to: its own order line reads it
    known = {name: _known(name, log) for name in dict.fromkeys((*config.exchanges, *log.holds))}
    gone = {name: account for name, account in known.items() if name not in config.exchanges}
    _tell(gone, config.bot.forget)
    _refuse({name: account for name, account in gone.items() if name not in config.bot.forget}, config.source.name)
    _carry(known, gone, log, now_ms)


def _known(name: str, log: Log) -> _Known:
    found = log.read(name)
    ledger, trouble = restore(name, found.checkpoint, found.records)
    return _Known(ledger, trouble or found.flaw)


# ------------------------------------------------------------------ the bot's own states


def _carry(known: dict[str, _Known], gone: dict[str, _Known], log: Log, now_ms: int) -> None:
    """One batch of the journal, whole or not at all: what is lifted there stands here."""
    told = structlog.get_logger()
    own = (entry for account in known.values() for entry in account.ledger.states.entries if entry.scope == BOT_SCOPE)
    entries = sorted(own, key=lambda entry: entry.cause.at_ms)
    for name, account in known.items():
        states = account.ledger.states
        if name in gone:
            # An invariant's halt beneath another's needs a lift of its own.
            while states.lift(BOT_SCOPE):
                log.collect(name, encode(StateLifted(BOT_SCOPE, CARRIED, now_ms)))
        elif not account.trouble:
            missing = [entry for entry in entries if entry not in states.entries and states.set(entry)]
            for entry in missing:
                log.collect(name, encode(StateSet(entry)))
                told.warning("bot_state_carried", account=name, state=str(entry.state), cause=str(entry.cause))
    log.commit()


# ------------------------------------------------------------------ accounts that are gone


def _tell(gone: dict[str, _Known], forget: Iterable[str]) -> None:
    log = structlog.get_logger()
    for name, account in gone.items():
        if name in forget:
            log.info("account_forgotten", account=name, had=_figures(account))
        else:
            log.warning("account_not_configured", account=name, has=_figures(account), todo=_todo([name]))


def _refuse(gone: dict[str, _Known], source: str) -> None:
    stands = {name: account for name, account in gone.items() if _stands(account)}
    if not stands:
        return
    accounts = "\n".join(f"  {name}: {_figures(account)}" for name, account in stands.items())
    raise AccountsLeftError(
        f"the journal holds what {source} does not name any more, and nobody would look after it:\n{accounts}\n"
        f"{_todo(stands)}. Under another name an account begins without orders, holdings, losses and halts"
    )


def _stands(account: _Known) -> bool:
    ledger = account.ledger
    return bool(account.trouble or ledger.open_lines() or ledger.states.entries)


def _todo(names: Iterable[str]) -> str:
    tables = " and ".join(f"[exchanges.{name}]" for name in names)
    listed = ", ".join(f'"{name}"' for name in names)
    return (
        f"put {tables} back under the old name; or, once you have looked after it at the exchange, leave it behind "
        f"with forget = [{listed}] in [bot]"
    )


def _figures(account: _Known) -> str:
    """Open orders, holdings and states of one account, for people."""
    ledger = account.ledger
    count = len(ledger.open_lines())
    said = [f"{count} open order{'' if count == 1 else 's'}" if count else "no open orders"]
    said += [f"{mode} holds {plain(held)} {asset}" for (mode, asset), held in _held(ledger.fills.values()).items()]
    said += [
        f"{entry.scope} {entry.state} since "
        f"{datetime.fromtimestamp(entry.cause.at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z: {entry.cause}"
        for entry in ledger.states.entries
    ]
    if account.trouble:
        said.append(f"not all of it can be read: {account.trouble}")
    return "; ".join(said)


def _held(fills: Iterable[Fill]) -> dict[tuple[str, str], Decimal]:
    """What modes' own fills left them with, by (mode, base asset)."""
    own: dict[tuple[str, str], list[Fill]] = {}
    for fill in fills:
        if fill.mode is not None:
            own.setdefault((fill.mode, base_of(fill.symbol)), []).append(fill)
    held = {key: moved(those).get(key[1], ZERO) for key, those in own.items()}
    return {key: amount for key, amount in held.items() if amount > 0}

"""Sees to what was parked: a trading mode, an arm whose account can't be trusted to trade, or who watches them.

Subscribed to the system's ActorParked. A parked mode's orders are cancelled and it places nothing; a parked arm (or a
part of one that its account can't do without) halts the account and cancels its orders. Both are told to the portfolio
of the account, which keeps the first cause; while the arm is down that waits and is the first thing it hears. Nothing
else of the bot is touched: the neighbours of what is parked trade on. A guard of the whole bot that is parked (the
monitor, and the treasury where it has loss limits to watch) halts the bot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ganglion.messages.lifecycle import ActorParked, HaltAccount, HaltMode
from ganglion.messages.orders import CancelAll
from ganglion.messages.trading import BOT_SCOPE, By, Cause, SetTradingState, TradingState
from ganglion.supervision import Actor, Address, receives

ToPortfolio: TypeAlias = HaltMode | HaltAccount | SetTradingState | CancelAll
Guarded: TypeAlias = Mapping[str, tuple[str, Address[ToPortfolio]]]
"""A mode's or an account's name and its portfolio, by the path of an actor."""


class WardenActor(Actor[ActorParked]):
    """Knows which portfolio stands behind which mode and which arm."""

    def __init__(self, modes: Guarded, accounts: Guarded, guards: Mapping[str, str] | None = None) -> None:
        """Name each mode and each account by the paths that it can't do without.

        Args:
            modes: by path.
            accounts: by path.
            guards: what nobody looks after any more once the actor at a path is parked; then every account is halted.
        """
        self._modes = dict(modes)
        self._accounts = dict(accounts)
        self._guards = dict(guards or {})

    @receives
    def parked(self, message: ActorParked) -> None:
        """Take back the orders of whoever stood there."""
        cause = f"parked: {message.failure.error}: {message.failure.text}"
        if message.path in self._modes:
            mode, portfolio = self._modes[message.path]
            self.log.error("mode_parked", mode=mode, cause=cause)
            portfolio.tell(HaltMode(mode=mode, cause=cause, by=By.PARKED))
            portfolio.tell(CancelAll(mode=mode, reason=cause))
        elif message.path in self._accounts:
            account, portfolio = self._accounts[message.path]
            self.log.error("account_halted", account=account, parked=message.path, cause=cause, todo=_todo(message))
            portfolio.tell(HaltAccount(account=account, cause=cause, by=By.PARKED))
            portfolio.tell(CancelAll(mode=None, reason=cause))
        elif message.path in self._guards:
            unguarded = f"nobody looks after {self._guards[message.path]} any more: {message.path} was {cause}"
            self.log.error("bot_halted", parked=message.path, cause=unguarded, todo="`ganglion resume` runs it again")
            why = Cause(unguarded, By.PARKED, self.clock.now_ms())
            for portfolio in dict(self._accounts.values()).values():
                portfolio.tell(SetTradingState(BOT_SCOPE, TradingState.HALTED, why))


def _todo(message: ActorParked) -> str:
    again = (
        "it stays down until somebody resumes it"
        if message.retry_s is None
        else f"it is tried again in {message.retry_s:g} s, and then reconciled and its orders cancelled"
    )
    return (
        f"look at the account's open orders at the exchange and at the cause; {again}. Nothing is placed on this "
        "account until `ganglion resume`; the other accounts trade on"
    )

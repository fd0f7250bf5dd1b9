"""`ganglion check --online`: asks each exchange whether it is there, knows the symbols, and what the key may do.

Nothing is placed. All exchanges are asked at the same time, through the very port that the bot trades by.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ganglion.actors.exchange.ccxt.settings import VenueConfigError
from ganglion.actors.exchange.link import unknown_symbol
from ganglion.actors.exchange.venue import Venue
from ganglion.bot.config import BotConfig, ExchangeConfig
from ganglion.bot.summary import money_text
from ganglion.bot.venues import make_venues
from ganglion.messages.base import Message
from ganglion.messages.venue import (
    BalanceFetched,
    CloseVenue,
    FetchBalance,
    FetchKeyRights,
    FetchMarkets,
    KeyRightsFetched,
    MarketsFetched,
    RequestFailed,
)
from ganglion.supervision import Probe, System, Timeout

ANSWER_S = 20.0
CLOSE_S = 5.0
MARKETS, BALANCE, RIGHTS, CLOSE = 1, 2, 3, 4
BY_HAND = "look at the key on the exchange's own page: it should be allowed to trade and not to withdraw"

R = TypeVar("R", bound=Message)


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    exchange: str
    what: str
    good: bool
    text: str


class _Asked(msgspec.Struct):
    exchange: ExchangeConfig
    venue: Venue
    markets: Probe
    account: Probe


def check_online(config: BotConfig, answer_s: float = ANSWER_S) -> list[Finding]:
    """Ask every exchange of a configuration; one that does not answer delays no other."""
    system = System(dispatcher="loop")
    findings: list[Finding] = []
    try:
        venues = make_venues(config.exchanges, system)
        try:
            asked: list[_Asked] = []
            for name, exchange in config.exchanges.items():
                try:
                    asked.append(_ask(exchange, venues.makers[name](), system))
                except VenueConfigError as error:
                    findings.append(Finding(name, "connector", good=False, text=str(error)))
            for one in asked:
                findings += _findings(one, answer_s)
            for one in asked:
                one.venue.submit(CloseVenue(CLOSE), one.account.address)
        finally:
            venues.closing.close()
    finally:
        system.stop(CLOSE_S)
    return findings


def _ask(exchange: ExchangeConfig, venue: Venue, system: System) -> _Asked:
    asked = _Asked(exchange, venue, system.probe(f"{exchange.name}-markets"), system.probe(f"{exchange.name}-account"))
    venue.submit(FetchMarkets(MARKETS, exchange.table.symbols), asked.markets.address)
    return asked


def _findings(asked: _Asked, answer_s: float) -> list[Finding]:
    name = asked.exchange.name
    markets = _reply(asked.markets, MarketsFetched, answer_s)
    if isinstance(markets, str):
        return [Finding(name, "reached", good=False, text=markets)]
    found = [Finding(name, "reached", good=True, text=f"{len(markets.known)} markets")]
    there = {market.symbol: market for market in markets.markets}
    for symbol in asked.exchange.table.symbols:
        market = there.get(symbol)
        if market is None:
            found.append(Finding(name, symbol, good=False, text=unknown_symbol(name, symbol, markets.known)))
        else:
            text = f"steps {money_text(market.price_step)} / {money_text(market.amount_step)}"
            found.append(Finding(name, symbol, good=True, text=f"{text}, least order {money_text(market.min_cost)}"))
    if markets.capabilities.private:
        asked.venue.submit(FetchBalance(BALANCE), asked.account.address)
        balance = _reply(asked.account, BalanceFetched, answer_s)
        if isinstance(balance, str):
            found.append(Finding(name, "key", good=False, text=balance))
        else:
            held = ", ".join(f"{money_text(b.total)} {b.asset}" for b in balance.balances) or "no money"
            found.append(Finding(name, "key", good=True, text=held))
            # Elsewhere there is nothing to withdraw, and a sandbox seldom tells.
            found += [_rights(asked, answer_s)] if asked.exchange.table.live else []
    return found


def _rights(asked: _Asked, answer_s: float) -> Finding:
    """Whether the key may withdraw; where that can't be known, how to find out by hand."""
    name, allowed = asked.exchange.name, asked.exchange.table.allow_withdraw_key
    asked.venue.submit(FetchKeyRights(RIGHTS), asked.account.address)
    rights = _reply(asked.account, KeyRightsFetched, answer_s)
    if isinstance(rights, str):
        return Finding(name, "withdrawals", good=True, text=f"not known, {rights}; {BY_HAND}")
    if rights.may_withdraw is None:
        text = f"not known, {asked.exchange.table.id} does not tell what a key may do; {BY_HAND}"
        return Finding(name, "withdrawals", good=True, text=text)
    if not rights.may_withdraw:
        return Finding(name, "withdrawals", good=True, text="the key may not withdraw")
    if allowed:
        return Finding(name, "withdrawals", good=True, text="the key may withdraw, which allow_withdraw_key accepts")
    text = "the key may withdraw: take that right from it, or set allow_withdraw_key = true if you mean it"
    return Finding(name, "withdrawals", good=False, text=text)


def _reply(probe: Probe, kind: type[R], answer_s: float) -> R | str:
    """The answer, or why there is none."""
    try:
        answer = probe.expect(Message, answer_s)
        while not isinstance(answer, kind | RequestFailed):
            answer = probe.expect(Message, answer_s)
    except Timeout:
        return f"no answer within {answer_s:g} s"
    return f"{answer.failure.error}: {answer.failure.text}" if isinstance(answer, RequestFailed) else answer

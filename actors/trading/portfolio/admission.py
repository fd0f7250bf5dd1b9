"""What a place has to pass before funds are reserved for it; each refusal says what was wrong and what to do.

Pure: checks over plain facts, in the order of what a caller can do least about. The portfolio actor
gathers the facts; nobody else calls this.
"""

from __future__ import annotations

import math
from decimal import ROUND_UP, Decimal, localcontext
from typing import TypeAlias

import msgspec

from ganglion.actors.trading.money import plain, times
from ganglion.actors.trading.portfolio.limits import Limits, Standing, beyond_collar, over_limit
from ganglion.actors.trading.trading_states import stopped_text, stops
from ganglion.messages.market import Market, TopOfBook
from ganglion.messages.orders import DenyReason, Intent
from ganglion.messages.trading import StateEntry
from ganglion.messages.values import EXACT, ZERO, Side, Symbol

Refusal: TypeAlias = tuple[DenyReason, str]


class Facts(msgspec.Struct, kw_only=True):
    """All that a place is judged by."""

    account: str
    now_s: float
    epoch: int
    state: StateEntry | None
    """The trading state that counts for it; None for active."""
    paused_until_s: float
    pause_reason: str
    draining: bool
    connected: bool
    reconciled: bool
    known: bool
    """The intent was placed before."""
    trades_here: bool
    """The mode is wired to this account and this symbol."""
    market: Market | None
    top: TopOfBook | None
    book_invalid: str | None
    max_book_age_s: float
    limited: tuple[tuple[Limits, Standing], ...]
    """The limits of the mode and of the account, and where they stand; without those who have none."""


def refuse(intent: Intent, facts: Facts) -> Refusal | None:
    """The first thing that stands against placing it; None where nothing does (funds are asked for after)."""
    return (
        _sense(intent, facts)
        or _permission(intent, facts)
        or _book(intent, facts)
        or _market(intent, facts)
        or _limits(intent, facts)
    )


def _sense(intent: Intent, facts: Facts) -> Refusal | None:
    if facts.known:
        text = f"intent {intent.intent_id} was placed before: make a new one for a new decision"
        return DenyReason.INVALID, text
    if intent.account != facts.account or not facts.trades_here:
        return (
            DenyReason.INVALID,
            f"mode {intent.mode} does not trade {intent.symbol} on {facts.account}: name it in the configuration",
        )
    if intent.amount <= ZERO or (intent.price is not None and intent.price <= ZERO):
        price = "none" if intent.price is None else plain(intent.price)
        return (
            DenyReason.INVALID,
            f"amount {plain(intent.amount)}, price {price}: both have to be above 0",
        )
    if intent.price is None and intent.side is Side.BUY:
        return (
            DenyReason.INVALID,
            f"a {intent.type} buy without a price: give the worst price that funds are reserved at",
        )
    return None


def _permission(intent: Intent, facts: Facts) -> Refusal | None:
    if facts.draining:
        return DenyReason.DRAINING, f"{facts.account} is being stopped: nothing is placed any more"
    if facts.state is not None and stops(facts.state, intent.side, flatten=intent.flatten):
        return DenyReason.HALTED, stopped_text(facts.state)
    if facts.now_s < facts.paused_until_s:
        wait_s = facts.paused_until_s - facts.now_s
        if math.isinf(wait_s):
            return DenyReason.PAUSED, f"{facts.pause_reason}; nothing is placed until it answers again"
        return (
            DenyReason.PAUSED,
            f"{facts.account} asked for silence ({facts.pause_reason}): place again in {wait_s:.1f} s",
        )
    if not facts.connected or not facts.reconciled:
        return (
            DenyReason.NOT_RECONCILED,
            f"{facts.account} is not reconciled with the venue: wait for Resume",
        )
    if intent.epoch != facts.epoch:
        return (
            DenyReason.STALE_EPOCH,
            f"decided in epoch {intent.epoch}, {facts.account} is in {facts.epoch}: decide again after Resume",
        )
    late_s = facts.now_s - intent.deadline_s
    if late_s > 0:
        return DenyReason.EXPIRED, f"its deadline passed {late_s:.3f} s ago: decide again"
    return None


def _book(intent: Intent, facts: Facts) -> Refusal | None:
    """I8: no decision on a book that is old, crossed or has a gap."""
    if facts.book_invalid is not None:
        return (
            DenyReason.STALE_BOOK,
            (
                f"the book of {intent.symbol} at {facts.account} is not valid ({facts.book_invalid}): wait for "
                "its next top"
            ),
        )
    if facts.top is None:
        return (
            DenyReason.STALE_BOOK,
            f"no book of {intent.symbol} at {facts.account} yet: wait for the first top of book",
        )
    age_s = facts.now_s - facts.top.received_s
    if age_s > facts.max_book_age_s:
        return (
            DenyReason.STALE_BOOK,
            (
                f"the book of {intent.symbol} at {facts.account} is {age_s:.1f} s old, {facts.max_book_age_s:g} s is "
                "the most to decide on: wait for the next top of book"
            ),
        )
    if facts.top.bid >= facts.top.ask:
        return (
            DenyReason.STALE_BOOK,
            f"the book of {intent.symbol} at {facts.account} is crossed ({facts.top.bid} / {facts.top.ask})",
        )
    return None


def _market(intent: Intent, facts: Facts) -> Refusal | None:
    market = facts.market
    if market is None or not market.active:
        state = "not known" if market is None else "closed"
        return DenyReason.INVALID, f"{intent.symbol} is {state} at {facts.account}: choose another market"
    return (
        _off_step("amount", intent.amount, market.amount_step, intent.symbol)
        or _off_step("price", intent.price, market.price_step, intent.symbol)
        or _minimums(intent, market, mid_of(facts) if intent.price is None else intent.price)
    )


def _off_step(name: str, value: Decimal | None, step: Decimal, symbol: Symbol) -> Refusal | None:
    if value is None or step <= ZERO or not EXACT.remainder(value, step):
        return None
    return (
        DenyReason.INVALID,
        f"{name} {plain(value)} of {symbol} is no multiple of the step {plain(step)}: cut it to that",
    )


def _minimums(intent: Intent, market: Market, price: Decimal) -> Refusal | None:
    cost = times(price, intent.amount)
    if intent.amount >= market.min_amount and cost >= market.min_cost:
        return None
    at = f"{intent.symbol} at {market.exchange}"
    if intent.amount < market.min_amount:
        return (
            DenyReason.BELOW_MINIMUM,
            (
                f"amount {plain(intent.amount)} is under the least amount {plain(market.min_amount)} of {at}: "
                f"{plain(_enough(market, price))} would be enough"
            ),
        )
    return (
        DenyReason.BELOW_MINIMUM,
        (
            f"{plain(intent.amount)} x {plain(price)} = {plain(cost)} is under the least cost "
            f"{plain(market.min_cost)} of {at}: an amount of {plain(_enough(market, price))} would be enough"
        ),
    )


def _limits(intent: Intent, facts: Facts) -> Refusal | None:
    for limits, standing in facts.limited:
        judge = beyond_collar if intent.flatten else over_limit
        text = judge(limits, standing, intent, mid_of(facts), facts.now_s)
        if text is not None:
            return DenyReason.LIMIT, text
    return None


def mid_of(facts: Facts) -> Decimal:
    """Mid of the book as a Decimal; a float's shortest text is the price the venue wrote."""
    return Decimal(0) if facts.top is None else Decimal(str(facts.top.mid))


def _enough(market: Market, price: Decimal) -> Decimal:
    """The least amount, on the step, that satisfies both minimums at this price."""
    with localcontext(prec=96):
        amount = market.min_amount
        if price > 0:
            with localcontext(prec=40, rounding=ROUND_UP):
                amount = max(amount, market.min_cost / price)
        if market.amount_step > 0:
            steps = (amount / market.amount_step).to_integral_value(ROUND_UP)
            amount = steps * market.amount_step
        return amount

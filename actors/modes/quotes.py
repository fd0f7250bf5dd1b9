"""What a market maker wants to have in the book: pure decisions of `MarketMaking`.

Quotes stand around a reservation price, which is mid shifted against the inventory (the linear form of Avellaneda
and Stoikov, "High-frequency trading in a limit order book", 2008): who holds too much base asks lower on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from ganglion.actors.modes.amounts import (
    HUNDRED,
    cut,
    exact,
    exact_mid,
    fee_from_paid,
    least_amount,
    round_price,
    round_up,
)
from ganglion.messages.account import Funds
from ganglion.messages.market import Market, TopOfBook
from ganglion.messages.orders import OrderUpdate
from ganglion.messages.values import ZERO, Side


class QuoteRules(msgspec.Struct, frozen=True, kw_only=True):
    """How to quote. Percentages are of price (spread, step) or of the side's funds (size)."""

    spread_pct: Decimal
    """Between the innermost bid and ask."""
    size_pct: Decimal
    """Of one quote."""
    levels: int
    step_pct: Decimal
    """Between one level and the next outward."""
    skew: Decimal
    """0: inventory is ignored; 1: with only base or only quote, the inner quote of that side stands at mid."""
    target_pct: Decimal
    """The share of the funds' value that should be base."""


class Quote(msgspec.Struct, frozen=True):
    """One order that should be in the book."""

    side: Side
    price: Decimal
    amount: Decimal


class Plan(msgspec.Struct, frozen=True):
    """What to do so that the book shows the wanted quotes."""

    cancel: tuple[str, ...]
    """Intent ids of orders that stand where none is wanted."""
    place: tuple[Quote, ...]
    """Wanted quotes that no order stands for; to be placed once nothing is left to cancel."""


def inventory_share(mid: Decimal, funds: Funds) -> Decimal:
    """The part of the funds' value that is base, 0 to 1; 0 where there are no funds."""
    base_value = funds.base_total * mid
    value = base_value + funds.quote_total
    return base_value / value if value > 0 else ZERO


def reservation_price(mid: Decimal, funds: Funds, rules: QuoteRules) -> Decimal:
    """Mid, moved against the inventory by at most half the spread times `skew`."""
    off = inventory_share(mid, funds) - rules.target_pct / HUNDRED
    # Normalised to the room on that side, so that all-base and all-quote both move by the whole.
    room = 1 - rules.target_pct / HUNDRED if off > 0 else rules.target_pct / HUNDRED
    tilt = off / room if room > 0 else ZERO
    return mid * (1 - rules.skew * tilt * rules.spread_pct / 2 / HUNDRED)


def wanted_quotes(top: TopOfBook, funds: Funds, market: Market, rules: QuoteRules) -> tuple[Quote, ...]:
    """The quotes that should stand, inner levels first; never one that would trade at once.

    A side whose funds don't reach the venue's least order is left out; a quote below it is raised to it.
    """
    centre = reservation_price(exact_mid(top), funds, rules)
    return (*_side(Side.BUY, centre, top, funds, market, rules), *_side(Side.SELL, centre, top, funds, market, rules))


def plan(wanted: Sequence[Quote], orders: Sequence[OrderUpdate], *, tolerance_pct: Decimal) -> Plan:
    """Match orders to wanted quotes: a price within the tolerance stays, all else is cancelled, gaps are filled.

    Each order is matched to at most one quote and each quote to at most one order, the nearest prices first.
    """
    free = list(range(len(orders)))
    missing: list[Quote] = []
    for quote in wanted:
        near = [index for index in free if _close(orders[index], quote, tolerance_pct)]
        if near:
            free.remove(min(near, key=lambda index: abs((orders[index].price or ZERO) - quote.price)))
        else:
            missing.append(quote)
    return Plan(tuple(orders[index].intent_id for index in free), tuple(missing))


def _side(side: Side, centre: Decimal, top: TopOfBook, funds: Funds, market: Market, rules: QuoteRules) -> list[Quote]:
    quotes: list[Quote] = []
    budget = funds.quote_total if side is Side.BUY else funds.base_total
    left = budget / (1 + fee_from_paid(side, market))
    taken: Decimal | None = None
    for level in range(rules.levels):
        away = (rules.spread_pct / 2 + rules.step_pct * level) / HUNDRED
        price = _passive(round_price(centre * (1 - side.sign * away), side, market.price_step), side, top, market)
        if taken is not None and (price >= taken if side is Side.BUY else price <= taken):
            # A grid coarser than the steps between levels: one tick further out.
            price = taken - side.sign * market.price_step
        if price <= 0:
            break
        unit_cost = price if side is Side.BUY else Decimal(1)
        share = budget * rules.size_pct / HUNDRED / unit_cost
        amount = max(cut(share, market.amount_step), least_amount(price, market))
        if amount * unit_cost > left:
            break
        left -= amount * unit_cost
        taken = price
        quotes.append(Quote(side, price, amount))
    return quotes


def _passive(price: Decimal, side: Side, top: TopOfBook, market: Market) -> Decimal:
    """At least one tick inside the opposite best price, so that a post-only order is not refused."""
    step = market.price_step
    if side is Side.BUY:
        return min(price, round_up(exact(top.ask), step) - step)
    return max(price, cut(exact(top.bid), step) + step)


def _close(order: OrderUpdate, quote: Quote, tolerance_pct: Decimal) -> bool:
    if order.side is not quote.side or order.price is None:
        return False
    return abs(order.price - quote.price) <= quote.price * tolerance_pct / HUNDRED

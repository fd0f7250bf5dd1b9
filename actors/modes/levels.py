"""The grid's book-keeping: which side stands at which level, and what a fill changes. Pure decisions of `Grid`.

Levels are numbered from -n to n around a centre, at equal distances in price. Exactly one level is empty,
the gap: buys stand below it and sells above. A filled buy moves the gap down to its level, so that the sell of the
round trip stands one level above it; a filled sell moves it up. The whole grid is thus its centre and its gap, and
the same state always means the same orders at the same prices: that is what makes a restart recognise them.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ganglion.actors.modes.amounts import HUNDRED, cut, fee_from_paid, least_amount
from ganglion.messages.account import Funds
from ganglion.messages.market import Market
from ganglion.messages.orders import OrderUpdate
from ganglion.messages.values import ZERO, Side


class GridOrder(msgspec.Struct, frozen=True):
    """An order that was placed for a level."""

    level: int
    side: Side
    amount: Decimal
    filled: Decimal = ZERO


class GridState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a grid must remember; saved with each change."""

    settings: str
    """The configuration that it was made from; another one means another grid."""
    centre: Decimal
    step: Decimal
    """Between levels, in quote units; like the centre a multiple of the market's price step."""
    levels: int
    """On each side of the centre."""
    amount: Decimal
    """Base units of one order."""
    gap: int = 0
    orders: dict[str, GridOrder] = {}
    """By intent id: orders that may still be filled."""
    done: dict[int, Decimal] = {}
    """Filled at a level by an order that was cancelled before it was full."""
    round_trips: int = 0


class Wanted(msgspec.Struct, frozen=True):
    """An order that should stand at a level."""

    level: int
    side: Side
    price: Decimal
    amount: Decimal


def grid_step(centre: Decimal, step_pct: Decimal, price_step: Decimal) -> Decimal:
    """The distance between levels: `step_pct` of the centre, at least one tick."""
    return max(cut(centre * step_pct / HUNDRED, price_step), price_step)


def grid_amount(centre: Decimal, lowest: Decimal, funds: Funds, market: Market, size_pct: Decimal) -> Decimal:
    """Base units of one order: a share of the funds' value, raised to the venue's least at the lowest price."""
    value = funds.base_total + funds.quote_total / centre
    return max(cut(value * size_pct / HUNDRED, market.amount_step), least_amount(lowest, market))


def price_of(state: GridState, level: int) -> Decimal:
    """The level's price, on the market's grid."""
    return state.centre + level * state.step


def wanted_orders(state: GridState) -> tuple[Wanted, ...]:
    """Every order that should stand, those nearest to the gap first."""
    found = [
        Wanted(level, side, price_of(state, level), state.amount - state.done.get(level, ZERO))
        for level in range(-state.levels, state.levels + 1)
        if (side := side_at(state, level)) is not None
    ]
    return tuple(sorted(found, key=lambda wanted: (abs(wanted.level - state.gap), wanted.level)))


def side_at(state: GridState, level: int) -> Side | None:
    """A buy below the gap, a sell above it, nothing at it."""
    if level == state.gap:
        return None
    return Side.BUY if level < state.gap else Side.SELL


def in_place(state: GridState) -> set[str]:
    """The intent ids of orders on the side that their level should have."""
    return {key for key, order in state.orders.items() if side_at(state, order.level) is order.side}


def placed(state: GridState, intent_id: str, wanted: Wanted) -> GridState:
    """Remember which level an order stands for."""
    order = GridOrder(wanted.level, wanted.side, wanted.amount)
    return msgspec.structs.replace(state, orders={**state.orders, intent_id: order})


def adopt(state: GridState, update: OrderUpdate) -> GridState:
    """Recognise an open order by its intent id, or by side and price where its placing was not saved any more."""
    if update.intent_id in state.orders:
        return state
    level = level_at(state, update.price)
    if level is None:
        return state
    order = GridOrder(level, update.side, update.amount)
    return msgspec.structs.replace(state, orders={**state.orders, update.intent_id: order})


def level_at(state: GridState, price: Decimal | None) -> int | None:
    """The level of this price; None where the grid has none there."""
    levels = range(-state.levels, state.levels + 1)
    return next((level for level in levels if price_of(state, level) == price), None)


def filled(state: GridState, intent_id: str | None, amount: Decimal) -> tuple[GridState, GridOrder | None]:
    """Count a fill; the second value is the order if this completed it, and then the gap has moved."""
    order = state.orders.get(intent_id or "")
    if order is None:
        return state, None
    order = msgspec.structs.replace(order, filled=order.filled + amount)
    orders = {**state.orders, intent_id or "": order}
    if order.filled < order.amount:
        return msgspec.structs.replace(state, orders=orders), None
    del orders[intent_id or ""]
    return _moved(msgspec.structs.replace(state, orders=orders), order), order


def gone(state: GridState, intent_id: str, least: Decimal) -> GridState:
    """Forget an order that ended unfilled; what it did fill counts for the next one at its level.

    Where less than `least` would remain to be ordered there, the level counts as filled.
    """
    order = state.orders.get(intent_id)
    if order is None:
        return state
    orders = {key: value for key, value in state.orders.items() if key != intent_id}
    if order.filled == 0:
        return msgspec.structs.replace(state, orders=orders)
    done = {**state.done, order.level: state.done.get(order.level, ZERO) + order.filled}
    state = msgspec.structs.replace(state, orders=orders, done=done)
    return _moved(state, order) if state.amount - done[order.level] < least else state


def affordable(wanted: Wanted, base: Decimal, quote: Decimal, market: Market) -> Decimal:
    """As much of the order as `base` or `quote` pays for, on the amount step; 0 if that is below the venue's least."""
    left = (quote / wanted.price if wanted.side is Side.BUY else base) / (1 + fee_from_paid(wanted.side, market))
    amount = min(wanted.amount, cut(left, market.amount_step))
    return amount if amount >= least_amount(wanted.price, market) else ZERO


def _moved(state: GridState, order: GridOrder) -> GridState:
    gap = state.gap + (-1 if order.side is Side.BUY else 1)
    bounded = max(-state.levels, min(state.levels, gap))
    done = {level: amount for level, amount in state.done.items() if level != order.level}
    trips = state.round_trips + (1 if abs(bounded) < abs(state.gap) else 0)
    return msgspec.structs.replace(state, gap=bounded, done=done, round_trips=trips)

"""Exact money: sums and products that never round, and what a trade does to each asset.

Pure. Everyone in `trading/` counts with these; no clock, no I/O, no actor. Python's own operators round
at 28 digits: here a digit that can't be kept is an error, never a rounding.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ganglion.messages.orders import Fill, VenueTrade
from ganglion.messages.values import EXACT, ZERO, Asset, Side, base_of, quote_of

plus = EXACT.add
"""`left + right`, exactly."""

minus = EXACT.subtract
"""`left - right`, exactly."""

times = EXACT.multiply
"""`left * right`, exactly."""


def negated(amount: Decimal) -> Decimal:
    """`-amount`, exactly (Python's unary minus rounds)."""
    return amount.copy_negate()


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of all, exactly; 0 of none."""
    result = ZERO
    for amount in amounts:
        result = plus(result, amount)
    return result


def add_to(sums: dict[Asset, Decimal], asset: Asset, amount: Decimal) -> None:
    """Add an amount to one asset of a table of sums, in place."""
    sums[asset] = plus(sums.get(asset, ZERO), amount)


def traded(fill: Fill | VenueTrade) -> tuple[tuple[Asset, Decimal], tuple[Asset, Decimal]]:
    """What a trade moves before fees: (base, signed amount), (quote, signed cost)."""
    cost = times(fill.price, fill.amount)
    if fill.side is Side.BUY:
        return (base_of(fill.symbol), fill.amount), (quote_of(fill.symbol), negated(cost))
    return (base_of(fill.symbol), negated(fill.amount)), (quote_of(fill.symbol), cost)


def moved(fills: Iterable[Fill | VenueTrade]) -> dict[Asset, Decimal]:
    """What trades did to each asset, fees taken off."""
    sums: dict[Asset, Decimal] = {}
    for fill in fills:
        for asset, amount in traded(fill):
            add_to(sums, asset, amount)
        if fill.fee:
            add_to(sums, fill.fee_asset, negated(fill.fee))
    return sums


def plain(amount: Decimal) -> str:
    """An amount for people: no exponent, no trailing zeros."""
    if not amount:
        return "0"
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

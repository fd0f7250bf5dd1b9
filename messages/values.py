"""Values that other messages are made of: symbols, sides, order types and money.

Money is `Decimal`, made from the exchange's own text; prices and sizes in books and signals are `float`.
"""

from __future__ import annotations

import enum
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from functools import lru_cache
from typing import TypeAlias

Symbol: TypeAlias = str
"""A market in ccxt's unified spelling, `BTC/USDT`."""

Asset: TypeAlias = str
"""A currency code, `BTC`."""

ZERO = Decimal(0)

_SYMBOLS = 4096
"""Whose parts are kept: more than a bot trades."""

EXACT = Context(prec=96, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
"""Money is added and multiplied in this context: Python's default one rounds at 28 digits, which a token with 18
decimals reaches. 96 hold any price x amount of any venue; a result that does not fit raises instead of losing money."""


class Side(enum.StrEnum):
    """The side of an order or a trade, seen from whoever placed it."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: what a fill does to the base asset."""
        return 1 if self is _BUY else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return _SELL if self is _BUY else _BUY


# Bound once: until Python 3.12 each look-up of an enum's member runs through its metaclass.
_BUY = Side.BUY
_SELL = Side.SELL


class OrderType(enum.StrEnum):
    """How an order's price is found."""

    LIMIT = "limit"
    MARKET = "market"


class TimeInForce(enum.StrEnum):
    """How long an order works: until canceled, at once or not at all, at once and whole or not at all."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Liquidity(enum.StrEnum):
    """Whether a fill made or took liquidity."""

    MAKER = "maker"
    TAKER = "taker"


class MoneyError(ValueError):
    """A text that should be an amount of money is not one."""


def money(text: str | int | Decimal) -> Decimal:
    """Make money from the exchange's own text, exactly.

    Raises:
        MoneyError: for a float (its digits are already lost), NaN, infinity, or text that is no number.
    """
    if isinstance(text, float):
        raise MoneyError(f"money made from the float {text!r}: hand over the exchange's text instead")
    try:
        value = Decimal(text)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise MoneyError(f"{text!r} is not an amount of money") from error
    if not value.is_finite():
        raise MoneyError(f"{text!r} is not an amount of money")
    return value


@lru_cache(maxsize=_SYMBOLS)
def base_of(symbol: Symbol) -> Asset:
    """The asset that is bought and sold: `BTC` of `BTC/USDT` and of `BTC/USDT:USDT`."""
    return symbol.partition("/")[0]


@lru_cache(maxsize=_SYMBOLS)
def quote_of(symbol: Symbol) -> Asset:
    """The asset that it is paid with: `USDT` of `BTC/USDT` and of `BTC/USDT:USDT`."""
    return symbol.partition("/")[2].partition(":")[0]


def path_name(symbol: Symbol) -> str:
    """A symbol as one step of an actor's path: `BTC-USDT` (a symbol contains a slash)."""
    return symbol.replace("/", "-").replace(":", "-")

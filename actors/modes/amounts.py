"""Amounts and prices as people write them, "12a%" or "-1%", made into Decimals that a venue accepts.

Pure: `TradingMode.buy` and `sell` call it with the mode's funds, the mid price and the market's steps.
The forms are OctoBot's keywords as far as spot trading has a meaning for them.
"""

from __future__ import annotations

import enum
import re
from decimal import ROUND_DOWN, Decimal, InvalidOperation, localcontext
from functools import lru_cache
from typing import TypeAlias

import msgspec

from ganglion.messages.account import Funds
from ganglion.messages.market import Market, TopOfBook
from ganglion.messages.values import Side

AmountText: TypeAlias = str | Decimal | int
"""How much to trade: a text in one of the forms, or the base amount itself."""

PriceText: TypeAlias = str | Decimal | int | float
"""At what price: a text in one of the forms, or the price itself."""

AMOUNT_FORMS = (
    '"0.1" or "0.1b" (base units), "25q" (quote units), "10%" (of total funds), '
    '"12a%" (of available funds), "5s%" (of base and quote together)'
)
PRICE_FORMS = '"-1%" or "+0.5%" (from mid), "@65100" (flat), "10" or "d-10" (quote units from mid)'

NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")
HUNDRED = Decimal(100)


class AmountError(ValueError):
    """A text is no amount that spot trading knows."""

    def __init__(self, text: object, wrong: str) -> None:
        super().__init__(f"amount {text!r}: {wrong}. Forms: {AMOUNT_FORMS}")
        self.text = text


class PriceError(ValueError):
    """A text is no price that spot trading knows, or it leads to none above zero."""

    def __init__(self, text: object, wrong: str) -> None:
        super().__init__(f"price {text!r}: {wrong}. Forms: {PRICE_FORMS}")
        self.text = text


class AmountUnit(enum.StrEnum):
    """What the number of an amount counts."""

    BASE = "base"
    QUOTE = "quote"
    TOTAL_PERCENT = "total_percent"
    AVAILABLE_PERCENT = "available_percent"
    SYMBOL_PERCENT = "symbol_percent"


class Amount(msgspec.Struct, frozen=True):
    """A parsed amount: `value` in `unit`."""

    value: Decimal
    unit: AmountUnit


class PriceKind(enum.StrEnum):
    """What the number of a price means."""

    FLAT = "flat"
    DELTA = "delta"
    PERCENT = "percent"


class Price(msgspec.Struct, frozen=True):
    """A parsed price: flat, or relative to mid."""

    value: Decimal
    kind: PriceKind


AMOUNT_UNITS = {
    "": AmountUnit.BASE,
    "b": AmountUnit.BASE,
    "d": AmountUnit.BASE,
    "bd": AmountUnit.BASE,
    "q": AmountUnit.QUOTE,
    "dq": AmountUnit.QUOTE,
    "%": AmountUnit.TOTAL_PERCENT,
    "%a": AmountUnit.AVAILABLE_PERCENT,
    "%s": AmountUnit.SYMBOL_PERCENT,
}
"""By the letters around the number, sorted."""

PRICE_KINDS = {
    "": PriceKind.DELTA,
    "d": PriceKind.DELTA,
    "%": PriceKind.PERCENT,
    "@": PriceKind.FLAT,
}

ELSEWHERE = {
    "p": "positions (p) exist on derivatives only",
    "e": "an entry price (e) exists on derivatives only",
    "t": "a share of all traded symbols (t) is not known to one mode; give it a share with `funds`",
}


def parse_amount(text: AmountText) -> Amount:
    """What an amount's text says, before funds and market are known.

    Raises:
        AmountError: for a float, a text of no known form, or a number that is not above zero.
    """
    return _parse_text(text) if isinstance(text, str) else _parse_amount(text)


@lru_cache(maxsize=256)
def _parse_text(text: str) -> Amount:
    """A mode decides on the same few texts again and again."""
    return _parse_amount(text)


def _parse_amount(text: AmountText) -> Amount:
    if isinstance(text, float):
        raise AmountError(text, f'a float has lost its digits already; write "{text}"')
    if isinstance(text, bool) or not isinstance(text, str | Decimal | int):
        raise AmountError(text, f"a {type(text).__name__} is no amount")
    number, letters = _split(text, AmountError) if isinstance(text, str) else (Decimal(text), "")
    unit = AMOUNT_UNITS.get(letters)
    if unit is None:
        raise AmountError(text, _unknown(letters))
    if not number.is_finite() or number <= 0:
        raise AmountError(text, "must be above zero")
    if "percent" in unit and number > HUNDRED:
        raise AmountError(text, "more than 100 % of the funds")
    return Amount(number, unit)


def parse_price(text: PriceText) -> Price:
    """What a price's text says, before mid is known. A number (not a text) is the price itself.

    Raises:
        PriceError: for a text of no known form, or a flat price that is not above zero.
    """
    if isinstance(text, str):
        number, letters = _split(text, PriceError)
        kind = PRICE_KINDS.get(letters)
        if kind is None:
            raise PriceError(text, _unknown(letters))
    elif isinstance(text, bool) or not isinstance(text, Decimal | int | float):
        raise PriceError(text, f"a {type(text).__name__} is no price")
    else:
        number, kind = exact(text), PriceKind.FLAT
    if not number.is_finite() or (kind is PriceKind.FLAT and number <= 0):
        raise PriceError(text, "must be above zero")
    return Price(number, kind)


def base_amount(text: AmountText, *, side: Side, price: Decimal, funds: Funds, market: Market) -> Decimal:
    """The amount in base units, cut to the market's step; 0 where it is less than one step.

    Percentages of a buy are of the quote asset, of a sell of the base asset, and leave room for the fee
    where the venue takes it from the asset that is paid.

    Raises:
        AmountError: see `parse_amount`.
    """
    amount = parse_amount(text)
    try:
        if amount.unit is AmountUnit.BASE:
            return cut(amount.value, market.amount_step)
        with localcontext() as context:
            # A quotient rounded up could cost more than the share that was asked for.
            context.rounding = ROUND_DOWN
            raw = _in_base(amount, side, price, funds, market)
        return cut(raw, market.amount_step)
    except (InvalidOperation, ZeroDivisionError) as error:
        raise AmountError(text, f"can't be reckoned at price {price} in steps of {market.amount_step}") from error


def limit_price(text: PriceText, *, side: Side, mid: Decimal | float, market: Market) -> Decimal:
    """The limit price on the market's grid: buys round down, sells up, so that neither pays more than said.

    Raises:
        PriceError: see `parse_price`, and where the result is not above zero.
    """
    parsed = parse_price(text)
    middle = exact(mid)
    if parsed.kind is PriceKind.FLAT:
        raw = parsed.value
    elif parsed.kind is PriceKind.DELTA:
        raw = middle + parsed.value
    else:
        raw = middle * (1 + parsed.value / HUNDRED)
    try:
        price = round_price(raw, side, market.price_step)
    except InvalidOperation as error:
        raise PriceError(text, f"{raw} can't be had in steps of {market.price_step}") from error
    if price <= 0:
        raise PriceError(text, f"leads to {price} from mid {middle}, which is not above zero")
    return price


def worst_price(side: Side, touch: float, slippage_pct: Decimal, step: Decimal) -> Decimal:
    """What a market order is reserved at: the best opposite price and `slippage_pct` beyond it."""
    raw = exact(touch) * (1 + side.sign * slippage_pct / HUNDRED)
    return round_price(raw, side.opposite, step)


def cut(value: Decimal, step: Decimal) -> Decimal:
    """Truncated to a multiple of `step`; unchanged where the venue names none."""
    return value // step * step if step > 0 else value


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """The next multiple of `step` that is not below `value`."""
    below = cut(value, step)
    return below if below == value else below + step


def round_price(price: Decimal, side: Side, step: Decimal) -> Decimal:
    """On the price grid: a buy's down, a sell's up."""
    return cut(price, step) if side is Side.BUY else round_up(price, step)


def least_amount(price: Decimal, market: Market) -> Decimal:
    """The smallest amount that the venue takes at this price, by its least amount and its least notional."""
    least = max(market.min_amount, market.amount_step)
    if market.min_cost > 0:
        least = max(least, market.min_cost / price)
    return round_up(least, market.amount_step)


def exact(number: Decimal | float) -> Decimal:
    """A book's float as a Decimal: its shortest text, which is the venue's own up to 15 digits."""
    return number if isinstance(number, Decimal) else Decimal(repr(number))


def exact_mid(top: TopOfBook) -> Decimal:
    """Halfway between best bid and best ask, without the last digits' noise of a float's half."""
    return (exact(top.bid) + exact(top.ask)) / 2


def fee_from_paid(side: Side, market: Market) -> Decimal:
    """The taker's fee where the venue takes it from the asset that this side pays with; 0 elsewhere."""
    paid = "quote" if side is Side.BUY else "base"
    return market.taker_fee if market.fee_side in {"give", paid} else Decimal(0)


def _in_base(amount: Amount, side: Side, price: Decimal, funds: Funds, market: Market) -> Decimal:
    if amount.unit is AmountUnit.QUOTE:
        return amount.value / price
    share = amount.value / HUNDRED / (1 + fee_from_paid(side, market))
    if amount.unit is AmountUnit.SYMBOL_PERCENT:
        return share * (funds.base_total + funds.quote_total / price)
    available = amount.unit is AmountUnit.AVAILABLE_PERCENT
    if side is Side.BUY:
        return share * (funds.quote_available if available else funds.quote_total) / price
    return share * (funds.base_available if available else funds.base_total)


def _split(text: str, error: type[AmountError | PriceError]) -> tuple[Decimal, str]:
    """The one number in a text and the letters before and after it, sorted."""
    compact = "".join(text.split()).lower()
    numbers = NUMBER.findall(compact)
    if len(numbers) != 1:
        raise error(text, "it has no number" if not numbers else f"it has {len(numbers)} numbers")
    return Decimal(numbers[0]), "".join(sorted(compact.replace(numbers[0], "", 1)))


def _unknown(letters: str) -> str:
    for letter, why in ELSEWHERE.items():
        if letter in letters:
            return why
    return f"{letters!r} means nothing"

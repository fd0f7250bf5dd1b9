"""Values: money is exact, sides have signs, symbols come apart."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.messages.values import MoneyError, Side, base_of, money, path_name, quote_of


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_money_keeps_every_digit_of_the_exchanges_text(amount: Decimal) -> None:
    assert money(str(amount)) == amount
    assert str(money(str(amount))) == str(amount)


@pytest.mark.parametrize("text", ["", "abc", "1,5", "NaN", "Infinity", "-Infinity", "0x10"])
def test_money_refuses_text_that_is_no_amount(text: str) -> None:
    with pytest.raises(MoneyError, match="not an amount of money"):
        money(text)


def test_money_refuses_a_float_because_its_digits_are_already_lost() -> None:
    with pytest.raises(MoneyError, match="exchange's text"):
        money(0.1)  # type: ignore[arg-type]


def test_a_buy_adds_to_the_base_and_a_sell_takes_from_it() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY


@pytest.mark.parametrize(
    ("symbol", "base", "quote", "step"),
    [
        ("BTC/USDT", "BTC", "USDT", "BTC-USDT"),
        ("BTC/USDT:USDT", "BTC", "USDT", "BTC-USDT-USDT"),
    ],
)
def test_a_symbol_comes_apart_and_fits_into_a_path(symbol: str, base: str, quote: str, step: str) -> None:
    assert (base_of(symbol), quote_of(symbol), path_name(symbol)) == (base, quote, step)

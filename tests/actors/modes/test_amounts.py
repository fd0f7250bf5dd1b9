"""Amounts and prices as people write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.modes.amounts import (
    AmountError,
    AmountUnit,
    PriceError,
    PriceKind,
    base_amount,
    cut,
    least_amount,
    limit_price,
    parse_amount,
    parse_price,
    worst_price,
)
from ganglion.messages.values import Side
from tests.actors.modes.samples import funds, market

PRICE = Decimal(50_000)
sides = st.sampled_from(Side)
steps = st.sampled_from([Decimal(text) for text in ("0.00000001", "0.00001", "0.001", "0.05", "1", "10")])
prices = st.decimals(min_value="0.00001", max_value=200_000, places=8)
holdings = st.decimals(min_value=0, max_value=10_000_000, places=8)
percents = st.decimals(min_value="0.01", max_value=100, places=2)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("0.1", "0.1", AmountUnit.BASE),
        ("0.1b", "0.1", AmountUnit.BASE),
        ("b0.1", "0.1", AmountUnit.BASE),
        ("10d", "10", AmountUnit.BASE),
        (".5", "0.5", AmountUnit.BASE),
        ("25q", "25", AmountUnit.QUOTE),
        ("q25", "25", AmountUnit.QUOTE),
        ("10%", "10", AmountUnit.TOTAL_PERCENT),
        ("12a%", "12", AmountUnit.AVAILABLE_PERCENT),
        ("12%a", "12", AmountUnit.AVAILABLE_PERCENT),
        ("a 12 %", "12", AmountUnit.AVAILABLE_PERCENT),
        ("5s%", "5", AmountUnit.SYMBOL_PERCENT),
        (Decimal("0.25"), "0.25", AmountUnit.BASE),
        (Decimal("1E-8"), "0.00000001", AmountUnit.BASE),
        (2, "2", AmountUnit.BASE),
    ],
)
def test_an_amount_is_read_with_its_letters_in_any_order(text, value, unit):
    parsed = parse_amount(text)
    assert (parsed.value, parsed.unit) == (Decimal(value), unit)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no number"),
        ("ten", "no number"),
        ("1 2q q3", "2 numbers"),
        ("0", "above zero"),
        ("-5%", "above zero"),
        ("101%", "more than 100"),
        ("5x", "'x' means nothing"),
        ("10p", "derivatives"),
        ("5t%", "funds"),
        (0.1, "float"),
        (Decimal("NaN"), "above zero"),
    ],
)
def test_a_wrong_amount_names_the_text_what_is_wrong_and_the_forms(text, said):
    with pytest.raises(AmountError) as error:
        parse_amount(text)
    assert repr(text) in str(error.value)
    assert said in str(error.value)
    assert '"12a%"' in str(error.value)


@pytest.mark.parametrize(
    ("text", "side", "expected"),
    [
        ("10%", Side.BUY, "0.10000"),  # 10 % of 50,000 quote at 50,000
        ("10%", Side.SELL, "0.20000"),  # 10 % of 2 base
        ("10a%", Side.BUY, "0.05000"),
        ("10a%", Side.SELL, "0.15000"),
        ("25q", Side.BUY, "0.00050"),
        ("25q", Side.SELL, "0.00050"),
        ("0.123456789", Side.BUY, "0.12345"),
        ("10s%", Side.SELL, "0.30000"),  # 10 % of 2 base and 50,000 quote, worth 3 base
        ("0.000001", Side.BUY, "0.00000"),
    ],
)
def test_an_amount_becomes_base_units_cut_to_the_step(text, side, expected):
    own = funds("2", "50000", base_free="1.5", quote_free="25000")
    assert base_amount(text, side=side, price=PRICE, funds=own, market=market()) == Decimal(expected)


@given(percent=percents, side=sides, price=prices, base=holdings, quote=holdings, step=steps)
def test_a_percentage_never_costs_more_than_its_share_and_wastes_less_than_a_step(
    percent, side, price, base, quote, step
):
    own = funds(str(base), str(quote))
    amount = base_amount(f"{percent}%", side=side, price=price, funds=own, market=market(amount_step=step))
    share = percent / 100
    cost, limit = (amount * price, share * quote) if side is Side.BUY else (amount, share * base)
    assert amount % step == 0
    assert cost <= limit
    unit = price if side is Side.BUY else Decimal(1)
    assert limit - cost < (step + Decimal("1e-18")) * unit + Decimal("1e-18")


@given(side=sides, price=prices, base=holdings, quote=holdings)
def test_all_of_the_funds_can_be_spent_where_the_fee_is_taken_from_what_is_paid(side, price, base, quote):
    own = funds(str(base), str(quote))
    ours = market(fee_side="give", taker_fee=Decimal("0.0026"))
    amount = base_amount("100%", side=side, price=price, funds=own, market=ours)
    if side is Side.BUY:
        assert amount * price * (1 + ours.taker_fee) <= quote
    else:
        assert amount * (1 + ours.taker_fee) <= base


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("-1%", "-1", PriceKind.PERCENT),
        ("+0.5%", "0.5", PriceKind.PERCENT),
        ("%2", "2", PriceKind.PERCENT),
        ("@65100", "65100", PriceKind.FLAT),
        ("65100@", "65100", PriceKind.FLAT),
        ("10", "10", PriceKind.DELTA),
        ("d10", "10", PriceKind.DELTA),
        ("d-10", "-10", PriceKind.DELTA),
        (Decimal(65100), "65100", PriceKind.FLAT),
        (65100.25, "65100.25", PriceKind.FLAT),
    ],
)
def test_a_price_is_read_with_its_letters_in_any_order(text, value, kind):
    parsed = parse_price(text)
    assert (parsed.value, parsed.kind) == (Decimal(value), kind)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no number"),
        ("@0", "above zero"),
        ("@-5", "above zero"),
        ("e5%", "derivatives"),
        ("5z", "means nothing"),
        (Decimal(0), "above zero"),
        (float("nan"), "above zero"),
    ],
)
def test_a_wrong_price_names_the_text_what_is_wrong_and_the_forms(text, said):
    with pytest.raises(PriceError) as error:
        parse_price(text)
    assert repr(text) in str(error.value)
    assert said in str(error.value)
    assert '"@65100"' in str(error.value)


@pytest.mark.parametrize(
    ("text", "side", "expected"),
    [
        ("-1%", Side.BUY, "49500"),
        ("+0.5%", Side.SELL, "50250"),
        ("@65100", Side.SELL, "65100"),
        ("d10", Side.SELL, "50010"),
        ("-10", Side.BUY, "49990"),
        ("@100.017", Side.BUY, "100.01"),
        ("@100.011", Side.SELL, "100.02"),
        ("@100.01", Side.SELL, "100.01"),
    ],
)
def test_a_price_stands_on_the_grid_with_buys_down_and_sells_up(text, side, expected):
    assert limit_price(text, side=side, mid=50_000.0, market=market()) == Decimal(expected)


def test_a_price_that_leads_to_zero_is_refused():
    with pytest.raises(PriceError, match="not above zero"):
        limit_price("-100%", side=Side.BUY, mid=50_000.0, market=market())


@given(percent=st.decimals(min_value=-50, max_value=50, places=3), side=sides, mid=prices, step=steps)
def test_a_rounded_price_is_never_worse_than_what_was_said_and_less_than_a_step_off(percent, side, mid, step):
    said = mid * (1 + percent / 100)
    if said < step:
        return
    price = limit_price(f"{percent}%", side=side, mid=mid, market=market(price_step=step))
    off = said - price if side is Side.BUY else price - said
    assert price % step == 0
    assert 0 <= off < step


@given(touch=st.floats(min_value=1e-6, max_value=1e6), side=sides, step=steps)
def test_a_market_order_is_reserved_beyond_the_touch(touch, side, step):
    price = worst_price(side, touch, Decimal(1), step)
    assert price >= Decimal(repr(touch)) if side is Side.BUY else price <= Decimal(repr(touch))


@given(price=prices, step=steps, cost=st.decimals(min_value=0, max_value=1000, places=2))
def test_the_least_amount_is_on_the_step_and_worth_the_least_notional(price, step, cost):
    amount = least_amount(price, market(amount_step=step, min_amount=step, min_cost=cost))
    assert cut(amount, step) == amount
    assert amount >= step
    assert amount * price >= cost - Decimal("1e-18")


@pytest.mark.parametrize("wrong", [None, True, [1], "9" * 60, Decimal("1e40")])
def test_what_is_no_amount_at_all_is_named_as_such(wrong):
    with pytest.raises(AmountError) as error:
        base_amount(wrong, side=Side.BUY, price=PRICE, funds=funds(), market=market())
    assert repr(wrong) in str(error.value)


@pytest.mark.parametrize("wrong", [None, True, [1], "@" + "9" * 60, 1e40])
def test_what_is_no_price_at_all_is_named_as_such(wrong):
    with pytest.raises(PriceError) as error:
        limit_price(wrong, side=Side.BUY, mid=PRICE, market=market())
    assert repr(wrong) in str(error.value)

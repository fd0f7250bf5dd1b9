"""What a market maker wants to have in the book."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.modes.amounts import exact, least_amount
from ganglion.actors.modes.quotes import (
    Quote,
    QuoteRules,
    inventory_share,
    plan,
    reservation_price,
    wanted_quotes,
)
from ganglion.messages.orders import OrderState, OrderUpdate
from ganglion.messages.values import OrderType, Side
from tests.actors.modes.samples import ACCOUNT, SYMBOL, funds, market, top


def rules(**changed: object) -> QuoteRules:
    values: dict[str, object] = {
        "spread_pct": Decimal("0.2"),
        "size_pct": Decimal(10),
        "levels": 2,
        "step_pct": Decimal("0.1"),
        "skew": Decimal("0.5"),
        "target_pct": Decimal(50),
    }
    return QuoteRules(**(values | changed))  # type: ignore[arg-type]


def standing(side: Side, price: str, intent_id: str) -> OrderUpdate:
    return OrderUpdate(
        intent_id=intent_id,
        account=ACCOUNT,
        mode="maker",
        client_id="c" + intent_id,
        venue_id="v" + intent_id,
        symbol=SYMBOL,
        side=side,
        type=OrderType.LIMIT,
        price=Decimal(price),
        amount=Decimal("0.1"),
        state=OrderState.ACCEPTED,
        filled=Decimal(0),
        reason="",
        sequence=1,
    )


def test_quotes_stand_at_half_the_spread_around_mid_where_the_inventory_is_as_wanted():
    quotes = wanted_quotes(top(), funds("1", "50000"), market(), rules())
    assert [(quote.side, quote.price) for quote in quotes] == [
        (Side.BUY, Decimal("49950.00")),
        (Side.BUY, Decimal("49900.00")),
        (Side.SELL, Decimal("50050.00")),
        (Side.SELL, Decimal("50100.00")),
    ]
    assert quotes[0].amount == Decimal("0.10010")
    assert quotes[2].amount == Decimal("0.10000")


def test_too_much_base_moves_both_sides_down_and_too_little_moves_them_up():
    mid = Decimal(50_000)
    rich, poor = funds("3", "50000"), funds("1", "150000")
    assert inventory_share(mid, rich) == Decimal("0.75")
    assert reservation_price(mid, rich, rules()) == mid * (1 - Decimal("0.00025"))
    assert reservation_price(mid, poor, rules()) == mid * (1 + Decimal("0.00025"))
    assert reservation_price(mid, rich, rules(skew=Decimal(0))) == mid


def test_a_side_without_funds_has_no_quotes():
    assert {quote.side for quote in wanted_quotes(top(), funds("0", "50000"), market(), rules())} == {Side.BUY}
    assert {quote.side for quote in wanted_quotes(top(), funds("1", "0"), market(), rules())} == {Side.SELL}
    assert wanted_quotes(top(), funds("0", "0"), market(), rules()) == ()


def test_a_quote_below_the_venues_least_order_is_raised_to_it():
    quotes = wanted_quotes(top(), funds("0", "40"), market(), rules())
    assert [quote.amount for quote in quotes] == [Decimal("0.00011"), Decimal("0.00011")]


def test_levels_closer_than_a_tick_stand_one_tick_apart():
    coarse = market(price_step=Decimal(1), amount_step=Decimal(1), min_amount=Decimal(1), min_cost=Decimal(0))
    quotes = wanted_quotes(top(99.0, 101.0), funds("1000", "100000"), coarse, rules(levels=3))
    assert [quote.price for quote in quotes] == [Decimal(p) for p in (99, 98, 97, 101, 102, 103)]


@given(
    bid=st.floats(min_value=1e-6, max_value=1e5),
    spread=st.floats(min_value=1e-6, max_value=0.05),
    base=st.decimals(min_value=0, max_value=100_000, places=4),
    quote=st.decimals(min_value=0, max_value=1_000_000, places=2),
    step=st.sampled_from([Decimal("0.00000001"), Decimal("0.01"), Decimal(1)]),
    levels=st.integers(min_value=1, max_value=6),
    skew=st.decimals(min_value=0, max_value=1, places=2),
)
def test_quotes_never_cross_never_cost_more_than_the_funds_and_are_never_too_small(
    bid, spread, base, quote, step, levels, skew
):
    prices = top(bid, bid * (1 + spread))
    ours = market(price_step=step, min_cost=Decimal(5))
    quotes = wanted_quotes(prices, funds(str(base), str(quote)), ours, rules(levels=levels, skew=skew))
    buys = [q for q in quotes if q.side is Side.BUY]
    sells = [q for q in quotes if q.side is Side.SELL]
    assert all(q.price < exact(prices.ask) for q in buys)
    assert all(q.price > exact(prices.bid) for q in sells)
    assert sum(q.price * q.amount for q in buys) <= quote
    assert sum(q.amount for q in sells) <= base
    for q in quotes:
        assert q.price % step == 0
        assert q.amount >= least_amount(q.price, ours)
    for side in (buys, sells):
        assert len({q.price for q in side}) == len(side)


def test_an_order_within_the_tolerance_stays_and_the_rest_is_cancelled_or_placed():
    wanted = [Quote(Side.BUY, Decimal(100), Decimal(1)), Quote(Side.SELL, Decimal(102), Decimal(1))]
    orders = [standing(Side.BUY, "100.04", "near"), standing(Side.SELL, "103", "far")]
    todo = plan(wanted, orders, tolerance_pct=Decimal("0.05"))
    assert todo.cancel == ("far",)
    assert todo.place == (wanted[1],)


def test_two_orders_at_one_wanted_price_leave_one():
    orders = [standing(Side.BUY, "100", "first"), standing(Side.BUY, "100", "second")]
    todo = plan([Quote(Side.BUY, Decimal(100), Decimal(1))], orders, tolerance_pct=Decimal("0.05"))
    assert todo.cancel == ("second",)
    assert todo.place == ()


@given(
    wanted=st.lists(st.tuples(st.sampled_from(Side), st.integers(90, 110)), max_size=6),
    there=st.lists(st.tuples(st.sampled_from(Side), st.integers(90, 110)), max_size=6),
)
def test_once_a_plan_is_carried_out_nothing_is_left_to_do(wanted, there):
    quotes = [Quote(side, Decimal(price), Decimal(1)) for side, price in wanted]
    orders = [standing(side, str(price), str(index)) for index, (side, price) in enumerate(there)]
    todo = plan(quotes, orders, tolerance_pct=Decimal("0.05"))
    after = [order for order in orders if order.intent_id not in todo.cancel]
    after += [standing(quote.side, str(quote.price), f"new{i}") for i, quote in enumerate(todo.place)]
    assert len(after) == len(quotes)
    assert plan(quotes, after, tolerance_pct=Decimal("0.05")) == plan([], [], tolerance_pct=Decimal(0))

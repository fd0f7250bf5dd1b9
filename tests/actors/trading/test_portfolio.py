"""The portfolio's money: reservations to the last digit, fills once, modes' capital, rebuilt as it was."""

import dataclasses
from functools import partial

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from ganglion.actors.trading.money import minus, plus, times, total
from ganglion.actors.trading.portfolio.portfolio import Portfolio, equal_shares, rebuild
from ganglion.actors.trading.portfolio.reservation import ReservationError, reservation_of
from ganglion.messages.account import AccountSnapshot, External, OpenOrder
from ganglion.messages.market import Market
from ganglion.messages.orders import (
    Balance,
    Fill,
    Intent,
    OrderState,
    OrderType,
    OrderUpdate,
    Side,
    TimeInForce,
)
from tests.actors.trading.evidence import D, intent

SYMBOL = "BTC/USDT"
OPENING = (Balance("BTC", D("3"), D(0)), Balance("USDT", D("1000"), D(0)))


def market(fee_side="get", taker="0.002"):
    return Market("alpha", SYMBOL, D("0.01"), D("0.0001"), D("0.0001"), D("5"), D("0.001"), D(taker), fee_side)


def opened(**shares):
    portfolio = Portfolio("alpha", {mode: D(share) for mode, share in shares.items()} or {"grid": D(1)})
    portfolio.open(OPENING)
    return portfolio


def fill(trade_id="t1", amount="0.5", side=Side.BUY, price="100", fee="0.0005", asset="BTC", **more):
    facts = {
        "account": "alpha",
        "symbol": SYMBOL,
        "trade_id": trade_id,
        "intent_id": "i1",
        "mode": "grid",
        "client_id": "c1",
        "side": side,
        "price": D(price),
        "amount": D(amount),
        "fee": D(fee),
        "fee_asset": asset,
        "liquidity": None,
        "timestamp_ms": 0,
        "sequence": 1,
    }
    return Fill(**{**facts, **more})


def update(state=OrderState.ACCEPTED, filled="0", name="i1", amount="1", side=Side.BUY, price="100"):
    return OrderUpdate(
        name,
        "alpha",
        "grid",
        f"c-{name}",
        "v1",
        SYMBOL,
        side,
        OrderType.LIMIT,
        D(price),
        D(amount),
        state,
        D(filled),
        "",
        1,
    )


def test_a_buy_reserves_quote_at_its_limit_and_no_fee_where_that_is_taken_from_what_it_gets():
    reservation = reservation_of(intent(amount="2"), market("get"))
    assert (reservation.asset, reservation.need) == ("USDT", D("200"))


@pytest.mark.parametrize(
    ("fee_side", "side", "need"),
    [
        ("give", Side.BUY, "200.400"),
        ("quote", Side.BUY, "200.400"),
        ("base", Side.BUY, "200"),
        ("give", Side.SELL, "2.004"),
        ("base", Side.SELL, "2.004"),
        ("quote", Side.SELL, "2"),
        ("get", Side.SELL, "2"),
    ],
)
def test_the_worst_fee_is_reserved_in_the_asset_that_the_venue_charges(fee_side, side, need):
    assert reservation_of(intent(amount="2", side=side), market(fee_side)).need == D(need)


def test_a_buy_without_a_price_cannot_be_reserved():
    with pytest.raises(ReservationError, match="worst price"):
        reservation_of(msgspec.structs.replace(intent(), price=None), market())


def test_a_market_sell_reserves_what_it_sells():
    sell = msgspec.structs.replace(intent(side=Side.SELL, amount="0.7"), price=None, type=OrderType.MARKET)
    reservation = reservation_of(sell, market())
    assert (reservation.asset, reservation.need) == ("BTC", D("0.7"))


def test_a_reservation_shrinks_with_each_fill_and_is_gone_when_the_order_ends():
    money = opened()
    money.reserve(reservation_of(intent(amount="1"), market("quote")))
    assert money.free("USDT") == D("899.8")
    money.apply_fill(fill(amount="0.25"))
    assert money.reserved("USDT") == D("75.15")
    money.update(update(OrderState.CANCELED, "0.25"), market())
    assert money.reserved("USDT") == 0
    assert money.free("USDT") == D("975")


def test_a_fill_is_applied_once():
    money = opened()
    assert money.apply_fill(fill())
    assert not money.apply_fill(fill())
    assert money.total("BTC") == D("3.4995")
    assert money.total("USDT") == D("950")


def test_a_real_fill_takes_the_place_of_the_synthetic_one():
    money = opened()
    money.apply_fill(fill("synthetic-1", fee="0", synthetic=True))
    money.apply_fill(fill("t1", price="99", replaces=("synthetic-1",)))
    assert money.total("USDT") == D("950.5")
    assert money.total("BTC") == D("3.4995")
    assert list(money.fills) == [(SYMBOL, "t1")]


def test_a_fill_that_nothing_was_reserved_for_is_counted_and_shows_as_overdrawn():
    money = opened()
    money.apply_fill(fill(amount="11"))
    assert money.total("USDT") == D("-100")
    assert money.overdrawn() == {"USDT": D("-100")}


def test_orders_of_others_lock_what_is_free():
    money = opened()
    money.lock((Balance("USDT", D(0), D("300")),))
    assert money.free("USDT") == D("700")
    assert money.available_to("grid", "USDT") == D("700")
    money.lock(())
    assert money.free("USDT") == D("1000")


def test_an_amend_holds_the_larger_of_both_until_the_old_one_has_ended():
    money = opened()
    money.reserve(reservation_of(intent("old", "2"), market()))
    money.reserve(reservation_of(intent("new", "3"), market(), amends="old"))
    assert money.reserved("USDT") == D("300")
    money.update(update(OrderState.CANCELED, name="old", amount="2"), market())
    assert money.reserved("USDT") == D("300")
    money.release("new")
    assert money.reserved("USDT") == 0


def test_an_amend_to_less_holds_the_old_ones_need():
    money = opened()
    money.reserve(reservation_of(intent("old", "3"), market()))
    money.reserve(reservation_of(intent("new", "1"), market(), amends="old"))
    assert money.reserved("USDT") == D("300")


def test_each_mode_owns_its_share_and_its_own_fills():
    money = opened(grid="0.5", maker="0.5")
    assert money.capital_of("grid", "USDT") == D("500")
    money.apply_fill(fill())
    assert money.capital_of("grid", "USDT") == D("450")
    assert money.capital_of("grid", "BTC") == D("1.9995")
    assert money.capital_of("maker", "USDT") == D("500")


def test_a_mode_may_not_commit_what_another_one_owns():
    money = opened(grid="0.5", maker="0.5")
    money.reserve(reservation_of(intent(amount="4"), market()))
    assert money.available_to("grid", "USDT") == D("100")
    assert money.available_to("maker", "USDT") == D("500")


def test_shares_are_equal_where_none_is_named_and_the_rest_goes_to_the_others():
    assert equal_shares({"a": None, "b": None}) == {"a": D("0.5"), "b": D("0.5")}
    assert equal_shares({"a": D("0.6"), "b": None, "c": None}) == {"a": D("0.6"), "b": D("0.2"), "c": D("0.2")}


def test_thirds_never_come_to_more_than_the_whole():
    money = Portfolio("alpha", equal_shares({"a": None, "b": None, "c": None}))
    money.open((Balance("USDT", D("1000.00000001"), D(0)),))
    parts = [money.capital_of(mode, "USDT") for mode in "abc"]
    assert sum(parts) <= D("1000.00000001")
    assert min(parts) > D("333.33")


def test_shares_above_the_whole_are_refused():
    with pytest.raises(ValueError, match="100 %"):
        equal_shares({"a": D("0.7"), "b": D("0.4")})


def test_a_token_with_18_decimals_loses_no_digit():
    money = Portfolio("alpha", {"grid": D(1)})
    many = D("123456789012345.123456789012345678")
    money.open((Balance("BTC", many, D(0)),))
    money.apply_fill(fill(side=Side.SELL, amount="0.000000000000000001", fee="0", asset="USDT"))
    assert plus(money.total("BTC"), D("0.000000000000000001")) == many


AMOUNT = st.decimals("0.0001", "3", places=4)
PRICE = st.decimals("0.01", "200", places=2)
FILLS = st.lists(
    st.builds(
        lambda number, amount, price, side, fee: fill(
            f"t{number}", str(amount), side, str(price), str(fee), "BTC" if side is Side.BUY else "USDT"
        ),
        st.integers(0, 6),
        AMOUNT,
        PRICE,
        st.sampled_from(Side),
        st.decimals("-0.01", "0.01", places=8),
    ),
    max_size=12,
)


@given(FILLS)
def test_money_is_conserved_exactly_under_any_fills_and_duplicates(fills):
    money = opened()
    money.reserve(reservation_of(intent(amount="1"), market()))
    for one in fills:
        money.apply_fill(one)
    for view in money.views():
        have = plus(plus(plus(view.free, view.reserved), view.locked), view.fees)
        assert have == plus(plus(view.initial, view.net_fills), view.external)


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "amend", "release", "end", "fill"]),
        st.sampled_from(["i1", "i2", "i3", "i4"]),
        st.sampled_from(["grid", "maker"]),
        st.sampled_from(Side),
        AMOUNT,
    ),
    max_size=20,
)


@given(COMMANDS)
def test_what_orders_hold_is_the_plain_sum_over_them_after_each_change(commands):
    money = opened()
    for number, (what, name, mode, side, amount) in enumerate(commands):
        order = msgspec.structs.replace(intent(amount=str(amount), side=side), intent_id=name, mode=mode)
        if what in {"reserve", "amend"}:
            amends = next(iter(money.reservations), None) if what == "amend" else None
            money.reserve(reservation_of(order, market(), amends=amends if amends != name else None))
        elif what == "release":
            money.release(name)
        elif what == "end":
            money.update(update(OrderState.CANCELED, name=name), market())
        else:
            money.apply_fill(fill(str(number), amount=str(amount), intent_id=name))
        for asset in ("BTC", "USDT"):
            for who in ("grid", "maker", None):
                plain_sum = total(
                    money.held_by(one)
                    for one in money.reservations.values()
                    if one.asset == asset and who in {None, one.mode}
                )
                assert money.reserved(asset, who) == plain_sum
        fresh = dataclasses.replace(money)
        for who in ("grid", "maker"):
            assert money.funds_of(who, "BTC/USDT") == fresh.funds_of(who, "BTC/USDT")
        assert (money.views(), money.overdrawn()) == (fresh.views(), fresh.overdrawn())


@given(FILLS, st.decimals("-5", "5", places=3), st.decimals("0", "5", places=3))
def test_what_is_known_of_an_asset_follows_every_fact_about_it(fills, deposit, locked):
    money = opened()
    facts = [partial(money.apply_fill, one) for one in fills]
    facts.insert(len(facts) // 2, partial(money.add_external, External("USDT", deposit, "a deposit")))
    facts.insert(len(facts) // 3, partial(money.lock, [Balance("BTC", D(0), locked)]))
    for happens in facts:
        happens()
        fresh = dataclasses.replace(money)
        assert money.funds_of("grid", "BTC/USDT") == fresh.funds_of("grid", "BTC/USDT")
        assert money.views() == fresh.views()


@given(FILLS, st.booleans(), st.decimals("-5", "5", places=3))
def test_a_rebuilt_portfolio_is_the_one_that_heard_every_fact(fills, ended, deposit):
    money = opened()
    external = External("USDT", deposit, "a deposit")
    money.add_external(external)
    money.reserve(reservation_of(intent(amount="100"), market()))
    for one in fills:
        money.apply_fill(one)
    filled = minus(D("100"), money.reservations["i1"].amount - money.reservations["i1"].filled)
    last = update(OrderState.CANCELED if ended else OrderState.ACCEPTED, str(filled), amount="100")
    money.update(last, market())
    snapshot = AccountSnapshot(
        account="alpha",
        epoch=1,
        opening=OPENING,
        externals=(external,),
        fills=tuple(money.fills.values()),
        open_orders=() if ended else (OpenOrder(last),),
        locked_by_others=(),
        venue_balances=(),
        markets=(market(),),
        saved=(),
        as_of=9,
    )
    again = rebuild(snapshot, {"grid": D(1)}, {SYMBOL: market()})
    assert again == money


@given(AMOUNT, PRICE, st.lists(AMOUNT, max_size=5), st.sampled_from(["get", "give", "quote", "base"]))
def test_whatever_was_filled_nothing_stays_reserved_once_an_order_has_ended(amount, price, parts, fee_side):
    money = opened()
    order = Intent(
        "i1",
        "alpha",
        "grid",
        SYMBOL,
        Side.BUY,
        OrderType.LIMIT,
        amount,
        price,
        TimeInForce.GTC,
        False,
        1,
        1e9,
        "",
        "",
        "",
    )
    money.reserve(reservation_of(order, market(fee_side)))
    assert money.reserved("USDT") >= times(amount, price)
    for number, part in enumerate(parts):
        money.apply_fill(fill(f"t{number}", str(part), price=str(price)))
    money.update(update(OrderState.FILLED), market())
    assert money.reserved("USDT") == 0
    assert money.free("USDT") == money.total("USDT")

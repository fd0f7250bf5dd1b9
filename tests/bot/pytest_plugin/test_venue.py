"""The fixture `venue`: a matching exchange inside the test."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.bot.pytest_plugin.local_venue import LocalVenue, OrderRefused

pytest_plugins = ["pytester"]
BTC = "BTC/USDT"


def test_an_order_rests_until_the_market_comes_to_it(venue):
    order = venue.place(BTC, "buy", "0.1", 60_000)
    assert order.is_open
    venue.quote(BTC, bid=59_000, ask=59_500)
    assert venue.order(BTC, order.id).status == "filled"
    (fill,) = venue.fills()
    assert (fill.price, fill.amount, fill.side, fill.liquidity) == (60_000, Decimal("0.1"), "buy", "maker")
    assert (fill.fee, fill.fee_asset) == (Decimal("0.0001"), "BTC")


def test_a_market_order_takes_what_others_quote(venue):
    venue.quote(BTC, ask=60_000, amount="0.5")
    order = venue.place(BTC, "buy", "0.2")
    assert (order.status, order.filled) == ("filled", Decimal("0.2"))
    assert venue.book(BTC).asks == ((Decimal(60_000), Decimal("0.3")),)


def test_others_trade_through_my_order_when_it_is_best(venue):
    venue.quote(BTC, bid=59_000, ask=61_000)
    mine = venue.place(BTC, "sell", "0.1", 60_500)
    venue.trade(BTC, "buy", "0.15")
    assert not venue.order(BTC, mine.id).is_open
    assert [fill.amount for fill in venue.fills()] == [Decimal("0.1")]


def test_a_cancel_releases_what_the_order_held(venue):
    before = venue.balances()
    order = venue.place(BTC, "buy", "0.1", 50_000)
    assert venue.balances()["USDT"].locked == 5_000
    assert venue.cancel(order).status == "canceled"
    assert venue.balances() == before


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"amount": "1000", "price": 60_000}, "insufficient_balance"),
        ({"amount": "0.000001", "price": 60_000}, "lot_size"),
        ({"amount": "0.1", "price": "60000.001"}, "price_filter"),
        ({"amount": "0.00001", "price": 60_000}, "notional"),
        ({"amount": "0.1", "price": 62_000, "post_only": True}, "would_match"),
    ],
)
def test_what_a_real_market_refuses_is_refused_with_its_reason(venue, settings, code):
    venue.quote(BTC, bid=59_000, ask=61_000)
    with pytest.raises(OrderRefused) as refusal:
        venue.place(BTC, "buy", **settings)
    assert refusal.value.code == code
    assert not venue.orders()


def test_an_order_that_is_gone_cannot_be_cancelled_again(venue):
    order = venue.place(BTC, "buy", "0.1", 50_000)
    venue.cancel(order)
    with pytest.raises(OrderRefused) as refusal:
        venue.cancel(order)
    assert refusal.value.code == "unknown_order"


def test_a_client_id_is_taken_once(venue):
    venue.place(BTC, "buy", "0.1", 50_000, client_id="mine")
    with pytest.raises(OrderRefused, match="duplicate_client_id"):
        venue.place(BTC, "buy", "0.1", 50_000, client_id="mine")


def test_fill_or_kill_and_immediate_or_cancel(venue):
    venue.quote(BTC, bid=59_000, ask=60_000, amount="0.1")
    assert venue.place(BTC, "buy", "0.2", 60_000, time_in_force="FOK").filled == 0
    assert venue.place(BTC, "buy", "0.2", 60_000, time_in_force="IOC").filled == Decimal("0.1")
    assert not venue.orders(open_only=True)


def test_a_float_is_no_money(venue):
    with pytest.raises(TypeError, match="money is text, an int or a Decimal"):
        venue.place(BTC, "buy", 0.1, 60_000)


def test_money_can_be_put_in_and_another_account_opened(venue):
    venue.deposit("USDT", "6.5")
    assert venue.balances()["USDT"].free == Decimal("100006.5")
    venue.deposit("USDT", 1_000, account="other")
    order = venue.place(BTC, "buy", "0.01", 50_000, account="other")
    assert venue.orders(account="other") == [order]
    assert not venue.orders()


@pytest.mark.venue(symbols=["ETH/USDT", BTC], balances={"USDT": "500"}, maker_fee=0)
def test_the_marker_sets_it_up(venue):
    assert list(venue.markets) == ["ETH/USDT", BTC]
    assert {asset: balance.total for asset, balance in venue.balances().items() if balance.total} == {"USDT": 500}


def test_calling_it_makes_another_one(venue):
    other = venue(symbols=["ETH/USDT"])
    other.place("ETH/USDT", "buy", "0.1", 3_000)
    assert not venue.orders()
    assert len(other.orders()) == 1


def test_an_empty_book_has_no_mid_and_says_so(venue):
    with pytest.raises(LookupError, match=r"venue\.quote"):
        _ = venue.book(BTC).mid
    venue.quote(BTC, bid=59_000, ask=61_000)
    assert venue.book(BTC).mid == 60_000


def test_the_crowd_of_a_seed_is_always_the_same():
    def played(seed):
        venue = LocalVenue(crowd=True, seed=seed)
        venue.advance(20)
        return venue.book(BTC)

    assert played(1) == played(1) != played(2)


def test_the_crowd_trades_the_same_however_the_time_is_cut():
    whole, cut = LocalVenue(crowd=True), LocalVenue(crowd=True)
    whole.advance(9)
    for _ in range(60):
        cut.advance(0.15)
    assert whole.book(BTC) == cut.book(BTC)


@given(
    st.lists(
        st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 200), st.integers(55_000, 65_000)), max_size=30
    ),
)
def test_money_neither_appears_nor_vanishes(orders):
    venue = LocalVenue(balances={"USDT": 50_000, "BTC": 2})
    for number, (side, thousandths, price) in enumerate(orders):
        if number % 3 == 2:
            venue.quote(BTC, bid=price - 100, ask=price, amount="0.05")
            continue
        try:
            venue.place(BTC, side, Decimal(thousandths) / 1000, price)
        except OrderRefused as refusal:
            assert refusal.code == "insufficient_balance"  # noqa: PT017  the one refusal that these orders can meet
    venue.audit()
    assert all(balance.free >= 0 and balance.locked >= 0 for balance in venue.balances().values())


def test_settings_that_no_venue_can_be_made_of_are_said_in_a_sentence(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.venue(symbols="BTC/USDT")
        def test_text(venue): pass

        @pytest.mark.venue(symbols=["BTCUSDT"])
        def test_symbol(venue): pass

        @pytest.mark.venue(balances={"USDT": 0.5})
        def test_float(venue): pass

        @pytest.mark.venue(symbol="BTC/USDT")
        def test_name(venue): pass

        @pytest.mark.venue(["BTC/USDT"])
        def test_place(venue): pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=5)
    result.stdout.fnmatch_lines(["venue: symbols is a list*"])
    result.stdout.fnmatch_lines(["venue: 'BTCUSDT' is not a spot symbol*"])
    result.stdout.fnmatch_lines(["venue: USDT: 0.5 is a float*"])
    result.stdout.fnmatch_lines(["venue:*symbol*"])
    result.stdout.fnmatch_lines(["*takes settings by name*"])

"""The small decisions of the fill model, and what a market of data accepts."""

from array import array
from decimal import ROUND_DOWN, ROUND_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.messages.values import Side
from ganglion.simulation.backtest import BacktestError, FillSettings, market_of
from ganglion.simulation.backtest.candles import CandleMaker
from ganglion.simulation.backtest.fills import exact, on_tick, path_of, quote_of, share_of, taking_price
from ganglion.simulation.data import Bars, Trades

D = Decimal
CENT = D("0.01")
FEE = D("0.001")


def trades_of(symbol, *prices):
    count = len(prices)
    return Trades(
        "x", symbol, array("q", range(count)), array("d", prices), array("d", [1.0] * count), bytearray(count)
    )


def test_without_a_spread_both_best_prices_are_the_data_s():
    assert quote_of(100.1, FillSettings(), CENT) == (D("100.1"), D("100.1"))


def test_a_spread_is_rounded_away_from_the_price():
    assert quote_of(100.01, FillSettings(half_spread_pct=0.01), CENT) == (D("99.99"), D("100.03"))


@given(st.floats(0.01, 1e6), st.floats(0, 10), st.sampled_from([CENT, D("0.5"), D("0.00001")]))
def test_best_prices_stand_on_the_tick_and_never_cross(price, spread, tick):
    bid, ask = quote_of(price, FillSettings(half_spread_pct=spread), tick)
    assert not bid % tick
    assert not ask % tick
    assert 0 < bid <= ask


@pytest.mark.parametrize(("rounding", "stands"), [(ROUND_DOWN, "0.29"), (ROUND_UP, "0.29")])
def test_the_dust_of_a_float_is_no_reason_to_leave_a_tick(rounding, stands):
    assert on_tick(D("0.29000000000000004"), CENT, rounding) == D(stands)


def test_slippage_is_rounded_against_the_order():
    settings = FillSettings(slippage_pct=0.015)
    assert taking_price(Side.BUY, D(100), settings, CENT) == D("100.02")
    assert taking_price(Side.SELL, D(100), settings, CENT) == D("99.98")


def test_the_share_of_a_volume_is_exact_and_can_be_left_unlooked_at():
    assert share_of(0.3, FillSettings(participation=0.1)) == D("0.03")
    assert share_of(0.3, FillSettings(participation=0.0)) is None


@pytest.mark.parametrize(("bar", "path"), [((100, 103, 99), (99, 103)), ((100, 101, 96), (101, 96))])
def test_the_extreme_nearer_to_the_open_comes_first(bar, path):
    assert path_of(*bar) == path


def test_a_known_market_keeps_its_steps():
    market = market_of("BTC/USDT", [trades_of("BTC/USDT", 40_000.5, 41_000.25)], FEE, FEE)
    assert (market.tick, market.step, market.price) == (D("0.01"), D("0.00001"), D("40000.5"))


def test_prices_finer_than_a_known_tick_are_taken_as_they_are():
    market = market_of("BTC/USDT", [trades_of("BTC/USDT", 40_000.125)], FEE, FEE)
    assert market.tick == D("0.001")


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=9), st.integers(0, 6))
def test_an_unknown_market_takes_every_price_of_its_data(numbers, digits):
    prices = [number / 10**digits for number in numbers]
    market = market_of("ABC/USDT", [trades_of("ABC/USDT", *prices)], FEE, FEE)
    assert all(not exact(price) % market.tick for price in prices)


def test_what_is_no_spot_market_is_refused():
    with pytest.raises(BacktestError, match="is not a spot symbol"):
        market_of("nonsense", [], FEE, FEE)


def test_a_longer_candle_closes_with_its_last_bar():
    maker = CandleMaker("x", "BTC/USDT", "5m", [])
    minute = 60_000
    made = [maker.bar(n * minute, (n + 1) * minute, 10 + n, 12 + n, 9 + n, 11 + n, 2) for n in range(5)]
    assert made[:4] == [[], [], [], []]
    (candle,) = made[4]
    assert (candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume) == (0, 10, 16, 9, 15, 10)


def test_a_longer_candle_whose_last_bar_is_missing_is_made_with_the_next_one():
    maker = CandleMaker("x", "BTC/USDT", "2m", [])
    assert maker.bar(0, 60_000, 1, 2, 1, 2, 1) == []
    (candle,) = maker.bar(240_000, 300_000, 5, 6, 5, 6, 1)
    assert (candle.open_ms, candle.close) == (0, 2)


def test_no_trade_is_no_candle():
    maker = CandleMaker("x", "BTC/USDT", "1m", [])
    assert maker.close(600_000) is None
    maker.trade(61_000, 5.0, 1.0)
    assert maker.closes_ms == 120_000
    assert maker.close(119_999) is None
    candle = maker.close(120_000)
    assert candle is not None
    assert (candle.open_ms, candle.volume) == (60_000, 1.0)
    assert maker.close(600_000) is None


def test_bars_lend_their_market_a_price():
    columns = [array("d", [0.25]) for _ in range(5)]
    bars = Bars("x", "ABC/USDT", "1m", 60_000, array("q", [0]), *columns)
    assert market_of("ABC/USDT", [bars], FEE, FEE).price == D("0.25")

"""On recorded order books: the real book actor decides what is told, orders take what the data shows."""

from array import array

import pytest

from ganglion.bot.backtest_data import feeds_wanted
from ganglion.simulation.backtest import BacktestError
from ganglion.simulation.data import BUY, SELL, BookDeltas
from tests.bot.backtest.cast import START_MS, Run, config, trades

SNAPSHOT = [(0, BUY, 99.0, 5.0), (0, BUY, 98.0, 5.0), (0, SELL, 101.0, 1.0), (0, SELL, 102.0, 5.0)]


def book(*rows: tuple[int, int, float, float]) -> BookDeltas:
    """Of (milliseconds, side, price, amount); the rows at 0 are a snapshot."""
    return BookDeltas(
        "sim",
        "BTC/USDT",
        array("q", [START_MS + at for at, *_ in rows]),
        bytearray(side for _, side, _, _ in rows),
        array("d", [price for _, _, price, _ in rows]),
        array("d", [amount for _, _, _, amount in rows]),
        bytearray(index == 0 for index in range(len(rows))),
    )


def test_the_best_prices_of_the_book_are_told():
    run = Run(book(*SNAPSHOT, (100, BUY, 99.5, 1.0), (200, SELL, 101.0, 0.0)))
    assert [told[:3] for told in run.told("book")] == [(0, 99.0, 101.0), (100, 99.5, 101.0), (200, 99.5, 102.0)]


def test_a_market_order_walks_the_levels_that_stand_at_the_next_change():
    run = Run(book(*SNAPSHOT, (100, BUY, 99.5, 1.0), (200, BUY, 99.6, 1.0)), ["row 1 buy 3"])
    assert [(price, amount) for _, _, price, amount in run.fills] == [(101.0, 1.0), (102.0, 2.0)]


def test_a_resting_order_is_filled_when_the_other_side_comes_through_it():
    rows = book(*SNAPSHOT, (100, BUY, 99.5, 1.0), (200, BUY, 99.5, 0.0), (200, BUY, 99.0, 0.0), (200, SELL, 98.5, 0.25))
    run = Run(rows, ["row 1 buy 0.5 99.2"])
    assert [(price, amount) for _, _, price, amount in run.fills] == [(99.2, 0.25)]


def test_a_quiet_book_is_confirmed_as_a_venue_would_and_can_be_decided_on():
    run = Run(book(*SNAPSHOT, (60_000, BUY, 99.5, 1.0), (60_100, BUY, 99.6, 1.0)), ["at 20 buy 0.5"])
    assert [at for at, _ in run.told("timer")] == [20_000]
    assert run.fills == [(1.0, "buy", 101.0, 0.5)]


def test_trades_beside_a_book_are_told_and_move_no_price():
    ticks = trades([(50, 100.5, 1.0), (150, 90.0, 1.0)])
    run = Run([book(*SNAPSHOT, (100, BUY, 99.5, 1.0), (200, BUY, 99.6, 1.0)), ticks], kind="Ticked")
    assert [told[:3] for told in run.told("trade")] == [(50, 100.5, 1.0), (150, 90.0, 1.0)]
    assert [market.kind for market in run.record.markets] == ["book"]
    assert run.record.markets[0].price.value[-1] == pytest.approx((99.6 + 101.0) / 2)


def test_a_resting_order_is_filled_by_trades_that_go_through_it_up_to_their_volume():
    quiet = book(*SNAPSHOT, (100, BUY, 98.5, 1.0), (200, BUY, 98.5, 2.0), (900, BUY, 98.5, 3.0))
    ticks = trades([(300, 99.2, 5.0), (400, 99.1, 0.2), (500, 99.1, 5.0)])
    run = Run([quiet, ticks], ["row 1 buy 0.5 99.2"])
    assert [(price, amount) for _, _, price, amount in run.fills] == [(99.2, 0.2), (99.2, 0.3)]


def test_candles_of_a_market_with_a_book_are_made_of_its_trades():
    five = 5 * 60_000
    rows = book(*SNAPSHOT, (100, BUY, 99.5, 1.0), (2 * five, BUY, 99.6, 1.0))
    ticks = trades([(1_000, 100.0, 1.0), (2_000, 103.0, 1.0), (five + 30_000, 102.0, 1.0)])
    run = Run([rows, ticks], kind="Candled")
    assert [told[2:6] for told in run.told("candle")] == [(100.0, 103.0, 100.0, 103.0)]


def test_a_mode_that_wants_candles_of_a_book_alone_is_told_what_is_missing():
    with pytest.raises(BacktestError, match="its data is a book alone: add the market's trades"):
        feeds_wanted(config(kind="Candled"), [book(*SNAPSHOT)])

"""On recorded order books: the real book actor decides what is told, orders take what the data shows."""

from array import array

from ganglion.simulation.data import BUY, SELL, BookDeltas
from tests.bot.backtest.cast import START_MS, Run

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

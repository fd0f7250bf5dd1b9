"""Nobody hears of a row before it is over, and what happens later changes nothing before."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bot.backtest.cast import MINUTE_MS, START_MS, Run, bars, flat, trades

PLAN = [
    "row 1 buy 0.5",
    "row 2 buy 0.4 99",
    "row 3 sell 0.3 102.5",
    "fill 1 sell 0.2 101",
    "fill 2 buy 0.1",
    "at 100 sell 0.1",
    "at 250 cancel",
]
PRICES = st.lists(st.integers(950, 1050).map(lambda tenths: tenths / 10), min_size=3, max_size=12)


def test_a_bar_is_told_at_its_close_and_its_open_never_before():
    run = Run(flat(100, 101, 102), [])
    assert [(at, bid) for at, bid, _, _ in run.told("book")] == [
        (MINUTE_MS, 100.0),
        (2 * MINUTE_MS, 101.0),
        (3 * MINUTE_MS, 102.0),
    ]


def test_a_trade_is_told_at_its_time():
    rows = [(0, 100, 1), (700, 101, 2), (700, 102, 3)]
    run = Run(trades(rows), kind="Ticked")
    assert [(at, price, size) for at, price, size, _ in run.told("trade")] == rows


def test_a_candle_of_bars_is_told_with_the_bar_that_closes_it():
    run = Run(bars([(100 + row, 102 + row, 99 + row, 101 + row, 1) for row in range(12)]), kind="Candled")
    # The first row is 12:27, so the first candle lacks two of its five bars; the last is not closed.
    assert run.told("candle") == [
        (3 * MINUTE_MS, START_MS - 2 * MINUTE_MS, 100.0, 104.0, 99.0, 103.0, 3.0),
        (8 * MINUTE_MS, START_MS + 3 * MINUTE_MS, 103.0, 109.0, 102.0, 108.0, 5.0),
    ]


def test_a_candle_of_trades_is_told_when_its_time_is_over_and_before_the_next_trade():
    first_ms = 300_000 - START_MS % 300_000
    run = Run(trades([(0, 100, 1), (first_ms - 1, 103, 2), (first_ms + 5_000, 99, 1)]), kind="Candled")
    assert [(at, *prices) for at, _, *prices in run.told("candle")] == [(first_ms, 100.0, 103.0, 100.0, 103.0, 3.0)]


@pytest.mark.parametrize("make", [flat, lambda *prices: trades([(1000 * n, p, 5.0) for n, p in enumerate(prices)])])
@given(prices=PRICES, data=st.data())
@settings(max_examples=12)
def test_what_comes_after_a_row_changes_nothing_up_to_it(make, prices, data):
    """The run on data that ends after a row has, up to that row's end, seen and done the very same."""
    cut = data.draw(st.integers(1, len(prices) - 1))
    fills = "half_spread_pct = 0.05\nslippage_pct = 0.05\nparticipation = 0.1"
    whole, part = Run(make(*prices), PLAN, fills), Run(make(*prices[:cut]), PLAN, fills)
    until_ms = max(at for at, *_ in part.told("book"))
    known = [(at, *rest) for at, *rest in _all(whole) if at <= until_ms]
    assert [told for told in _all(part) if told[0] <= until_ms] == known[: len(_all(part))]
    # A fill at that very time was made at the open of the next bar.
    ended_ms = until_ms + START_MS
    assert [fill for fill in part.record.fills if fill.time_ms < ended_ms] == [
        fill for fill in whole.record.fills if fill.time_ms < ended_ms
    ]


@given(prices=PRICES)
@settings(max_examples=12)
def test_what_is_told_is_never_of_the_future_and_time_never_runs_back(prices):
    run = Run(flat(*prices), PLAN, "touch_fills = true")
    times = [at for at, *_ in _all(run)]
    assert all(before <= after for before, after in pairwise(times))
    for at, bid, _, sequence in run.told("book"):
        assert bid == prices[sequence - 1]
        assert at == sequence * MINUTE_MS


@given(prices=PRICES)
@settings(max_examples=12)
def test_no_fill_is_earlier_than_the_end_of_the_row_that_it_was_decided_on(prices):
    run = Run(flat(*prices), ["row 2 buy 0.5", "row 2 sell 0.2 100"])
    assert all(fill.time_ms >= START_MS + 2 * MINUTE_MS for fill in run.record.fills)


def _all(run: Run) -> list[tuple]:
    shift = START_MS - run.prepared.drive.start_ms
    return [(at - shift, *rest) for at, *rest in run.seen]

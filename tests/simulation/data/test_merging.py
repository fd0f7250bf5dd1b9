"""Several series become one stream by time; of one time, in the order in which they were handed over."""

import heapq
from array import array

from hypothesis import given
from hypothesis import strategies as st

from ganglion.simulation.data.columns import Bars, Trades
from ganglion.simulation.data.merging import merged, times_of

COLUMNS = st.lists(st.lists(st.integers(0, 12), max_size=15).map(sorted), max_size=4)


@given(COLUMNS)
def test_the_stream_is_sorted_by_time_then_series_then_row(columns):
    expected = list(heapq.merge(*([(t, i, r) for r, t in enumerate(column)] for i, column in enumerate(columns))))
    assert list(merged([array("q", column) for column in columns])) == expected


def test_windows_that_end_in_the_middle_of_a_time_lose_and_turn_nothing(monkeypatch):
    monkeypatch.setattr("ganglion.simulation.data.merging.WINDOW", 2)
    columns = [[1, 1, 1, 1, 5, 9], [1, 1, 2, 2, 2, 2, 2], [0, 9, 9, 9]]
    expected = list(heapq.merge(*([(t, i, r) for r, t in enumerate(column)] for i, column in enumerate(columns))))
    assert list(merged(columns)) == expected


def test_bars_are_known_when_they_close_and_trades_when_they_happen():
    one = array("d", [1.0, 1.0])
    bars = Bars("a", "X/Y", "1m", 60_000, array("q", [0, 60_000]), one, one, one, one, one)
    trades = Trades("a", "X/Y", array("q", [5, 60_000]), one, one, bytearray(2))
    assert list(merged(times_of([bars, trades]))) == [(5, 1, 0), (60_000, 0, 0), (60_000, 1, 1), (120_000, 0, 1)]

"""Series know their bounds, and a part of one is a series too."""

from array import array

import pytest

from ganglion.simulation.data.columns import Bars, BookDeltas, Facts, Gap, Trades, length_of, timeframe_of

MINUTE = 60_000


def bars() -> Bars:
    one = array("d", [1.0, 2.0, 3.0])
    times = array("q", [0, MINUTE, 3 * MINUTE])
    facts = Facts(gaps=(Gap(2 * MINUTE, 3 * MINUTE),))
    return Bars("a", "X/Y", "1m", MINUTE, times, one, one, one, one, one, facts)


def book(*rows: tuple[int, int, float, float, int]) -> BookDeltas:
    times, sides, prices, amounts, first = zip(*rows, strict=True)
    return BookDeltas(
        "a", "X/Y", array("q", times), bytearray(sides), array("d", prices), array("d", amounts), bytearray(first)
    )


def test_bars_end_when_the_last_one_closes():
    assert (len(bars()), bars().start_ms, bars().end_ms) == (3, 0, 4 * MINUTE)


def test_a_part_holds_what_begins_in_it_and_the_gaps_that_reach_into_it():
    part = bars().between(MINUTE, 3 * MINUTE)
    assert (list(part.open_ms), list(part.close)) == ([MINUTE], [2.0])
    assert part.facts.gaps == bars().facts.gaps
    assert bars().between(0, MINUTE).facts.gaps == ()


def test_a_part_that_ends_before_it_begins_is_empty():
    part = bars().between(3 * MINUTE, MINUTE)
    assert (len(part), part.start_ms, part.end_ms) == (0, 0, 0)


def test_a_part_of_trades_keeps_sides_and_ids():
    one = array("d", [1.0, 2.0])
    trades = Trades("a", "X/Y", array("q", [1, 5]), one, one, bytearray([1, 2]), ["p", "q"])
    part = trades.between(2, 9)
    assert (list(part.time_ms), list(part.side), part.ids, part.end_ms) == ([5], [2], ["q"], 6)


def test_a_part_of_a_book_begins_with_the_book_as_it_stood():
    whole = book(
        (1, 1, 99.0, 1.0, 1), (1, 2, 101.0, 1.0, 0), (2, 1, 98.0, 4.0, 0), (3, 1, 99.0, 0.0, 0), (9, 2, 101.0, 7.0, 0)
    )
    part = whole.between(5, None)
    rows = sorted(zip(part.time_ms, part.side, part.price, part.amount, strict=True))
    assert rows == [(5, 1, 98.0, 4.0), (5, 2, 101.0, 1.0), (9, 2, 101.0, 7.0)]
    assert list(part.first) == [1, 0, 0]


def test_a_part_of_a_book_that_begins_with_a_snapshot_needs_nothing_before_it():
    whole = book((1, 1, 99.0, 1.0, 1), (5, 1, 90.0, 1.0, 1), (6, 1, 90.0, 2.0, 0))
    assert list(whole.between(5, None).price) == [90.0, 90.0]


@pytest.mark.parametrize("timeframe", ["1s", "90s", "1m", "5m", "1h", "4h", "1d", "1w", "1M"])
def test_a_timeframe_has_a_length_and_the_length_its_timeframe(timeframe):
    assert timeframe_of(length_of(timeframe)) == timeframe

"""Candles as a plain value: cutting, closing, joining, healing; the exchange's own candles as the oracle."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.market.candles.series import GRACE_MS, CandleSeries, Watermark
from ganglion.actors.market.candles.timeframe import Timeframe, TimeframeError
from ganglion.messages.market import Candle, CandlesRead, TradeTick
from ganglion.messages.values import Side

MINUTE = 60_000
START = 1_570_752_000_000


def trade(at_ms: int, price: float = 1.0, size: float = 1.0, trade_id: str = "") -> TradeTick:
    return TradeTick("x", "A/B", trade_id, Side.BUY, price, size, at_ms, 0.0)


def series(timeframe: str = "1m", watermark: Watermark | None = None) -> CandleSeries:
    return CandleSeries("x", "A/B", Timeframe(timeframe), watermark)


def fed(made: CandleSeries, trades: Iterable[TradeTick]) -> list[Candle]:
    return [candle for each in trades for candle in made.add(each)]


def candles_of(trades: Sequence[TradeTick], timeframe: str = "1m") -> list[Candle]:
    made = series(timeframe)
    return fed(made, trades) + list(made.close_due(2**52))


def reading(trades: Sequence[TradeTick], read_ms: int, timeframe: str = "1m") -> CandlesRead:
    """What a venue answers at `read_ms`: the candles of all trades until then, the last maybe open."""
    until = [each for each in trades if each.timestamp_ms <= read_ms]
    return CandlesRead("A/B", timeframe, tuple(candles_of(until, timeframe)), read_ms)


def figures(candle: Candle) -> tuple[int, float, float, float, float, float]:
    return (
        candle.open_ms,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
    )


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


# ------------------------------------------------------------------ timeframes


@pytest.mark.parametrize(
    ("text", "time", "opens", "ends"),
    [
        ("1s", "2024-02-29T13:47:11", "2024-02-29T13:47:11", "2024-02-29T13:47:12"),
        ("1m", "2024-02-29T13:47:11", "2024-02-29T13:47", "2024-02-29T13:48"),
        ("15m", "2024-02-29T13:47:11", "2024-02-29T13:45", "2024-02-29T14:00"),
        ("1h", "2024-02-29T13:47:11", "2024-02-29T13:00", "2024-02-29T14:00"),
        ("4h", "2024-02-29T13:47:11", "2024-02-29T12:00", "2024-02-29T16:00"),
        ("1d", "2024-02-29T13:47:11", "2024-02-29", "2024-03-01"),
        ("1w", "2024-02-29T13:47:11", "2024-02-26", "2024-03-04"),
        ("1M", "2024-02-29T13:47:11", "2024-02-01", "2024-03-01"),
        ("1M", "2023-12-31T23:59:59", "2023-12-01", "2024-01-01"),
        ("3M", "2024-02-29T13:47:11", "2024-01-01", "2024-04-01"),
        ("1y", "2024-02-29T13:47:11", "2024-01-01", "2025-01-01"),
    ],
)
def test_a_timeframe_cuts_as_exchanges_do(text: str, time: str, opens: str, ends: str):
    timeframe = Timeframe(text)
    open_ms = timeframe.open_ms_of(utc(time))
    assert open_ms == utc(opens)
    assert timeframe.end_ms_of(open_ms) == utc(ends)


@pytest.mark.parametrize("text", ["", "m", "1", "0m", "1 m", "1x", "-1m", "1m1", "1.5h"])
def test_what_is_no_timeframe_is_refused_with_an_example(text: str):
    with pytest.raises(TimeframeError, match="is no timeframe: write a number"):
        Timeframe(text)


def test_a_venue_whose_weeks_begin_on_thursday_is_followed():
    thursday = Timeframe("1w").anchored_at(utc("2024-02-29"))
    assert thursday.open_ms_of(utc("2024-03-06T23:00")) == utc("2024-02-29")


@given(
    st.sampled_from(["1s", "1m", "7m", "1h", "4h", "1d", "1w", "2w", "1M", "5M", "1y"]),
    st.integers(0, utc("2100-01-01")),
)
def test_intervals_follow_each_other_without_a_gap(text: str, time_ms: int):
    timeframe = Timeframe(text)
    open_ms = timeframe.open_ms_of(time_ms)
    end_ms = timeframe.end_ms_of(open_ms)
    assert open_ms <= time_ms < end_ms
    assert timeframe.open_ms_of(open_ms) == open_ms
    assert timeframe.open_ms_of(end_ms - 1) == open_ms
    assert timeframe.open_ms_of(end_ms) == end_ms


# ------------------------------------------------------------------ trades alone


def test_the_first_trade_of_a_later_interval_closes_a_candle():
    made = series()
    assert fed(made, [trade(START, 5.0, 1.0), trade(START + 1, 7.0, 2.0), trade(START + 2, 4.0)]) == []
    (closed,) = made.add(trade(START + MINUTE, 9.0))
    assert closed == Candle("x", "A/B", "1m", START, 5.0, 7.0, 4.0, 4.0, 4.0)


def test_the_clock_closes_a_candle_once_the_grace_is_over():
    made = series()
    made.add(trade(START))
    assert made.close_due(START + MINUTE + GRACE_MS - 1) == ()
    assert len(made.close_due(START + MINUTE + GRACE_MS)) == 1
    assert made.close_due(START + 9 * MINUTE) == ()


def test_a_trade_within_the_grace_still_counts():
    made = series()
    made.add(trade(START, 5.0))
    made.close_due(START + MINUTE + 1)
    made.add(trade(START + MINUTE - 1, 6.0))
    (closed,) = made.close_due(START + MINUTE + GRACE_MS)
    assert (closed.close, closed.volume) == (6.0, 2.0)


def test_a_trade_after_its_candle_was_closed_is_counted_and_left_out():
    made = series()
    fed(made, [trade(START), trade(START + MINUTE)])
    assert made.add(trade(START + 5, 99.0)) == ()
    assert made.late == 1
    (closed,) = made.close_due(START + 9 * MINUTE)
    assert closed.high == 1.0


def test_an_interval_without_a_trade_has_no_candle():
    closed = candles_of([trade(START), trade(START + 3 * MINUTE)])
    assert [candle.open_ms for candle in closed] == [START, START + 3 * MINUTE]


def test_a_trade_that_is_told_twice_counts_once():
    made = series()
    fed(made, [trade(START, trade_id="7"), trade(START, trade_id="7"), trade(START, trade_id="8")])
    assert made.close_due(START + 9 * MINUTE)[0].volume == 2.0
    assert made.doubles == 1


def test_trades_without_an_id_are_all_counted():
    assert candles_of([trade(START), trade(START)])[0].volume == 2.0


def test_open_and_close_follow_the_venues_time_not_the_arrival():
    closed = candles_of([trade(START + 20, 2.0), trade(START + 30, 3.0), trade(START + 10, 1.0)])
    assert (closed[0].open, closed[0].close) == (1.0, 3.0)


@given(st.lists(st.integers(1, 10**9).map(lambda n: n / 1e8), min_size=1, max_size=50), st.randoms())
def test_volume_is_the_exact_sum_rounded_once_in_whatever_order_trades_come(sizes: list[float], rng: object):
    units = sum(round(size * 1e8) for size in sizes)
    shuffled = list(sizes)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    for each in (sizes, shuffled):
        (closed,) = candles_of([trade(START, size=size) for size in each])
        assert closed.volume == units / 1e8


# ------------------------------------------------------------------ joining and healing


@st.composite
def markets(draw: st.DrawFn) -> list[TradeTick]:
    """Trades over some minutes, several in the same millisecond at times, quiet minutes between."""
    gaps = draw(st.lists(st.sampled_from([0, 0, 1, 500, 20_000, 70_000, 200_000]), max_size=40))
    at_ms, trades = START + draw(st.integers(0, MINUTE)), []
    for number, gap in enumerate(gaps):
        at_ms += gap
        price, size = draw(st.integers(90, 110)), draw(st.integers(1, 30)) / 10
        trades.append(trade(at_ms, float(price), size, str(number)))
    return trades


@given(markets(), st.data())
def test_history_cut_anywhere_plus_trades_is_the_candles_of_all_trades(trades: list[TradeTick], data: st.DataObject):
    """The stream begins at `begin`, the venue answers at `read_ms`, its answer comes when more was heard."""
    last_ms = trades[-1].timestamp_ms if trades else START
    begin_ms = data.draw(st.integers(START - MINUTE, last_ms))
    moments = [each.timestamp_ms for each in trades if each.timestamp_ms >= begin_ms]
    read_ms = data.draw(st.sampled_from([*moments, begin_ms]) | st.integers(begin_ms, last_ms + MINUTE))
    heard = [each for each in trades if each.timestamp_ms > begin_ms]
    split = data.draw(st.integers(0, len(heard)))
    # What is heard after the answer may have happened before it: streams lag.
    made = series()
    made.interrupted(begin_ms)
    out = fed(made, heard[:split])
    out += made.read(reading(trades, read_ms))
    out += fed(made, heard[split:])
    end_ms = last_ms + 10 * MINUTE
    out += made.close_due(end_ms)
    confirmed = data.draw(st.booleans())
    out += made.read(reading(trades, end_ms)) if confirmed else made.give_up(end_ms)
    assert [figures(c) for c in out] == [figures(c) for c in candles_of(trades)]
    assert made.confirms_ms is None
    if confirmed:
        assert all(candle.complete for candle in out)


@given(markets(), st.data())
def test_outages_are_healed_without_a_gap_or_a_double(trades: list[TradeTick], data: st.DataObject):
    """Trades within outages are never heard; each outage ends with a reading at its very end or later."""
    last_ms = trades[-1].timestamp_ms if trades else START
    cuts = sorted(data.draw(st.lists(st.integers(START, last_ms + 1), max_size=6, unique=True)))
    outages = list(zip(cuts[::2], cuts[1::2], strict=False))
    watermark = Watermark()
    made = series(watermark=watermark)
    made.interrupted(START - MINUTE)
    out = list(made.read(reading(trades, START - MINUTE)))
    events: list[tuple[int, int, object]] = [
        (each.timestamp_ms, 1, each)
        for each in trades
        if not any(lost <= each.timestamp_ms <= back for lost, back in outages)
    ]
    for lost, back in outages:
        events += [(lost, 0, "lost"), (back, 2, "back")]
    for at_ms, _, what in sorted(events, key=lambda event: event[:2]):
        if isinstance(what, TradeTick):
            out += made.close_due(at_ms)
            confirms = made.confirms_ms
            if confirms is not None and confirms <= at_ms and not made.joining:
                out += made.read(reading(trades, confirms))
            out += made.add(what)
            continue
        made.interrupted(at_ms)
        if what == "back":
            if data.draw(st.booleans()):  # it was restarted: only the watermark is left
                made = series(watermark=watermark)
                made.interrupted(at_ms)
            out += made.read(reading(trades, at_ms))
    end_ms = last_ms + 10 * MINUTE
    out += made.close_due(end_ms)
    out += made.read(reading(trades, end_ms))
    assert out == candles_of(trades)


def test_a_candle_whose_trades_were_missed_is_incomplete_if_the_venue_cant_say():
    made = series()
    made.add(trade(START))
    made.interrupted(START + 10)
    made.add(trade(START + MINUTE))
    made.add(trade(START + 2 * MINUTE))
    out = made.give_up(START + 2 * MINUTE)
    assert [(c.open_ms, c.complete) for c in out] == [(START, False), (START + MINUTE, True)]


def test_an_interval_that_ended_a_moment_before_the_reading_is_not_taken_from_it():
    """Venues finish a candle some milliseconds late: their word counts from the grace on."""
    made = series()
    made.interrupted(START)
    early = CandlesRead("A/B", "1m", (Candle("x", "A/B", "1m", START, 1, 1, 1, 1, 1.0),), START + MINUTE)
    final = Candle("x", "A/B", "1m", START, 1, 2, 1, 2, 3.0)
    assert made.read(early) == ()
    assert made.read(CandlesRead("A/B", "1m", (final,), START + MINUTE + GRACE_MS)) == (final,)


def test_a_slow_answer_counts_from_when_it_was_asked():
    made = series()
    made.interrupted(START)
    early = CandlesRead("A/B", "1m", (Candle("x", "A/B", "1m", START, 1, 1, 1, 1, 1.0),), START + 70_000)
    assert made.read(early, asked_ms=START + MINUTE - 1) == ()


def test_what_such_a_reading_says_stands_in_if_the_venue_says_no_more():
    made = series()
    made.interrupted(START)
    early = Candle("x", "A/B", "1m", START, 1, 2, 1, 2, 3.0)
    made.read(CandlesRead("A/B", "1m", (early,), START + MINUTE))
    (told,) = made.give_up(START + 5 * MINUTE)
    assert (figures(told), told.complete) == (figures(early), False)


def test_trades_of_intervals_that_the_venue_told_are_late():
    made = series()
    made.interrupted(START + MINUTE)
    made.read(CandlesRead("A/B", "1m", (), START + MINUTE))
    made.add(trade(START + 5))
    assert made.late == 1
    made.read(CandlesRead("A/B", "1m", (), START + 2 * MINUTE + GRACE_MS))
    made.add(trade(START + MINUTE + 5))
    assert made.late == 2


def test_flat_candles_of_intervals_without_a_trade_are_not_passed_on():
    made = series()
    made.interrupted(START + MINUTE)
    flat = Candle("x", "A/B", "1m", START - MINUTE, 1, 1, 1, 1, 0.0)
    assert made.read(CandlesRead("A/B", "1m", (flat,), START + MINUTE)) == ()


def test_a_candle_that_the_venue_does_not_know_is_told_as_incomplete():
    made = series()
    made.add(trade(START))
    made.interrupted(START + 10)
    (told,) = made.read(CandlesRead("A/B", "1m", (), START + 5 * MINUTE))
    assert (told.open_ms, told.complete) == (START, False)


def test_a_reading_while_nothing_is_unsure_changes_nothing():
    made = series()
    made.add(trade(START))
    assert made.read(reading([trade(START, 77.0)], START + 5 * MINUTE)) == ()
    assert made.close_due(START + 5 * MINUTE)[0].open == 1.0


def test_a_kept_trade_flood_ends_the_joining_instead_of_growing_for_ever():
    made = series()
    made.interrupted(START)
    fed(made, (trade(START + n) for n in range(20_001)))
    assert not made.joining
    (told,) = made.give_up(START + 5 * MINUTE)
    assert (told.volume, told.complete) == (20_001.0, False)


# ------------------------------------------------------------------ the exchange's own candles


def test_real_trades_make_the_exchanges_own_candles_exactly(recorded_data: Path):
    """Open, high, low, close and volume of all 2,469 minutes, equal to the last bit."""
    polars = pytest.importorskip("polars", reason="the recorded candles are a feather file")
    rows = json.loads(gzip.decompress((recorded_data / "xrp_eth/XRP_ETH-trades.json.gz").read_bytes()))
    trades = [
        TradeTick("x", "XRP/ETH", trade_id, Side(side), price, size, at_ms, 0.0)
        for at_ms, trade_id, _, side, price, size, _ in rows
    ]
    table = polars.read_ipc(recorded_data / "xrp_eth/XRP_ETH-1m.feather")
    table = table.with_columns(polars.col("date").dt.epoch("ms"))
    expected = [tuple(row) for row in table.iter_rows()]
    assert len(expected) == 2469
    made = series()
    closed = fed(made, trades) + list(made.close_due(2**52))
    assert [figures(candle) for candle in closed] == expected
    assert all(math.isfinite(candle.volume) and candle.complete for candle in closed)

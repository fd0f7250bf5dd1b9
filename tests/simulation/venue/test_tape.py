"""Candles: invented ones before the start, counted ones after it, and both in any interval."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.messages.values import Side
from ganglion.simulation.venue.events import Fill
from ganglion.simulation.venue.markets import default_market
from ganglion.simulation.venue.tape import INTERVALS_MS, Tape, bucket_end, bucket_start

START_MS = 1_700_000_000_000
MARKET = default_market("BTC/USDT")


def trade(trade_id: int, time_ms: int, price: int, quantity: str = "0.5", side: Side = Side.BUY) -> Fill:
    amount = Decimal(quantity)
    none = Decimal(0)
    return Fill(
        symbol="BTC/USDT",
        trade_id=trade_id,
        price=Decimal(price),
        quantity=amount,
        quote=amount * price,
        time_ms=time_ms,
        taker_side=side,
        taker_account="a",
        maker_account="b",
        taker_order_id=1,
        maker_order_id=2,
        taker_fee=none,
        taker_fee_asset="BTC",
        maker_fee=none,
        maker_fee_asset="USDT",
        taker_filled=none,
        taker_quote_filled=none,
        maker_filled=none,
        maker_quote_filled=none,
    )


@pytest.mark.parametrize("interval", [name for name in INTERVALS_MS if name != "1s"])
def test_candles_of_before_the_start_are_joined_and_well_formed(interval: str):
    tape = Tape(MARKET, 1, START_MS)
    candles = tape.candles(interval, START_MS, 500)
    assert candles
    for candle in candles:
        assert candle.low <= min(candle.open, candle.close)
        assert candle.high >= max(candle.open, candle.close)
        assert bucket_start(interval, candle.open_ms) == candle.open_ms
    for earlier, later in pairwise(candles):
        assert later.open_ms == bucket_end(interval, earlier.open_ms)
        assert later.open == earlier.close
    assert candles[-1].close == MARKET.price


def test_there_is_enough_history_to_warm_up_on():
    tape = Tape(MARKET, 1, START_MS)
    assert len(tape.candles("1m", START_MS, 1_000)) == 1_000
    assert len(tape.candles("1h", START_MS, 500)) == 500


def test_history_follows_from_the_seed_alone():
    assert Tape(MARKET, 1, START_MS).candles("1m", START_MS, 9) == Tape(MARKET, 1, START_MS).candles("1m", START_MS, 9)
    assert Tape(MARKET, 1, START_MS).candles("1m", START_MS, 9) != Tape(MARKET, 2, START_MS).candles("1m", START_MS, 9)


def test_a_candle_counts_its_trades():
    tape = Tape(MARKET, 1, START_MS)
    minute = START_MS // 60_000 * 60_000 + 60_000
    tape.add(trade(1, minute, 60_000))
    tape.add(trade(2, minute + 5, 60_100, side=Side.SELL))
    tape.add(trade(3, minute + 59_999, 59_900))
    tape.add(trade(4, minute + 60_000, 60_050))
    one, two = tape.candles("1m", minute + 60_001, 2)
    assert (one.open, one.high, one.low, one.close) == (60_000, 60_100, 59_900, 59_900)
    assert (one.volume, one.count, one.taker_base) == (Decimal("1.5"), 3, Decimal(1))
    assert one.quote_volume == Decimal(90_000)
    assert (two.open_ms, two.count) == (minute + 60_000, 1)


def test_an_interval_without_trades_is_flat_and_empty():
    tape = Tape(MARKET, 1, START_MS)
    minute = START_MS // 60_000 * 60_000 + 60_000
    tape.add(trade(1, minute, 60_000))
    flat = tape.candles("1m", minute + 180_000, 3)[1]
    assert (flat.open, flat.close, flat.volume, flat.count) == (60_000, 60_000, 0, 0)


def test_candles_from_a_time_on_begin_there():
    tape = Tape(MARKET, 1, START_MS)
    since = bucket_start("5m", START_MS) - 50 * 300_000
    candles = tape.candles("5m", START_MS, 10, start_ms=since)
    assert [candle.open_ms for candle in candles] == [since + n * 300_000 for n in range(10)]
    shifted = tape.candles("5m", START_MS, 1, start_ms=since + 1)
    assert shifted[0].open_ms == since + 300_000


def test_a_week_begins_on_monday_and_a_month_on_its_first_day():
    assert bucket_start("1w", 1_700_000_000_000) == 1_699_833_600_000
    assert bucket_start("1M", 1_700_000_000_000) == 1_698_796_800_000
    assert bucket_end("1M", 1_698_796_800_000) == 1_701_388_800_000


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 400_000), st.integers(59_000, 61_000)), min_size=1, max_size=60))
def test_longer_candles_are_made_of_shorter_ones(moves: list[tuple[int, int]]):
    tape = Tape(MARKET, 1, START_MS)
    start = bucket_start("5m", START_MS) + 300_000
    for number, (offset, price) in enumerate(sorted(moves)):
        tape.add(trade(number, start + offset, price))
    now = start + 400_000
    minutes = tape.candles("1m", now, 100, start_ms=start)
    for five in tape.candles("5m", now, 100, start_ms=start):
        parts = [m for m in minutes if five.open_ms <= m.open_ms < five.open_ms + 300_000 and m.count]
        assert five.volume == sum(p.volume for p in parts)
        if parts:
            assert (five.open, five.close) == (parts[0].open, parts[-1].close)
            assert (five.high, five.low) == (max(p.high for p in parts), min(p.low for p in parts))


def test_trades_are_found_by_id_and_by_time():
    tape = Tape(MARKET, 1, START_MS)
    for number in range(10):
        tape.add(trade(number, START_MS + number, 60_000))
    assert [f.trade_id for f in tape.select(3)] == [7, 8, 9]
    assert [f.trade_id for f in tape.select(3, from_id=2)] == [2, 3, 4]
    assert [f.trade_id for f in tape.select(3, start_ms=START_MS + 5)] == [5, 6, 7]
    assert [f.trade_id for f in tape.select(9, start_ms=START_MS + 5, end_ms=START_MS + 6)] == [5, 6]

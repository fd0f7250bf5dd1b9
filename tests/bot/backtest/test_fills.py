"""When orders are filled, at which price and how much of them, on bars and on trades."""

import pytest

from tests.bot.backtest.cast import Run, bars, flat, trades


def test_a_market_order_meets_the_open_of_the_next_bar():
    run = Run(bars([(100, 101, 99, 100, 10), (105, 110, 104, 106, 10)]), ["row 1 buy 0.5"])
    assert run.fills == [(1.0, "buy", 105.0, 0.5)]


def test_an_order_of_the_last_bar_is_never_filled():
    run = Run(flat(100, 101), ["row 2 buy 0.5"])
    assert run.fills == []
    assert run.record.modes[0].orders == {"submitted": 1}


def test_half_spread_and_slippage_are_paid_on_both_sides():
    rows = bars([(100, 100, 100, 100, 10)] * 4)
    run = Run(rows, ["row 1 buy 0.5", "row 2 sell 0.5"], "half_spread_pct = 1\nslippage_pct = 2")
    assert [(side, price) for _, side, price, _ in run.fills] == [("buy", 103.02), ("sell", 97.02)]


def test_a_market_order_gets_its_part_of_the_volume_and_the_rest_expires():
    run = Run(flat(100, 101, 102, volume=4.0), ["row 1 buy 3"], "participation = 0.25")
    assert run.fills == [(1.0, "buy", 100.0, 1.0)]
    assert run.record.modes[0].orders == {"expired": 1}


def test_without_participation_volumes_are_not_looked_at():
    run = Run(flat(100, 101, 102, volume=0.0), ["row 1 buy 3"], "participation = 0")
    assert run.fills == [(1.0, "buy", 100.0, 3.0)]


def test_a_resting_order_is_filled_at_its_own_price_when_the_bar_trades_through_it():
    run = Run(flat(100, 100, 97, 97), ["row 1 buy 0.5 98"])
    assert run.fills == [(3.0, "buy", 98.0, 0.5)]
    assert run.record.fills[0].liquidity == "maker"


@pytest.mark.parametrize(("touches", "filled"), [("false", []), ("true", [(3.0, "buy", 98.0, 0.5)])])
def test_a_touch_fills_only_where_that_is_configured(touches, filled):
    run = Run(flat(100, 100, 98, 99), ["row 1 buy 0.5 98"], f"touch_fills = {touches}")
    assert run.fills == filled


def test_a_limit_that_crosses_takes_at_the_open_and_never_beyond_its_price():
    rows = bars([(100, 100, 100, 100, 10), (100, 100, 100, 100, 10), (100, 100, 100, 100, 10)])
    run = Run(rows, ["row 1 buy 0.5 101"], "slippage_pct = 5")
    assert run.fills == [(1.0, "buy", 101.0, 0.5)]
    assert run.record.fills[0].liquidity == "taker"


def test_a_post_only_order_that_would_cross_is_rejected():
    run = Run(flat(100, 99, 99), ["row 1 post 0.5 105"])
    assert run.record.modes[0].orders == {"rejected": 1}
    assert run.fills == []


def test_a_large_resting_order_is_filled_over_several_bars():
    rows = bars([(100, 100, 100, 100, 2), (100, 100, 100, 100, 2), (100, 100, 95, 97, 2), (97, 97, 95, 96, 2)])
    run = Run(rows, ["row 1 buy 3 98"])
    assert run.fills == [(3.0, "buy", 98.0, 2.0), (4.0, "buy", 98.0, 1.0)]
    assert run.told("order")[-1][1:] == ("filled", "3.0000")


def test_of_a_bar_the_extreme_nearer_to_the_open_comes_first():
    """Only 1 was traded: whoever is reached first has it."""
    rows = bars([(100, 100, 100, 100, 9), (100, 100, 100, 100, 9), (100, 110, 97, 105, 1)])
    run = Run(rows, ["row 1 sell 1 104", "row 1 buy 1 98"])
    assert run.fills == [(3.0, "buy", 98.0, 1.0)]


def test_an_order_decided_on_a_fill_waits_for_the_next_bar():
    run = Run(flat(100, 101, 102, 103), ["row 1 buy 0.5", "fill 1 sell 0.5"])
    assert run.fills == [(1.0, "buy", 100.0, 0.5), (2.0, "sell", 101.0, 0.5)]


def test_a_cancel_that_comes_before_the_next_bar_saves_the_order_from_it():
    run = Run(flat(100, 100, 100, 90, 90), ["row 1 buy 0.5 95", "row 3 cancel"])
    assert run.fills == []
    assert run.record.modes[0].orders == {"canceled": 1}


def test_latency_beyond_a_bar_meets_the_open_of_a_later_one():
    run = Run(flat(100, 101, 102, 103, 104), ["row 1 buy 0.5"], "latency_s = 61")
    assert run.fills == [(2.0, "buy", 101.0, 0.5)]


def test_a_timer_between_two_bars_decides_on_the_last_price_and_meets_the_next_open():
    run = Run(flat(100, 101, 102, 103), ["at 90 buy 0.5"])
    assert run.fills == [(3.0, "buy", 102.0, 0.5)]
    assert run.record.modes[0].denials == {}


def test_an_order_waits_through_a_gap_in_the_data():
    rows = flat(100, 101, 102)
    for row in (1, 2):
        rows.open_ms[row] += 86_400_000 * 3
    run = Run(rows, ["row 1 buy 0.5"])
    assert run.fills == [(1 + 3 * 1440, "buy", 100.0, 0.5)]


def test_on_trades_a_market_order_meets_the_next_trade():
    run = Run(trades([(0, 100, 1), (100, 102, 1), (200, 104, 1)]), ["row 1 buy 0.5"])
    assert [(fill.time_ms % 1000, float(fill.price)) for fill in run.record.fills] == [(100, 102.0)]


def test_on_trades_latency_lets_trades_go_by():
    rows = trades([(0, 100, 1), (100, 102, 1), (250, 104, 1), (300, 105, 1)])
    run = Run(rows, ["row 1 buy 0.5"], "latency_s = 0.2")
    assert [price for _, _, price, _ in run.fills] == [104.0]


def test_a_trade_of_the_same_millisecond_is_the_next_one():
    run = Run(trades([(0, 100, 1), (0, 102, 1), (0, 104, 1)]), ["row 1 buy 0.5"])
    assert [price for _, _, price, _ in run.fills] == [102.0]


def test_in_a_queue_a_touch_fills_once_as_much_has_traded_as_stood_before():
    """3 traded at 98 before the order joined: of the touches after it the first 3 are for others."""
    rows = [(0, 98, 3), (100, 100, 1), (200, 100, 1), (300, 98, 2), (400, 98, 1), (500, 98, 1), (600, 98, 5)]
    run = Run(trades(rows), ["row 2 buy 0.5 98"], "queue = true")
    assert [fill.time_ms % 1000 for fill in run.record.fills] == [500]


def test_fees_are_those_of_maker_and_taker():
    run = Run(flat(100, 100, 97, 97), ["row 1 buy 1 98", "row 1 sell 1"], "maker_fee = 0.0002\ntaker_fee = 0.0005")
    fees = {str(fill.liquidity): (float(fill.fee), fill.fee_asset) for fill in run.record.fills}
    assert fees == {"maker": (0.0002, "BTC"), "taker": (0.05, "USDT")}

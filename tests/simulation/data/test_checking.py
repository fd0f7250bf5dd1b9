"""`look` says what is in a file, for people, and never raises for what is wrong with it."""

from decimal import Decimal

import pytest

from ganglion.simulation.data.checking import look, step_of
from tests.simulation.data.test_reading import BARS, MINUTE, START, TRADES, bar, trade, written


def test_a_report_names_kind_market_range_steps_and_gaps(tmp_path):
    path = written(tmp_path, BARS + bar(0) + bar(1) + bar(5, price=100.25), "BTCUSDT-1m-x.csv")
    report = look(path, exchange="alpha")
    (found,) = report.looks
    assert (found.exchange, found.symbol, found.kind, found.timeframe) == ("alpha", "BTC/USDT", "bars", "1m")
    assert (found.rows, found.start_ms, found.end_ms) == (3, START, START + 6 * MINUTE)
    assert (found.lowest, found.highest) == (98, 102.25)
    assert (found.price_step, found.amount_step) == (Decimal("0.01"), Decimal(1))
    assert found.missing_ms == 3 * MINUTE
    assert report.good
    text = str(report)
    for said in ("alpha BTC/USDT bars 1m", "3 bars missing, line 4", "step 0.01", "nothing is wrong with it"):
        assert said in text


def test_a_wrong_row_is_named_and_the_rest_is_looked_at(tmp_path):
    path = written(tmp_path, TRADES + trade(0) + trade(1, price=0) + trade(2, amount=-1) + trade(3))
    report = look(path)
    assert not report.good
    assert f"{path}:3: a price of 0" in report.wrong
    assert (report.looks[0].rows, report.looks[0].skipped) == (2, 2)
    assert "in all 2 such rows" in str(report)


def test_what_cannot_be_read_at_all_is_said_without_raising(tmp_path):
    report = look(written(tmp_path, "a,b\n1,2\n"))
    assert (report.good, report.looks) == (False, ())
    assert "nobody can tell what the columns a, b hold" in str(report)


def test_a_jump_that_is_far_from_usual_is_told(tmp_path):
    prices = [100 + 0.01 * (i % 3) for i in range(300)]
    prices[200] = 10.0
    rows = "".join(f"{START + i * 10},{price},1\n" for i, price in enumerate(prices))
    jumps = look(written(tmp_path, rows)).looks[0].jumps
    assert [(jump.at_ms - START, round(jump.change, 1)) for jump in jumps] == [(2000, -0.9), (2010, 9.0)]


def test_a_book_that_crosses_is_told(tmp_path):
    text = f"time,side,price,amount,is_snapshot\n{START},bid,99,1,1\n{START},ask,101,1,0\n{START + 1},bid,102,1,0\n"
    (found,) = look(written(tmp_path, text)).looks
    assert "crossed after 1 of its messages" in found.details
    assert "1 snapshots, 3 levels at most" in found.details


def test_sides_that_nobody_says_are_told(tmp_path):
    (found,) = look(written(tmp_path, f"{START},100,1\n{START + 1},100,1\n")).looks
    assert found.details == ("nobody says which side took",)


@pytest.mark.parametrize(
    ("numbers", "step"),
    [([0.5, 1.25, 3.0], "0.01"), ([100.0, 2300.0], "1E+2"), ([1e-8], "1E-8"), ([0.1 + 0.2, 1.0], "0"), ([], "0")],
)
def test_a_step_is_the_coarsest_power_of_ten_that_all_numbers_are_multiples_of(numbers, step):
    assert step_of(numbers) == Decimal(step)


def test_a_month_of_real_bars_has_nothing_wrong(recorded_data):
    assert look(recorded_data / "btc_perp_1m").good

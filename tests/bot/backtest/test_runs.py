"""Whole backtests: the same every time, several markets, a mode that crashes, halts, what ends them early."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganglion.bot.backtest import BacktestOptions, Prepared, backtest
from ganglion.bot.backtest_data import feeds_wanted
from ganglion.bot.config import parse
from ganglion.simulation.backtest import BacktestError
from ganglion.simulation.figures import IncidentKind, figures, summary_json
from tests.bot.backtest.cast import HERE, MINUTE_MS, START_MS, Run, bars, config, flat, trades

TWO = """
[exchanges.sim]
connector = "simulated"
symbols = ["BTC/USDT", "ETH/USDT"]
simulated = { balances = { USDT = 100000, BTC = 10, ETH = 10 } }
[modes.plan]
mode = "scripted.py:Scripted"
exchange = "sim"
symbol = "BTC/USDT"
plan = ["row 1 buy 0.5", "row 3 sell 0.5"]
[modes.other]
mode = "scripted.py:Candled"
exchange = "sim"
symbol = "ETH/USDT"
plan = ["row 2 buy 0.5"]
"""
BUILT_IN = """
[exchanges.sim]
connector = "simulated"
symbols = ["BTC/USDT"]
simulated = { balances = { USDT = 100000, BTC = 2 } }
[modes.grid]
mode = "grid"
exchange = "sim"
symbol = "BTC/USDT"
[modes.maker]
mode = "market_making"
exchange = "sim"
symbol = "BTC/USDT"
"""
HASHED = """
import sys
from pathlib import Path
from ganglion.bot.backtest import BacktestOptions, Prepared
from ganglion.bot.config import parse
from ganglion.simulation.figures import figures, summary_json
from tests.bot.backtest.test_runs import BUILT_IN
from tests.bot.backtest.cast import flat
import math
series = flat(*(40_000 * (1 + 0.01 * math.sin(row / 7) + 0.002 * math.cos(row * row)) for row in range(300)))
prepared = Prepared(parse(BUILT_IN, Path("bot.toml"), {}), [series], BacktestOptions(Path("unread"), seed=5))
record = prepared.run()
record.wall_s = 0.0
sys.stdout.write("SUMMARY" + summary_json(record, figures(record)).decode() + repr(record.fills))
"""


def ethereum(series):
    series.symbol = "ETH/USDT"
    return series


def two_markets(first, second):
    prepared = Prepared(parse(TWO, HERE / "bot.toml", {}), [first, ethereum(second)], BacktestOptions(Path("unread")))
    return prepared, prepared.run()


def test_two_processes_with_other_hashes_make_the_same_record():
    told = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ran = subprocess.run(
            [sys.executable, "-c", HASHED],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
            cwd=HERE.parents[2],
        )
        told.append(ran.stdout.partition("SUMMARY")[2])
    assert told[0] == told[1]
    assert told[0].count("FillRecord") > 20


def test_two_markets_move_by_the_time_at_which_their_bars_are_known():
    prepared, record = two_markets(flat(100, 101, 102, 103, 104), flat(50, 51, 52, 53, 54))
    fills = [((fill.time_ms - START_MS) / MINUTE_MS, fill.mode, float(fill.price)) for fill in record.fills]
    assert fills == [(1.0, "plan", 100.0), (2.0, "other", 51.0), (3.0, "plan", 102.0)]
    assert record.violations == []
    assert [market.name for market in record.markets] == ["sim BTC/USDT", "sim ETH/USDT"]
    assert record.events == 10
    prepared.exchanges["sim"].engine.audit()


def test_an_order_never_meets_a_bar_of_its_market_that_began_before_it_was_sent():
    """Both bars of a minute are known at its end; what one decides then is late for the other, which is over."""
    first, second = flat(100, 101, 102, 103), flat(50, 51, 52, 53)
    prepared, record = two_markets(first, second)
    assert all(fill.time_ms >= START_MS + MINUTE_MS for fill in record.fills)
    assert prepared.drive.rows == 8


def test_a_mode_that_crashes_is_restarted_and_the_rest_goes_on():
    run = Run(flat(100, 101, 102, 103, 104), ["row 3 crash"])
    assert run.record.modes[0].restarts == 1
    assert [incident.kind for incident in run.record.incidents] == [IncidentKind.RESTART]
    assert "RuntimeError: the plan says so" in run.record.incidents[0].text
    assert run.record.markets[0].rows == 5


def test_a_denied_order_is_in_the_record_with_its_reason():
    run = Run(flat(100, 101, 102), ["row 1 buy 5000"])
    assert run.record.modes[0].denials == {"insufficient_funds": 1}
    assert run.record.fills == []


def test_who_wants_it_to_end_gets_what_there_is_so_far():
    rows = flat(*[100.0] * 5_000)
    prepared = Prepared(
        config(), [rows], BacktestOptions(Path("unread"), wants_end=lambda: prepared.drive.rows >= 2_000)
    )
    record = prepared.run()
    assert record.events == 2_000
    assert record.end_ms == START_MS + 2_000 * MINUTE_MS


def test_progress_is_told():
    told = []
    options = BacktestOptions(Path("unread"), progress=lambda done, total: told.append((done, total)))
    Prepared(config(), [flat(*[100.0] * 2_500)], options).run()
    assert told[0] == (2_000, 2_500)
    assert told[-1] == (2_500, 2_500)


def test_the_record_has_equity_inventory_and_figures():
    run = Run(flat(100, 100, 110, 121), ["row 1 buy 1"], "taker_fee = 0")
    # 100,000 USDT and 10 BTC at 100; one more is bought at the open of the second bar, which is the end of the first.
    assert list(run.record.equity.value) == [101_000.0, 101_000.0, 101_110.0, 101_231.0]
    assert list(run.record.modes[0].inventory.value) == [11.0, 11.0, 11.0, 11.0]
    assert figures(run.record).total.returns.profit == pytest.approx(231.0)
    assert b'"figures"' in summary_json(run.record, figures(run.record))


def test_a_market_without_data_is_refused():
    with pytest.raises(BacktestError, match="mode other trades ETH/USDT on sim, of which there is no data"):
        feeds_wanted(parse(TWO, HERE / "bot.toml", {}), [flat(100, 101)])


def test_a_market_with_bars_and_trades_is_moved_by_its_trades_and_the_record_says_so():
    ticks = trades([(0, 100, 1), (1_000, 101, 1)])
    run = Run([flat(100, 101), ticks])
    assert [market.kind for market in run.record.markets] == ["trades"]
    assert "BTC/USDT is moved by its trades; bars of 1m are not used" in run.record.assumptions


def test_two_series_of_one_kind_are_refused():
    with pytest.raises(BacktestError, match="has 2 series of trades: keep those of one exchange"):
        feeds_wanted(config(), [trades([(0, 100, 1)]), trades([(0, 100, 1)])])


def test_candles_shorter_than_the_bars_are_refused():
    series = flat(100, 101)
    series.length_ms, series.timeframe = 3_600_000, "1h"
    with pytest.raises(BacktestError, match="wants candles of 5m of BTC/USDT, and its data are bars of 1h"):
        feeds_wanted(config(kind="Candled"), [series])


def test_of_several_timeframes_the_shortest_moves_the_market():
    hours = bars([(100, 101, 99, 100, 1)])
    hours.length_ms, hours.timeframe = 3_600_000, "1h"
    assert [one.timeframe for _, _, one in feeds_wanted(config(), [hours, flat(100, 101)])] == ["1m"]


def test_a_month_of_bars_runs_with_the_built_in_modes(recorded_data, tmp_path):
    (tmp_path / "bot.toml").write_text(BUILT_IN)
    options = BacktestOptions(recorded_data / "btc_perp_1m", to_ms=1_641_168_000_000)
    record = backtest(str(tmp_path / "bot.toml"), options)
    assert record.violations == []
    assert {fill.mode for fill in record.fills} == {"grid", "maker"}


def test_the_example_of_a_backtest_trades(tmp_path):
    examples = HERE.parents[2] / "examples"
    closes = [40_000 * (1 + 0.03 * math.sin(row / 150) + 0.006 * math.cos(row * row)) for row in range(3_000)]
    series = flat(*(round(close, 2) for close in closes))
    series.exchange = "past"
    parsed = parse((examples / "backtest.toml").read_text(), examples / "backtest.toml", {})
    record = Prepared(parsed, [series], BacktestOptions(Path("unread"))).run()
    assert record.violations == []
    assert {fill.mode for fill in record.fills} == {"cross", "grid", "maker"}


KRAKEN = """
id = "kraken"
live = true
credentials = { key = "env:KEY", secret = "env:SECRET" }
"""


def test_a_venue_that_answers_with_ids_alone_tells_how_orders_ended_by_its_stream():
    plan = ["row 1 buy 0.5", "row 1 buy 0.5 90", "row 2 sell 0.5 101.5", "row 3 cancel"]
    run = Run(flat(100, 101, 101, 102, 103), plan, venue=KRAKEN)
    assert run.record.modes[0].orders == {"filled": 1, "canceled": 2}
    (exchange,) = run.record.exchanges.values()
    assert (exchange.orders, exchange.fills) == ({"canceled": 2, "filled": 1}, 1)
    assert [(side, price) for _, side, price, _ in run.fills] == [("buy", 100.0)]
    assert run.record.fills[0].fee_asset == "USDT"


def test_a_loss_limit_halts_in_a_backtest_as_it_does_live():
    limited = parse(_limited(), HERE / "bot.toml", {})
    record = Prepared(limited, [flat(100, 100, 50, 50, 50)], BacktestOptions(Path("unread"))).run()
    assert "lost" in record.modes[0].cause
    assert record.incidents[0].kind is IncidentKind.HALT


def _limited() -> str:
    return """
[bot]
name = "limited"
[exchanges.sim]
connector = "simulated"
symbols = ["BTC/USDT"]
simulated = { balances = { USDT = 100000, BTC = 10 } }
[modes.plan]
mode = "scripted.py:Scripted"
exchange = "sim"
symbol = "BTC/USDT"
plan = ["row 1 buy 5", "row 5 buy 1"]
limits = { max_loss = 100 }
"""

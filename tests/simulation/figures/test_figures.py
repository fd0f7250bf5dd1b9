import math
from array import array
from decimal import Decimal

import msgspec
import pytest

from ganglion.messages.values import Side
from ganglion.simulation.figures import Curve, MarketRecord, ModeRecord, RecordError, RunFigures, RunRecord, figures
from tests.simulation.figures.runs import MINUTE_MS, START_MS, Book, grid, market_of, run_of, showy_run, trend


@pytest.fixture(scope="module")
def showy():
    return showy_run(bars=4000)


def flat_market(*prices, symbol="BTC/USDT"):
    times = array("q", range(START_MS, START_MS + len(prices) * MINUTE_MS, MINUTE_MS))
    return MarketRecord("alpha", symbol, Curve(times, array("d", prices)))


def hand_made(prices, trades, *, base="0"):
    """A run of one mode with trades (bar, side, amount) at the bars' closes."""
    market = flat_market(*prices)
    book = Book("hand", "hand", market, cash=1000.0, base=base)
    for number, price in enumerate(prices):
        for _, side, amount in (trade for trade in trades if trade[0] == number):
            book.trade(START_MS + number * MINUTE_MS, side, price, amount)
        book.note(START_MS + number * MINUTE_MS, price)
    return run_of(book, markets=[market])


def test_a_run_without_trades_has_figures_of_doing_nothing():
    total = figures(hand_made([100.0, 101.0, 102.0], [])).total
    assert (total.trades.fills, total.trades.trades, total.trades.win_rate, total.trades.profit_factor) == (
        0,
        0,
        None,
        None,
    )
    assert (total.returns.total_return, total.trades.turnover, total.trades.time_in_market) == (0.0, 0.0, 0.0)
    assert total.hold.total_return == pytest.approx(0.02)


def test_a_run_of_one_bar_has_figures():
    run = figures(hand_made([100.0], []))
    assert run.total.returns.total_return == 0.0
    assert [month.label for month in run.months] == ["2022-01"]


def test_an_empty_record_has_figures():
    run = figures(RunRecord(0, 0, "USDT", Curve(), [], [], []))
    assert run.total.returns is None
    assert run.total.hold is None


def test_win_rate_and_profit_factor_count_fees():
    # The second trade gains 0.1 before fees of 0.1 % at both ends, 0.2001, so it is a loss.
    record = hand_made(
        [100.0, 110.0, 100.0, 100.1], [(0, Side.BUY, "1"), (1, Side.SELL, "1"), (2, Side.BUY, "1"), (3, Side.SELL, "1")]
    )
    trades = figures(record).total.trades
    assert (trades.wins, trades.losses, trades.win_rate) == (1, 1, 0.5)
    assert trades.gross_profit == pytest.approx(10 - 0.21)
    assert trades.profit_factor == pytest.approx((10 - 0.21) / 0.1001)


def test_time_in_market_is_the_share_of_time_with_inventory():
    record = hand_made([100.0] * 5, [(1, Side.BUY, "2"), (2, Side.SELL, "2")])
    trades = figures(record).total.trades
    assert trades.time_in_market == pytest.approx(0.25)
    assert trades.exposure == pytest.approx(0.25 * 200 / 1000, rel=1e-3)


def test_dust_is_no_position():
    record = hand_made([100.0] * 5, [(1, Side.BUY, "0.001")])
    assert figures(record).total.trades.time_in_market == 0.0


def test_inventory_held_from_the_start_is_entered_at_the_first_price():
    record = hand_made([100.0, 150.0], [(1, Side.SELL, "1")], base="1")
    trades = figures(record).total.trades
    assert trades.realised == pytest.approx(50 - 0.15)


def test_turnover_is_what_was_traded_over_mean_equity():
    record = hand_made([100.0] * 11, [(0, Side.BUY, "5"), (10, Side.SELL, "5")])
    assert figures(record).total.trades.turnover == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("make", [trend, grid])
def test_realised_and_unrealised_profit_are_the_change_of_equity(make):
    market = market_of(3, 3000)
    found = figures(run_of(make(market), markets=[market])).total
    assert found.trades.fills > 20
    assert found.trades.realised + found.trades.unrealised == pytest.approx(found.returns.profit, abs=1e-6)


def test_modes_add_up_to_the_total(showy):
    run = figures(showy)
    for name in ("fills", "trades", "fees", "traded", "realised", "unrealised"):
        parts = math.fsum(getattr(mode.trades, name) for mode in run.modes.values())
        assert parts == pytest.approx(getattr(run.total.trades, name)), name


def test_days_add_up_to_the_total(showy):
    run = figures(showy)
    assert [day.label for day in run.days] == ["2022-01-01", "2022-01-02", "2022-01-03"]
    for name in ("fills", "trades", "fees", "traded", "realised"):
        parts = math.fsum(getattr(day, name) for day in run.days)
        assert parts == pytest.approx(getattr(run.total.trades, name)), name
    assert math.fsum(day.profit for day in run.days) == pytest.approx(run.total.returns.profit)


def test_a_mode_alone_on_its_market_is_the_total_under_its_own_name():
    market = market_of(3, 500)
    run = figures(run_of(trend(market), markets=[market]))
    assert run.modes["trend"].trades == run.markets["alpha BTC/USDT"].trades == run.total.trades
    assert run.modes["trend"].name == "trend"


def test_holding_spreads_the_equity_evenly_over_the_markets():
    first, second = flat_market(100.0, 200.0), flat_market(10.0, 10.0, symbol="ETH/USDT")
    books = [Book("a", "a", first), Book("b", "b", second)]
    for book, last in zip(books, (200.0, 10.0), strict=True):
        book.note(START_MS, 1.0)
        book.note(START_MS + MINUTE_MS, last)
    assert figures(run_of(*books, markets=[first, second])).total.hold.total_return == pytest.approx(0.5)


def test_a_fee_without_a_known_price_is_named():
    record = hand_made([100.0, 100.0], [(0, Side.BUY, "1")])
    record.fills[0] = msgspec.structs.replace(record.fills[0], fee=Decimal("0.02"), fee_asset="BNB")
    trades = figures(record).total.trades
    assert (trades.fees, trades.fees_unvalued) == (0.0, {"BNB": 0.02})


def test_every_single_number_is_found_by_its_name(showy):
    flat = figures(showy).total.flat()
    assert {"sharpe", "max_drawdown", "profit_factor", "turnover", "hold_total_return"} <= flat.keys()
    assert all(value is None or isinstance(value, float) for value in flat.values())


def test_a_mode_on_a_market_without_a_record_is_refused():
    record = RunRecord(0, 1, "USDT", Curve(), [], [ModeRecord("m", "alpha", "BTC/USDT")], [])
    with pytest.raises(RecordError, match="mode m trades alpha BTC/USDT"):
        figures(record)


def test_fills_out_of_order_are_refused(showy):
    record = msgspec.structs.replace(showy, fills=showy.fills[::-1])
    with pytest.raises(RecordError, match="sort them"):
        figures(record)


def test_figures_survive_json_so_that_a_sweep_can_keep_them(showy):
    run = figures(showy)
    assert msgspec.json.decode(msgspec.json.encode(run), type=RunFigures) == run

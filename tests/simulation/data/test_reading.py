"""Files as people have them become series; what is wrong with one is said with its line."""

import gzip
import subprocess
import sys
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.simulation.data import Bars, DataFileError, DataRowError, MissingExtraError, MixedDataError, Trades, read

MINUTE = 60_000
START = 1_700_000_040_000
BARS = "timestamp,open,high,low,close,volume\n"
TRADES = "id,time,price,amount,side\n"


def bar(index: int, price: float = 100.0, step_ms: int = MINUTE) -> str:
    return f"{START + index * step_ms},{price},{price + 2},{price - 2},{price + 1},5\n"


def trade(index: int, **other: object) -> str:
    row = {"id": index, "time": START + index * 10, "price": 100 + index, "amount": 0.5, "side": "buy"} | other
    return ",".join(map(str, row.values())) + "\n"


def written(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def only(path: Path, **options):
    (series,) = read(path, **options)
    return series


# ------------------------------------------------------------------ what is recognised


def test_bars_with_a_header_are_bars_of_the_step_that_most_of_them_have(tmp_path):
    bars = only(written(tmp_path, BARS + "".join(map(bar, range(5)))), exchange="alpha", symbol="BTC/USDT")
    assert isinstance(bars, Bars)
    assert (bars.exchange, bars.symbol, bars.timeframe, bars.length_ms) == ("alpha", "BTC/USDT", "1m", MINUTE)
    assert (len(bars), bars.start_ms, bars.end_ms) == (5, START, START + 5 * MINUTE)
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]) == (100, 102, 98, 101, 5)
    assert any("taken for bars of 1m" in note for note in bars.facts.notes)


def test_rows_without_a_header_in_the_order_of_ccxt_are_bars(tmp_path):
    bars = only(written(tmp_path, "".join(map(bar, range(3)))))
    assert bars.close[0] == 101
    assert any("no header" in note for note in bars.facts.notes)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT", "{s},2024-01-01,BTCUSDT,100,102,98,101,5,500"),
        ("date;o;h;l;c;v", "{iso};100;102;98;101;5"),
        ("Open Time\tOpen Price\tHigh\tLow\tLast\tVol", "{us}\t100\t102\t98\t101\t5"),
        ("close,low,high,open,volume,ts", "101,98,102,100,5,{ns}"),
    ],
)
def test_columns_are_found_by_many_names_in_any_order_and_times_in_any_unit(tmp_path, header, row):
    times = {
        "s": START // 1000,
        "ms": START,
        "us": START * 1000,
        "ns": START * 1_000_000,
        "iso": "2023-11-14 22:14:00",
    }
    bars = only(written(tmp_path, f"{header}\n{row.format(**times)}\n"), timeframe="1m")
    assert list(bars.open_ms) == [START]
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]) == (100, 102, 98, 101, 5)


@pytest.mark.parametrize(
    "text",
    ["2023-11-14T22:14:00Z", "2023-11-14 22:14:00.000000", "2023-11-14T23:14:00+01:00", "2023-11-14 22:14:00 UTC"],
)
def test_a_date_without_a_zone_is_utc_and_one_with_a_zone_is_what_it_says(tmp_path, text):
    bars = only(written(tmp_path, f"{BARS}{text},1,1,1,1,0\n"), timeframe="1m")
    assert bars.open_ms[0] == START


def test_klines_of_binances_public_dump_are_read(tmp_path):
    rows = [f"{START + i * MINUTE},100,102,98,101,5,{START + (i + 1) * MINUTE - 1},500,12,2,200,0\n" for i in range(3)]
    bars = only(written(tmp_path, "".join(rows), "BTCUSDT-1m-2023-11-14.csv"))
    assert (bars.symbol, bars.timeframe, bars.volume[2]) == ("BTC/USDT", "1m", 5)


def test_trades_of_binances_public_dump_say_the_takers_side(tmp_path):
    rows = f"7,100.5,0.5,50.25,{START},True,True\n8,100.6,0.1,10.06,{START + 1},False,True\n"
    trades = only(written(tmp_path, rows, "ETHUSDT-trades-2023-11-14.csv"), keep_ids=True)
    assert isinstance(trades, Trades)
    assert (trades.symbol, list(trades.price), list(trades.amount)) == ("ETH/USDT", [100.5, 100.6], [0.5, 0.1])
    assert (list(trades.side), trades.ids) == ([2, 1], ["7", "8"])


def test_aggregated_trades_of_binances_public_dump_are_read(tmp_path):
    trades = only(written(tmp_path, f"3,100.5,0.5,7,9,{START * 1000},false,true\n", "ETHUSDT-aggTrades-2025-01.csv"))
    assert (list(trades.time_ms), list(trades.price), list(trades.side)) == ([START], [100.5], [1])


def test_krakens_dump_of_time_price_and_amount_has_sides_that_nobody_knows(tmp_path):
    trades = only(written(tmp_path, f"{START // 1000},100.5,0.5\n{START / 1000 + 0.5},100.6,0.1\n"))
    assert list(trades.time_ms) == [START, START + 500]
    assert list(trades.side) == [0, 0]


def test_levels_with_bid_and_ask_are_a_book_and_a_snapshot_begins_once(tmp_path):
    text = f"""exchange,symbol,timestamp,is_snapshot,side,price,amount
beta,BTCUSDT,{START},true,bid,99,1
beta,BTCUSDT,{START},true,ask,101,2
beta,BTCUSDT,{START + 5},false,ask,101,0
"""
    book = only(written(tmp_path, text))
    assert (book.kind, book.exchange, book.symbol) == ("book", "beta", "BTC/USDT")
    assert (list(book.side), list(book.first), list(book.amount)) == ([1, 2, 2], [1, 0, 0], [1, 2, 0])


def test_a_file_with_several_symbols_becomes_a_series_of_each(tmp_path):
    text = "symbol,time,price,amount\n" + "".join(
        f"{symbol},{START + i},{100 + i},1\n" for i in range(4) for symbol in ("BTC-USDT", "ETH-USDT")
    )
    found = read(written(tmp_path, text))
    assert [(series.symbol, len(series)) for series in found] == [("BTC/USDT", 4), ("ETH/USDT", 4)]


def test_a_folder_of_days_becomes_one_series_whatever_their_format(tmp_path):
    written(tmp_path, BARS + "".join(map(bar, range(3))), "BTCUSDT-1m-day1.csv")
    (tmp_path / "BTCUSDT-1m-day2.csv.gz").write_bytes(gzip.compress("".join(map(bar, range(3, 6))).encode()))
    written(tmp_path, "nothing of it", "README.md")
    bars = only(tmp_path)
    assert (len(bars), len(bars.facts.files), bars.facts.gaps) == (6, 2, ())


def test_a_file_whose_newest_row_comes_first_is_turned_round_and_that_is_told(tmp_path):
    bars = only(written(tmp_path, BARS + "".join(map(bar, reversed(range(4))))))
    assert list(bars.open_ms) == [START + i * MINUTE for i in range(4)]
    assert any("turned round" in note for note in bars.facts.notes)


def test_parquet_says_the_same_as_csv(tmp_path):
    polars = pytest.importorskip("polars")
    path = written(tmp_path, BARS + "".join(map(bar, range(50))))
    frame = polars.read_csv(path).with_columns(polars.from_epoch("timestamp", time_unit="ms"))
    frame.write_parquet(tmp_path / "data.parquet")
    text, compact = only(path), only(tmp_path / "data.parquet")
    assert text.open_ms == compact.open_ms
    assert (text.close, text.volume, text.timeframe) == (compact.close, compact.volume, compact.timeframe)


def test_parquet_without_polars_is_refused_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match=r"ganglion\[data\]"):
        read(path)


def test_a_damaged_parquet_file_is_refused(tmp_path):
    pytest.importorskip("polars")
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1 and nothing of it")
    with pytest.raises(DataFileError, match="can't be read"):
        read(path)


def test_reading_csv_needs_no_polars(tmp_path):
    path = written(tmp_path, BARS + "".join(map(bar, range(3))))
    code = f"""
import sys
from pathlib import Path
from ganglion.simulation.data import read
assert len(read(Path({str(path)!r}))[0]) == 3
assert not {{"polars", "ccxt", "plotly", "numpy"}} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------ what is wrong, and where


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"{START + MINUTE},100,98,102,100,5", "high 98 below low 102"),
        (f"{START + MINUTE},100,102,98,103,5", "close 103 outside"),
        (f"{START + MINUTE},97,102,98,100,5", "open 97 outside"),
        (f"{START + MINUTE},0,102,0,100,5", "a price of 0"),
        (f"{START + MINUTE},100,102,98,100,-1", "a volume of -1"),
        (f"{START + MINUTE},nan,102,98,100,5", "not finite"),
        (f"{START + MINUTE},abc,102,98,100,5", "open 'abc' is no number"),
        (f"{START + MINUTE},,102,98,100,5", "open is empty"),
        (f"{START + MINUTE},100,102", "3 cells where 6 are needed"),
        ("yesterday,100,102,98,101,5", "time: "),
        (f"{(START + MINUTE) // 1000},100,102,98,101,5", "times are written in ms"),
        (f"{START - MINUTE},100,102,98,101,5", "goes back in time"),
        (f"{START},100,102,98,100.5,5", "a second bar opens at 2023-11-14 22:14:00"),
    ],
)
def test_a_row_that_cannot_be_is_an_error_with_its_line_or_is_left_out_and_counted(tmp_path, row, said):
    path = written(tmp_path, f"{BARS}{bar(0)}{row}\n{bar(2)}{bar(3)}")
    with pytest.raises(DataRowError) as caught:
        read(path, timeframe="1m")
    assert (caught.value.file, caught.value.line) == (str(path), 3)
    assert said in caught.value.text
    assert str(caught.value).startswith(f"{path}:3: ")
    kept = only(path, timeframe="1m", on_bad="skip")
    assert list(kept.open_ms) == [START, START + 2 * MINUTE, START + 3 * MINUTE]
    assert kept.facts.skipped == 1


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"price": 0}, "a price of 0"),
        ({"amount": -1}, "a trade of -1"),
        ({"side": "up"}, "side 'up' is none"),
        ({"time": START}, "goes back in time"),
        ({"id": 1}, "trade '1' came before (3)"),
    ],
)
def test_a_trade_that_cannot_be_is_an_error_with_its_line(tmp_path, other, said):
    path = written(tmp_path, TRADES + trade(0) + trade(1) + trade(2, **other) + trade(3))
    with pytest.raises(DataRowError) as caught:
        read(path)
    assert (caught.value.line, said in caught.value.text) == (4, True), caught.value
    assert only(path, on_bad="skip").facts.skipped == 1


def test_blank_lines_are_counted_as_lines(tmp_path):
    path = written(tmp_path, f"{BARS}{bar(0)}\n\n{bar(1)}{START + 2 * MINUTE},x,1,1,1,1\n")
    with pytest.raises(DataRowError) as caught:
        read(path)
    assert caught.value.line == 6


def test_a_bad_row_far_down_is_named_by_its_line_too(tmp_path):
    rows = [bar(i) for i in range(5000)]
    rows[4321] = f"{START + 4321 * MINUTE},1,2,3,1,1\n"
    with pytest.raises(DataRowError) as caught:
        read(written(tmp_path, BARS + "".join(rows)))
    assert caught.value.line == 4323


def test_rows_that_say_the_same_twice_are_dropped_and_counted(tmp_path):
    bars = only(written(tmp_path, BARS + bar(0) + bar(1) + bar(1) + bar(2)))
    assert (len(bars), bars.facts.duplicates) == (3, 1)
    trades = only(written(tmp_path, TRADES + trade(0) + trade(1) + trade(1)), keep_ids=True)
    assert (trades.ids, trades.facts.duplicates) == (["0", "1"], 1)


def test_equal_trades_without_ids_may_be_two(tmp_path):
    row = f"{START},100,1\n"
    assert len(only(written(tmp_path, row + row))) == 2


def test_a_gap_is_told_with_its_line_and_allowed(tmp_path):
    path = written(tmp_path, BARS + bar(0) + bar(1) + bar(5) + bar(6))
    (gap,) = only(path).facts.gaps
    assert (gap.from_ms, gap.to_ms, gap.line, gap.reason) == (
        START + 2 * MINUTE,
        START + 5 * MINUTE,
        4,
        "3 bars missing",
    )


def test_calendar_months_have_no_gaps(tmp_path):
    months = ["2023-11-01", "2023-12-01", "2024-01-01", "2024-02-01", "2024-03-01", "2024-05-01"]
    bars = only(written(tmp_path, BARS + "".join(f"{month},1,1,1,1,1\n" for month in months)))
    assert bars.timeframe == "1M"
    assert [gap.line for gap in bars.facts.gaps] == [7]


def test_bars_between_those_of_another_timeframe_are_refused(tmp_path):
    rows = [bar(i, step_ms=5 * MINUTE) for i in range(5)]
    rows.append(f"{START + 21 * MINUTE},1,1,1,1,1\n")
    with pytest.raises(MixedDataError, match="between those of 5m"):
        read(written(tmp_path, BARS + "".join(rows)))


def test_a_file_that_goes_on_in_another_timeframe_is_refused(tmp_path):
    rows = [bar(i) for i in range(100)] + [bar(99 + 5 * i) for i in range(1, 40)]
    with pytest.raises(MixedDataError) as caught:
        read(written(tmp_path, BARS + "".join(rows)))
    assert (caught.value.line, "39 bars 5 min apart" in caught.value.text) == (101, True)


def test_files_that_overlap_are_merged_where_doubles_can_be_told(tmp_path):
    written(tmp_path, TRADES + "".join(trade(i) for i in range(5)), "a.csv")
    written(tmp_path, TRADES + "".join(trade(i) for i in range(3, 8)), "b.csv")
    trades = only(tmp_path, keep_ids=True)
    assert trades.ids == [str(i) for i in range(8)]
    assert trades.facts.duplicates == 2


def test_a_file_inside_another_is_found_behind_a_third_one_too(tmp_path):
    written(tmp_path, BARS + "".join(bar(i) for i in range(10)), "a.csv")
    written(tmp_path, BARS + "".join(bar(i) for i in range(2, 4)), "b.csv")
    written(tmp_path, BARS + "".join(bar(i) for i in range(6, 12)), "c.csv")
    bars = only(tmp_path)
    assert list(bars.open_ms) == [START + i * MINUTE for i in range(12)]
    assert bars.facts.duplicates == 6


def test_files_that_overlap_without_ids_are_refused(tmp_path):
    written(tmp_path, "".join(f"{START + i},100,1\n" for i in range(5)), "a.csv")
    written(tmp_path, "".join(f"{START + i},100,1\n" for i in range(3, 8)), "b.csv")
    with pytest.raises(MixedDataError, match="doubles can't be told by ids"):
        read(tmp_path)


def test_conflicting_bars_of_two_files_name_the_second_file_and_its_line(tmp_path):
    written(tmp_path, BARS + "".join(bar(i) for i in range(5)), "a.csv")
    other = written(tmp_path, BARS + bar(4, price=200) + bar(5), "b.csv")
    with pytest.raises(DataRowError) as caught:
        read(tmp_path)
    assert (caught.value.file, caught.value.line) == (str(other), 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,c\n1,2,3\n", "nobody can tell what the columns a, b, c hold"),
        ("hello\n", "nobody can tell"),
        ("1,2,3\n4,5,6\n", "without a header"),
        ("", "holds no row"),
        (BARS, "holds no row"),
    ],
)
def test_a_file_that_nobody_understands_is_refused_with_what_to_do(tmp_path, text, said):
    with pytest.raises(DataFileError) as caught:
        read(written(tmp_path, text))
    assert said in str(caught.value)


def test_a_path_without_data_is_refused(tmp_path):
    with pytest.raises(DataFileError, match="no data file in this folder"):
        read(tmp_path)
    with pytest.raises(DataFileError, match="no such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(DataFileError, match="its name has to end in"):
        read(written(tmp_path, "x", "data.xls"))


def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path):
    whole = gzip.compress((BARS + "".join(map(bar, range(500)))).encode())
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataFileError, match="ends in the middle"):
        read(path)


# ------------------------------------------------------------------ properties


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**6),
            st.floats(1e-8, 1e9, allow_nan=False).map(lambda x: float(repr(x))),
            st.floats(1e-8, 1e9),
            st.sampled_from([0, 1, 2]),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_trades_that_are_written_are_read_back_exactly(tmp_path_factory, rows):
    rows.sort(key=lambda row: row[0])
    words = ["", "buy", "sell"]
    text = "time,price,amount,side\n" + "".join(f"{START + t},{p!r},{a!r},{words[s]}\n" for t, p, a, s in rows)
    trades = only(written(tmp_path_factory.mktemp("trades"), text))
    assert trades.time_ms == array("q", [START + row[0] for row in rows])
    assert trades.price == array("d", [row[1] for row in rows])
    assert trades.amount == array("d", [row[2] for row in rows])
    assert list(trades.side) == [row[3] for row in rows]


# ------------------------------------------------------------------ real files


def test_a_month_of_real_bars_is_whole(recorded_data):
    bars = only(recorded_data / "btc_perp_1m", symbol="BTC/USD")
    assert (len(bars), bars.timeframe, bars.facts.gaps, bars.facts.duplicates) == (45_031, "1m", (), 0)
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (46319.0, 46385.0, 46319.0, 46377.0)


def test_real_candles_of_an_exchange_have_the_gaps_of_a_quiet_market(recorded_data):
    pytest.importorskip("polars")
    bars = only(recorded_data / "xrp_eth" / "XRP_ETH-1m.feather")
    assert (bars.symbol, len(bars)) == ("XRP/ETH", 2469)


def test_funding_rates_are_no_prices_and_that_is_said(recorded_data):
    pytest.importorskip("polars")
    with pytest.raises(DataRowError):
        read(recorded_data / "xrp_usdt_perp" / "XRP_USDT_USDT-8h-funding_rate.feather")

"""`ganglion backtest`: what it prints and writes, and what it ends with."""

import json

import pytest
from typer.testing import CliRunner

from ganglion.bot.cli import app
from tests.bot.backtest.cast import HERE, START_MS

ROWS = "time,open,high,low,close,volume\n" + "\n".join(
    f"{START_MS + 60_000 * row},{100 + row},{101 + row},{99 + row},{100.5 + row},7" for row in range(50)
)
BOT = f"""
[exchanges.sim]
id = "binance"
live = true
symbols = ["BTC/USDT"]
credentials = {{ key = "env:NOT_SET", secret = "env:NOT_SET_EITHER" }}
simulated = {{ balances = {{ USDT = 10000, BTC = 1 }} }}
[modes.plan]
mode = "{HERE}/scripted.py:Scripted"
exchange = "sim"
symbol = "BTC/USDT"
plan = ["row 1 buy 1", "row 30 sell 1"]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bot.toml").write_text(BOT)
    (tmp_path / "bars.csv").write_text(ROWS)
    return tmp_path


def run(folder, *arguments, data="bars.csv"):
    command = ["backtest", str(folder / "bot.toml"), "--data", str(folder / data), *map(str, arguments)]
    return CliRunner().invoke(app, command)


def test_it_prints_the_figures_and_writes_the_summary_without_a_secret_being_set(folder):
    ran = run(folder, "--summary", folder / "summary.json")
    assert ran.exit_code == 0, ran.output
    assert "Backtest of bot" in ran.output
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["modes"]["plan"]["fills"] == 2
    assert summary["invariant_violations"] == 0


def test_it_leaves_no_folder_behind(folder):
    run(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["bars.csv", "bot.toml"]


def test_it_writes_the_report(folder):
    pytest.importorskip("plotly")
    ran = run(folder, "--report", folder / "report.html")
    assert ran.exit_code == 0, ran.output
    page = (folder / "report.html").read_text()
    assert "An order is effective at the first row" in page
    assert "row 30 sell 1" in page


def test_a_part_of_the_time_can_be_chosen(folder):
    ran = run(folder, "--from", "2020-09-13T12:30", "--to", "2020-09-13T12:40", "--summary", folder / "summary.json")
    assert ran.exit_code == 0, ran.output
    assert "2020-09-13 12:30 to 2020-09-13 12:40" in ran.output


def test_check_says_what_is_in_the_data_and_trades_nothing(folder):
    ran = run(folder, "--check")
    assert ran.exit_code == 0
    assert "bars 1m" in ran.output
    assert "nothing is wrong with it" in ran.output


def test_check_of_bad_data_fails(folder):
    (folder / "bars.csv").write_text(ROWS.replace("101,99", "1,99", 1))
    assert run(folder, "--check").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "data", "text"),
    [
        ((), "none.csv", "none.csv"),
        (("--from", "yesterday"), "bars.csv", "is no date"),
        (("--from", "2031-01-01"), "bars.csv", "no row lies in the wanted time"),
        (("--summary", "/nowhere/summary.json"), "bars.csv", "can't be written"),
    ],
)
def test_what_can_not_be_done_is_said_before_anything_runs(folder, arguments, data, text):
    ran = run(folder, *arguments, data=data)
    assert ran.exit_code == 2
    assert text in ran.output


def test_bad_data_names_its_line(folder):
    (folder / "bars.csv").write_text(ROWS.replace("101,99", "1,99", 1))
    ran = run(folder)
    assert ran.exit_code == 2
    assert "bars.csv:2" in ran.output


def test_a_wrong_setting_names_its_place(folder):
    (folder / "bot.toml").write_text(BOT + "[backtest]\nlatency = 3\n")
    ran = run(folder)
    assert ran.exit_code == 2
    assert "backtest.latency: unknown key; did you mean 'latency_s'?" in ran.output


def test_the_seed_does_not_change_what_is_not_drawn(folder):
    told = []
    for seed in (0, 1):
        run(folder, "--seed", seed, "--summary", folder / "summary.json")
        told.append(json.loads((folder / "summary.json").read_text())["figures"])
    assert told[0] == told[1]

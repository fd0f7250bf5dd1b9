"""A whole bot on paper: unmodified ccxt on a venue process of its own, in both protocols."""

import json
import signal
import subprocess
import sys
import time
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from ganglion.bot.cli import app
from ganglion.bot.config import parse
from ganglion.bot.data_folder import live_folder
from ganglion.bot.errors import ConfigError, DataFolderError
from ganglion.bot.paper import read_paper
from ganglion.bot.process import build
from ganglion.simulation.venue.client import VenueProcess
from ganglion.supervision import System
from tests.bot.paper.stage import BTC, PATIENCE_S, on_paper, section, venue

D = Decimal
DIALECTS = ("binance", "kraken")


@pytest.fixture(scope="module", params=DIALECTS)
def process(request):
    with venue(request.param) as process:
        process.dialect = request.param
        yield process


@pytest.fixture
def stage(process, tmp_path):
    with on_paper(process, process.dialect, tmp_path) as stage:
        yield stage


def balances(stage) -> dict[str, Decimal]:
    held = stage.run.bot.status().exchanges[0].balances
    return {asset: balance.total for asset, balance in held.items()}


def test_a_market_order_is_filled_at_the_live_book_s_levels_as_far_as_they_reach_with_its_fee(stage, process):
    stage.wish("buy 4")
    stage.wait(lambda: stage.ended("expired"), "the end of what the book has not")
    assert stage.fills() == [("buy", D(60_010), D(1)), ("buy", D(60_020), D(2))]
    in_btc, in_usdt = (D("0.003"), D(0)) if process.dialect == "binance" else (D(0), D("180.05"))
    expected = {"BTC": D(13) - in_btc, "USDT": D(300_000) - D(180_050) - in_usdt}
    stage.wait(lambda: balances(stage) == expected, "the balances")
    record, _ = stage.run.finish()
    assert record.violations == []
    assert sum(fill.fee for fill in record.fills) == in_btc + in_usdt


def test_a_limit_order_rests_until_a_public_trade_goes_through_it(stage):
    stage.wish("buy 0.5 60005")
    stage.wait(lambda: stage.ended("accepted"), "the order")
    assert stage.fills() == []
    stage.mover.trade("sell", 0.3)
    stage.wait(lambda: stage.fills() == [("buy", D(60_005), D("0.3"))], "the trade's share")
    stage.mover.quote([(59_000, 1)], [(60_000, 1)])
    stage.wait(lambda: stage.ended("filled"), "the rest")
    assert [(price, amount) for _, price, amount in stage.fills()] == [(60_005, D("0.3")), (60_005, D("0.2"))]


def test_a_cancelled_order_is_gone_and_its_money_free(stage):
    stage.wish("sell 1 61000")
    stage.wait(lambda: stage.ended("accepted"), "the order")
    stage.wish("cancel")
    stage.wait(lambda: stage.ended("canceled"), "the cancel")
    stage.mover.quote([(62_000, 1)], [(62_010, 1)])
    stage.wait(lambda: stage.bid == 62_000, "the new price")
    assert stage.fills() == []
    assert balances(stage) == {"BTC": D(10), "USDT": D(300_000)}


def test_a_connection_that_breaks_is_seen_as_live_and_the_order_rests_on_behind_it(stage):
    stage.wish("buy 0.5 60005")
    stage.wait(lambda: stage.ended("accepted"), "the order")
    reconnects = stage.run.bot.status().exchanges[0].reconnects
    assert stage.control.drop_sockets("all") > 0
    stage.wait(lambda: stage.run.bot.status().exchanges[0].reconnects > reconnects, "the loss")
    stage.wait(lambda: stage.state == "live" and not stage.invalid, "the market")
    assert stage.fills() == []
    stage.mover.quote([(59_000, 1)], [(60_000, 1)])
    stage.wait(lambda: stage.ended("filled"), "the fill")
    assert stage.fills() == [("buy", D(60_005), D("0.5"))]
    record, summary = stage.run.finish()
    assert record.violations == []
    assert summary.exchanges["local"].balances_equal is True
    assert [incident.kind for incident in record.incidents if incident.kind == "gap"] == ["gap"]


def test_while_the_exchange_is_gone_the_bot_is_not_live_and_nothing_is_filled(stage, process):
    stage.wish("buy 0.5 60005")
    stage.wait(lambda: stage.ended("accepted"), "the order")
    process.kill()
    stage.wait(lambda: stage.state == "connecting", "the loss")
    stage.wish("buy 1")
    process.start()
    stage.mover.forget()
    stage.mover.quote([(59_000, 1)], [(60_000, 0.2)])
    stage.wait(lambda: stage.state == "live" and len(stage.fills()) == 1, "the fill")
    assert stage.fills() == [("buy", D(60_005), D("0.2"))]


def test_parts_that_crash_go_on_with_the_same_paper_account(stage):
    stage.wish("buy 0.5 60005")
    stage.wait(lambda: stage.ended("accepted"), "the order")
    epoch = stage.run.bot.status().exchanges[0].reconciled_epoch
    stage.run.bot.fail("local", "exchange")
    stage.run.bot.fail("local", "account", "orders")
    stage.wait(lambda: stage.run.bot.status().exchanges[0].reconciled_epoch > epoch, "the reconcile")
    stage.wait(lambda: stage.state == "live" and not stage.invalid, "the market")
    stage.mover.quote([(59_000, 1)], [(60_000, 1)])
    stage.wait(lambda: stage.fills() == [("buy", D(60_005), D("0.5"))], "the fill")
    record, summary = stage.run.finish()
    assert record.violations == []
    assert record.restarts >= 2
    assert summary.exchanges["local"].balances_equal is True


def test_an_arm_whose_thread_hangs_goes_on_with_the_same_paper_account_on_another(process, tmp_path):
    with on_paper(process, process.dialect, tmp_path, '[bot]\nname = "hangs"\nhang_s = 1\n') as stage:
        stage.wish("buy 0.5 60005")
        stage.wait(lambda: stage.ended("accepted"), "the order")
        epoch = stage.run.bot.status().exchanges[0].reconciled_epoch
        stage.wish("hang 6")
        stage.wait(lambda: stage.run.bot.status().exchanges[0].reconciled_epoch > epoch, "the reconcile")
        stage.wait(lambda: stage.state == "live" and not stage.invalid, "the market")
        stage.mover.quote([(59_000, 1)], [(60_000, 1)])
        stage.wait(lambda: stage.fills() == [("buy", D(60_005), D("0.5"))], "the fill")
        record, _ = stage.run.finish()
        assert [text for text in record.violations if text.startswith("I6")] == []


def test_a_second_run_in_the_same_folder_opens_with_the_same_balances_and_no_orders(process, tmp_path):
    with on_paper(process, process.dialect, tmp_path) as stage:
        stage.wish("buy 1", "sell 1 61000")
        stage.wait(lambda: stage.ended("filled") and stage.ended("accepted"), "both orders")
    with on_paper(process, process.dialect, tmp_path) as stage:
        assert balances(stage) == {"BTC": D(10), "USDT": D(300_000)}
        stage.wish("sell 0.5")
        stage.wait(lambda: stage.ended("filled"), "the fill")
        record, summary = stage.run.finish()
    assert [(fill.side, fill.price) for fill in record.fills] == [("sell", D(60_000))]
    assert record.violations == []
    assert summary.exchanges["local"].balances_equal is True


def test_only_sockets_of_the_market_are_open_while_orders_rest_and_fill(stage):
    stage.wish("buy 1", "sell 1 61000")
    stage.wait(lambda: stage.ended("filled") and stage.ended("accepted"), "both orders")
    connections = stage.control.connections()
    assert connections
    assert {(one["kind"], one["account"]) for one in connections} == {("market", "")}


# ---------------------------------------------------------------- the command, on a market that lives

MODES = f"""
[bot]
name = "papery"
[exchanges.local.simulated]
balances = {{ USDT = 100000, BTC = 2 }}
[modes.maker]
mode = "market_making"
exchange = "local"
symbol = "{BTC}"
spread_pct = 0.02
requote_pct = 0.01
"""
PUBLIC = frozenset(
    {"time", "exchangeInfo", "depth", "trades", "klines", "Assets", "AssetPairs", "Time", "Depth", "Trades", "OHLC"}
)


@pytest.fixture(params=DIALECTS)
def living(request, tmp_path):
    with VenueProcess(["--dialect", request.param, "--symbols", BTC, "--seed", "3"]) as process:
        (tmp_path / "bot.toml").write_text(section(process.base_url, request.param) + MODES)
        yield process, tmp_path


def run(folder, *arguments):
    return CliRunner().invoke(app, ["paper", str(folder / "bot.toml"), "--log", "json", *map(str, arguments)])


def test_the_command_says_paper_writes_report_and_summary_and_asks_the_exchange_nothing_private(living, monkeypatch):
    process, folder = living
    pytest.importorskip("plotly")
    # A customer of the venue: what is not read can't be used.
    monkeypatch.setenv("NEVER_SET_KEY", "demo")
    monkeypatch.setenv("NEVER_SET_SECRET", "demo")
    ran = run(folder, "--for", "5s", "--summary", folder / "summary.json", "--report", folder / "report.html")
    assert ran.exit_code == 0, ran.output
    lines = ran.output.splitlines()
    assert lines[0].startswith("PAPER: papery trades on live market data of local")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["invariant_violations"] == 0
    assert summary["modes"]["maker"]["fills"] > 0
    page = (folder / "report.html").read_text()
    assert "PAPER: papery" in page
    assert "stand in the live book" in page
    requests = process.control.requests()
    assert {(one["account"], one["method"], one["kind"]) for one in requests} == {("", "GET", "market")}
    asked = {one["path"].rsplit("/", 1)[-1] for one in requests}
    assert asked
    assert asked <= PUBLIC, asked


# ---------------------------------------------------------------- configurations and folders

REAL = """
[bot]
name = "real"
[exchanges.one]
id = "binance"
symbols = ["BTC/USDT"]
{more}
[modes.maker]
mode = "market_making"
exchange = "one"
symbol = "BTC/USDT"
"""


def test_a_real_exchange_needs_neither_key_nor_permission_to_trade(tmp_path):
    path = tmp_path / "bot.toml"
    path.write_text(REAL.format(more="simulated = { balances = { USDT = 1000 } }"))
    config = read_paper(path)
    assert config.exchanges["one"].credentials == {}
    assert config.data == tmp_path / "real.paper"
    with pytest.raises(ConfigError, match="live"):
        parse(path.read_text(), path, {})


def test_keys_that_a_configuration_names_are_not_looked_at(tmp_path):
    more = 'credentials = { key = "env:NOWHERE", secret = "file:nothing.txt" }\nsimulated = { balances = { BTC = 1 } }'
    (tmp_path / "bot.toml").write_text(REAL.format(more=more))
    assert read_paper(tmp_path / "bot.toml").exchanges["one"].credentials == {}


def test_missing_opening_balances_are_said_with_what_to_write(tmp_path):
    (tmp_path / "bot.toml").write_text(REAL.format(more=""))
    ran = CliRunner().invoke(app, ["paper", str(tmp_path / "bot.toml")])
    assert ran.exit_code == 2
    assert "exchanges.one.simulated.balances: are missing" in ran.output
    assert "add simulated = { balances = { USDT = 10000 } } to [exchanges.one]" in ran.output


def test_balances_of_what_cannot_be_traded_there_are_said(tmp_path):
    (tmp_path / "bot.toml").write_text(REAL.format(more="simulated = { balances = { USD = 1000 } }"))
    with pytest.raises(
        ConfigError, match=r"simulated\.balances\.USD: one has no market of it; its markets trade BTC, USDT"
    ):
        read_paper(tmp_path / "bot.toml")


def test_ctrl_c_ends_it_in_order_with_the_summary(living):
    _, folder = living
    command = [sys.executable, "-c", "from ganglion.bot.cli import main; main()", "paper", str(folder / "bot.toml")]
    command += ["--log", "json", "--summary", str(folder / "summary.json")]
    with (folder / "log").open("w") as log:
        bot = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        until_s = time.monotonic() + PATIENCE_S
        # Live, reconciled and compared, by the operator's command on its folder.
        while " equal " not in CliRunner().invoke(app, ["status", "--data", str(folder / "papery.paper")]).output:
            assert time.monotonic() < until_s, (folder / "log").read_text()
            assert bot.poll() is None, (folder / "log").read_text()
        bot.send_signal(signal.SIGINT)
        out, _ = bot.communicate(timeout=PATIENCE_S)
    finally:
        bot.kill()
        bot.wait()
        bot.stdout.close()
    told = (folder / "log").read_text()
    assert bot.returncode == 0, told
    assert told.startswith("PAPER: papery trades on live market data")
    assert out.startswith("PAPER: papery, simulated orders on live markets")
    assert json.loads((folder / "summary.json").read_text())["exchanges"]["local"]["state"] == "live"


SIMULATED = """
[exchanges.one]
connector = "simulated"
symbols = ["BTC/USDT"]
simulated = { balances = { USDT = 1000 } }
"""


def test_a_folder_that_a_live_run_has_written_is_refused(tmp_path):
    (tmp_path / "bot.toml").write_text(SIMULATED)
    build(parse(SIMULATED, tmp_path / "bot.toml", {}), System(dispatcher="loop")).stop()
    ran = run(tmp_path, "--data", tmp_path / "bot.ganglion", "--for", "1s")
    assert ran.exit_code == 2
    assert "keeps the journal of a bot that trades" in ran.output


def test_a_folder_of_paper_trades_is_refused_by_a_live_run(tmp_path):
    (tmp_path / "bot.toml").write_text(SIMULATED)
    ran = run(tmp_path, "--for", "1s")
    assert ran.exit_code == 0, ran.output
    with pytest.raises(DataFolderError, match="keeps what `ganglion paper` traded"):
        live_folder(tmp_path / "bot.paper")


def test_an_exchange_that_does_not_answer_is_said_at_the_end(tmp_path):
    (tmp_path / "bot.toml").write_text(section("http://127.0.0.1:9", "binance") + MODES)
    ran = run(tmp_path, "--for", "1s", "--summary", tmp_path / "summary.json")
    assert ran.exit_code == 1
    assert "PAPER: local was never reached" in ran.output
    assert (tmp_path / "summary.json").exists()


def test_the_help_teaches_without_loading_ccxt():
    code = "import sys; from ganglion.bot.cli import app; app(['paper', '--help'], standalone_mode=False); "
    done = subprocess.run(
        [sys.executable, "-c", code + "print('ccxt' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert "No key is needed" in done.stdout
    assert done.stdout.endswith("False\n")

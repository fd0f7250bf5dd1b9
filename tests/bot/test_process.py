"""A whole bot in this process, on simulated venues and through real ccxt: it trades, survives, drains and says so."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from ganglion.bot.config import BotConfig, parse
from ganglion.bot.errors import ExitCode
from ganglion.bot.online import check_online
from ganglion.bot.process import Bot, build
from ganglion.bot.run import RunOptions, run
from ganglion.bot.summary import ModeSummary, Summary
from ganglion.bot.verdict import judge
from ganglion.bot.views import Status
from ganglion.bot.warden import WardenActor
from ganglion.messages.lifecycle import ActorParked, CellState, Failure, HaltMode
from ganglion.messages.orders import CancelAll
from ganglion.messages.trading import By
from ganglion.supervision import System

ROOT = Path(__file__).parents[2]
GOES_ON_S = 30.0

BUSY = """
[bot]
name = "test"

[exchanges.alpha]
connector = "simulated"
symbols = ["BTC/USDT", "ETH/USDT"]

[modes.maker]
mode = "market_making"
exchange = "alpha"
symbol = "BTC/USDT"
spread_pct = 0.02
requote_pct = 0.01

[modes.grid]
mode = "grid"
exchange = "alpha"
symbol = "ETH/USDT"
step_pct = 0.05
"""

SLOW = """
import time

from ganglion.actors.modes import ModeConfig, TradingMode

class Slow(TradingMode[ModeConfig]):
    '''Takes its time for each decision.'''

    def on_book(self, top):
        if len(self.open_orders) < 50:
            time.sleep(0.7)
            self.buy("0.01", "-1%")
"""

RAISES = """
from ganglion.actors.modes import ModeConfig, TradingMode

class Raises(TradingMode[ModeConfig]):
    '''Places an order, and raises ever after.'''

    def on_book(self, top):
        if not self.open_orders:
            self.buy("10%", "-5%")
        else:
            raise ValueError("I do not like this book")
"""


def configured(text: str, folder: Path) -> BotConfig:
    return parse(text, folder / "bot.toml", {"KEY": "key-0123456789", "SECRET": "secret-0123456789"})


@contextmanager
def running(config: BotConfig) -> Iterator[Bot]:
    bot = build(config, System(dispatcher="loop"))
    try:
        yield bot
    finally:
        bot.stop()


def fills(status: Status, mode: str) -> int:
    return next(view.fills for view in status.modes if view.name == mode)


def nobody_listens() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_bot_trades_survives_crashes_and_ends_with_balances_equal_to_the_venues(tmp_path):
    with running(configured(BUSY, tmp_path)) as bot:
        assert bot.wait_until(lambda s: fills(s, "maker") > 0 and fills(s, "grid") > 0, GOES_ON_S)
        for part in (
            ("modes", "grid"),
            ("modes", "maker"),
            ("alpha", "books", "BTC-USDT"),
            ("alpha", "account", "orders"),
        ):
            bot.fail(*part)
        before = bot.status()
        assert bot.wait_until(
            lambda s: all(fills(s, mode) > fills(before, mode) for mode in ("maker", "grid")), GOES_ON_S
        )
        assert bot.drain(GOES_ON_S)
        summary = bot.summary()
    assert summary.faultless
    assert not summary.halted
    assert summary.restarts >= 4
    alpha = summary.exchanges["alpha"]
    assert alpha.balances_equal
    # denied: a crash overtook it before it was sent
    assert set(alpha.orders) <= {"canceled", "filled", "rejected", "expired", "denied"}
    assert all(balance.reserved == "0" for balance in alpha.balances.values())


def test_a_mode_that_always_raises_is_parked_its_orders_are_cancelled_and_its_neighbours_trade_on(tmp_path):
    (tmp_path / "own.py").write_text(RAISES)
    text = BUSY.replace('mode = "grid"', 'mode = "own.py:Raises"').replace("step_pct = 0.05", "")
    with running(configured(text, tmp_path)) as bot:
        path = "/bot/modes/grid"
        assert bot.wait_until(lambda s: any(path in parked for parked in s.parked), GOES_ON_S)
        before = bot.status()
        assert bot.wait_until(lambda s: fills(s, "maker") > fills(before, "maker"), GOES_ON_S)
        assert bot.wait_until(lambda s: s.exchanges[0].markets[1].open_orders == 0, GOES_ON_S)
        cell = bot.tree().find(path)
        assert cell is not None
        assert cell.state is CellState.PARKED
        summary = bot.summary()
    assert summary.modes["grid"].orders == 1
    assert summary.exchanges["alpha"].halted == ""


def test_a_mode_that_decides_while_the_bot_drains_leaves_no_order_open(tmp_path):
    (tmp_path / "own.py").write_text(SLOW)
    text = BUSY.replace('mode = "grid"', 'mode = "own.py:Slow"').replace("step_pct = 0.05", 'dispatcher = "own"')
    with running(configured(text, tmp_path)) as bot:
        assert bot.wait_until(lambda s: s.exchanges[0].markets[1].open_orders > 0, GOES_ON_S)
        assert bot.drain(GOES_ON_S)
        (alpha,) = bot.status().exchanges
        # It still decides what it had begun to; that is refused.
        assert bot.wait_until(lambda s: s.exchanges[0].markets[1].open_orders == 0, 1.0)
    assert set(alpha.orders) <= {"canceled", "filled", "rejected", "expired", "denied"}


def test_an_exchange_that_can_not_be_reached_delays_no_other(tmp_path):
    url = f"http://127.0.0.1:{nobody_listens()}"
    text = (
        BUSY
        + f"""
[exchanges.gone]
id = "binance"
symbols = ["BTC/USDT"]
[exchanges.gone.credentials]
key = "env:KEY"
secret = "env:SECRET"
[exchanges.gone.ccxt.urls.api]
public = "{url}/api/v3"
private = "{url}/api/v3"
[exchanges.gone.ccxt.options]
fetchMarkets = {{ types = ["spot"] }}
fetchCurrencies = false
fetchMargins = false
"""
    )
    config = configured(text, tmp_path)
    with running(config) as bot:
        assert bot.wait_until(lambda s: fills(s, "maker") > 0, GOES_ON_S)
        assert bot.wait_until(lambda s: "ExchangeNotAvailable" in s.exchanges[1].reason, GOES_ON_S)
        assert bot.status().exchanges[1].state == "connecting"
        assert bot.drain(GOES_ON_S)
    findings = {(finding.exchange, finding.what): finding for finding in check_online(config)}
    assert findings["alpha", "BTC/USDT"].good
    assert not findings["gone", "reached"].good


def test_a_run_writes_its_summary_and_ends_with_code_0(tmp_path):
    options = RunOptions(seconds=2.0, summary=tmp_path / "summary.json", log="json")
    assert run(configured(BUSY, tmp_path), options) is ExitCode.OK
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["exchanges"]["alpha"]["state"] == "live"
    assert summary["invariant_violations"] == 0
    assert summary["parked"] == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, ExitCode.OK),
        ({"halted": "balances"}, ExitCode.HALTED),
        ({"balances_equal": False, "halted": "I6"}, ExitCode.FAILED),
        ({"balances_equal": None}, ExitCode.FAILED),
        ({"balances_equal": None, "halted": "parked"}, ExitCode.HALTED),
        ({"orders": {"accepted": 1, "filled": 3}}, ExitCode.FAILED),
        ({"orders": {"filled": 3, "canceled": 1}}, ExitCode.OK),
        ({"state": "connecting", "seconds_in": {"connecting": 7.0}}, ExitCode.FAILED),
    ],
)
def test_the_exit_code_says_how_it_went(changed, code):
    verdict = judge(ended(changed), bot="/bot")
    assert verdict.code is code
    assert verdict.sentences


@pytest.mark.parametrize(
    "parked",
    ["/bot/alpha: E: no", "/bot/alpha/exchange: E: no", "/bot/alpha/books/BTC-USDT: E: no", "/bot/modes/maker: E: no"],
)
def test_anything_parked_at_the_end_is_a_halt_and_is_named(parked):
    verdict = judge(msgspec.structs.replace(ended({}), parked=(parked,)), bot="/bot")
    assert verdict.code is ExitCode.HALTED
    assert verdict.sentences == (f"parked at the end: {parked}",)


def test_a_halted_mode_is_a_halt():
    modes = {"grid": ModeSummary("halted", 0, 0, 0, None)}
    assert judge(msgspec.structs.replace(ended({}), modes=modes), bot="/bot").code is ExitCode.HALTED


def test_a_run_tells_its_own_fills_and_the_journals_where_there_are_more():
    def said(**counts: int) -> str:
        return judge(ended(counts), bot="/bot").sentences[0]

    assert said(fills=26, fills_of_run=26) == "ran for 1 s: 26 fills, violations 0"
    assert said(fills=156, fills_of_run=26) == "ran for 1 s: 26 fills (156 in the journal), violations 0"
    assert said(fills=156, fills_of_run=0) == "ran for 1 s: 0 fills (156 in the journal), violations 0"


def test_open_orders_are_no_fault_where_none_were_to_be_cancelled():
    left = ended({"orders": {"accepted": 2}})
    assert judge(left, bot="/bot", cancels=False).code is ExitCode.OK
    assert "alpha may have 2 open orders left" in judge(left, bot="/bot").sentences[0]


def ended(changed: dict[str, object]) -> Summary:
    exchange = {
        "balances_equal": True,
        "state": "live",
        "seconds_in": {},
        "reconnects": 0,
        "restarts": 0,
        "book_updates": 0,
        "orders": {},
        "fills": 0,
        "balances": {},
    }
    whole = {
        "seconds": 1.0,
        "messages": 0,
        "actors": 0,
        "restarts": 0,
        "dead_letters": {},
        "invariant_violations": 0,
        "violations": [],
        "exchanges": {"alpha": exchange | changed},
        "modes": {},
    }
    return msgspec.convert(whole, Summary)


def started(tmp_path: Path) -> subprocess.Popen[str]:
    (tmp_path / "bot.toml").write_text(BUSY)
    code = "from ganglion.bot.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", str(tmp_path / "bot.toml"), "--log", "json"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


def read_until(process: subprocess.Popen[str], event: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("{") and json.loads(line)["event"] == event:
            return
    pytest.fail(f"it ended without {event!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_ends_with_code_0(tmp_path, number):
    process = started(tmp_path)
    read_until(process, "grid_made")
    process.send_signal(number)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "cancelling orders" in rest


def test_a_second_signal_drops_everything_with_code_130(tmp_path):
    process = started(tmp_path)
    read_until(process, "grid_made")
    process.send_signal(signal.SIGINT)
    read_until(process, "stopping")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_the_warden_halts_a_parked_mode_and_cancels_its_orders():
    system = System(dispatcher="simulated")
    portfolio = system.probe("portfolio")
    warden = system.spawn(lambda: WardenActor({"/bot/modes/grid": ("grid", portfolio.address)}, {}), name="warden")
    failure = Failure(error="ValueError", text="no")
    warden.tell(ActorParked("/bot/alpha/books/BTC-USDT", failure, None))
    warden.tell(ActorParked("/bot/modes/grid", failure, None))
    system.run_until_idle()
    cause = "parked: ValueError: no"
    halt = HaltMode(mode="grid", cause=cause, by=By.PARKED)
    assert portfolio.received == [halt, CancelAll(mode="grid", reason=cause)]

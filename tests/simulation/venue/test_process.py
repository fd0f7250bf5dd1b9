"""The venue as a process: its first words, its end, its mistakes, and SIGKILL."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import ccxt
import pytest

from ganglion.simulation.venue import SettingsError, VenueProcess, ccxt_settings, parse_account
from ganglion.simulation.venue.dialects.binance.ccxt_settings import python_text, toml_text
from tests.simulation.venue.support import Raw

BTC = "BTC/USDT"
COMMAND = [sys.executable, "-m", "ganglion.simulation.venue"]


def test_a_killed_venue_comes_back_with_its_ledger(tmp_path: Path):
    with VenueProcess(["--state", str(tmp_path), "--seed", "2", "--tick-ms", "20"]) as venue:
        exchange = ccxt.binance(ccxt_settings(venue.base_url, "demo", "demo"))
        placed = [exchange.create_order(BTC, "limit", "buy", 0.01, 40_000 + n)["id"] for n in range(5)]
        taken = exchange.create_order(BTC, "market", "buy", 0.05)
        exchange.cancel_order(placed.pop(), BTC)
        balance = exchange.fetch_balance()["total"]
        trades = exchange.fetch_my_trades(BTC)
        venue.kill()
        with pytest.raises(ccxt.NetworkError):
            exchange.fetch_balance()

        venue.start()
        assert sorted(order["id"] for order in exchange.fetch_open_orders(BTC)) == sorted(placed)
        assert exchange.fetch_balance()["total"] == balance
        assert exchange.fetch_my_trades(BTC) == trades
        assert exchange.fetch_order(taken["id"], BTC)["status"] == "closed"
        assert int(exchange.create_order(BTC, "market", "buy", 0.01)["id"]) > int(taken["id"])
        exchange.cancel_all_orders(BTC)
        ledger = venue.control.ledger()
        assert ledger["totals"] == ledger["deposited"]
        exchange.session.close()


def test_a_venue_ends_with_whoever_started_it_however_that_ended():
    starter = (
        "from ganglion.simulation.venue import VenueProcess as V; v = V().start(); print(v.base_url, flush=True); "
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter + "import signal; signal.pause()"], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        port = int(program.stdout.readline().rpartition(":")[2])
        program.kill()
        until_s = time.monotonic() + 10
        while answers(port):
            assert time.monotonic() < until_s, "the venue outlived its starter"


def answers(port: int) -> bool:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        link.request("GET", "/control/status")
        link.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()
    return True


def test_every_acknowledged_order_outlives_a_kill_in_the_middle_of_traffic(tmp_path: Path):
    with VenueProcess(["--state", str(tmp_path), "--tick-ms", "20"]) as venue:
        raw = Raw(venue.base_url)
        acknowledged: list[int] = []

        def trade() -> None:
            for number in range(10_000):
                try:
                    kind = {"type": "MARKET", "timeInForce": None, "price": None} if number % 3 == 0 else {}
                    _, order, _ = raw.order(newClientOrderId=f"n{number}", quantity="0.001", **kind)
                except (OSError, http.client.HTTPException):
                    return
                acknowledged.append(order["orderId"])

        trader = threading.Thread(target=trade)
        trader.start()
        deadline = time.monotonic() + 10
        while len(acknowledged) < 100:
            assert time.monotonic() < deadline
        venue.kill()
        trader.join()
        venue.start()
        ledger = venue.control.ledger()
        known = [order["id"] for order in ledger["accounts"]["demo"]["orders"]]
        assert set(acknowledged) <= set(known)
        assert len(set(known) - set(acknowledged)) <= 1, "only the order in flight may be unknown to its sender"
        assert ledger["totals"] == ledger["deposited"]


def test_without_a_state_folder_everything_starts_anew():
    with VenueProcess(["--tick-ms", "0"]) as venue:
        exchange = ccxt.binance(ccxt_settings(venue.base_url, "demo", "demo"))
        exchange.create_order(BTC, "market", "buy", 0.05)
        venue.kill()
        venue.start()
        assert exchange.fetch_my_trades(BTC) == []
        exchange.session.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_the_settings_and_its_address_and_stops_cleanly(number: signal.Signals):
    with subprocess.Popen([*COMMAND, "--tick-ms", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("venue ready "):
                break
        url = lines[-1].split()[-1]
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
    text = "".join(lines)
    assert python_text(url, "demo", "demo") in text
    assert toml_text(url, ("BTC/USDT", "ETH/USDT")) in text


def test_the_printed_settings_are_the_settings_in_both_languages():
    url = "http://127.0.0.1:1234"
    scope: dict[str, object] = {}
    exec(python_text(url, "k", "s"), scope)  # noqa: S102  it is printed to be pasted
    wanted = ccxt_settings(url, "k", "s")
    assert scope["settings"] == wanted
    section = tomllib.loads(toml_text(url, (BTC,), "alpha"))["exchanges"]["alpha"]
    assert section["ccxt"] == {"urls": wanted["urls"], "options": wanted["options"]}
    assert section["credentials"] == {"key": "env:ALPHA_KEY", "secret": "env:ALPHA_SECRET"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--account", "nosecret"], "KEY:SECRET"),
        (["--account", "a:b:USDT=lots"], "ASSET=AMOUNT"),
        (["--account", "a:b:USDT=-1"], "amount of money"),
        (["--symbols", "BTCUSDT"], "BASE/QUOTE"),
        (["--dialect", "nasdaq"], "nasdaq"),
        (["--host", "203.0.113.1"], "203.0.113.1"),
    ],
)
def test_a_wrong_setting_ends_it_with_code_2_and_a_sentence(arguments: list[str], told: str):
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_venue_that_cannot_start_says_so_to_whoever_started_it():
    with pytest.raises(RuntimeError, match="did not start"):
        VenueProcess(["--symbols", "nonsense"]).start()


def test_an_account_is_read_from_its_text():
    account = parse_account("key:secret:usdt=100.5, BTC=2")
    assert (account.key, account.secret) == ("key", "secret")
    assert {asset: str(amount) for asset, amount in (account.balances or {}).items()} == {"USDT": "100.5", "BTC": "2"}
    with pytest.raises(SettingsError):
        parse_account(":secret")


def test_the_engine_can_be_imported_without_a_server():
    code = "import sys, ganglion.simulation.venue; sys.exit('aiohttp' in sys.modules or 'ccxt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0

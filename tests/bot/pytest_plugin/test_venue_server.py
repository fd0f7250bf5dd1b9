"""The fixture `venue_server`: a local exchange behind a real socket, for bots that know nothing of it."""

import asyncio
from decimal import Decimal

import ccxt
import pytest

from ganglion.bot.pytest_plugin.servers import VenueKilledError

pytest_plugins = ["pytester"]
BTC = "BTC/USDT"


@pytest.mark.parametrize("venue_server", ["binance", "kraken"], indirect=True)
@pytest.mark.parametrize("kind", ["sync", "async", "pro"])
def test_an_unmodified_ccxt_trades_on_it(venue_server, kind):
    client = venue_server.new_client(kind)
    order = (BTC, "limit", "buy", 0.01, 50_000)
    if kind == "sync":
        client.create_order(*order)
    else:

        async def trade():
            async with client:
                await client.create_order(*order)

        asyncio.run(trade())
    (found,) = venue_server.orders(open_only=True)
    assert (found["symbol"], found["price"], found["quantity"]) == (BTC, "50000", "0.01")


def test_its_settings_are_plain_configuration_of_ccxt(venue_server):
    exchange = ccxt.binance(venue_server.ccxt_settings())
    assert exchange.fetch_balance()["USDT"]["total"] == 100_000
    assert exchange.apiKey == venue_server.key
    assert exchange.secret == venue_server.secret


@pytest.mark.venue_server(symbols=["ETH/USDT"], balances={"USDT": "500"}, tick_ms=0)
def test_the_marker_sets_it_up(venue_server):
    assert set(venue_server.new_client().load_markets()) == {"ETH/USDT"}
    assert venue_server.balances() == {"USDT": 500}


def test_calling_it_makes_another_one(venue_server):
    other = venue_server(dialect="kraken", balances={"USDT": 7, "BTC": 0})
    assert other.base_url != venue_server.base_url
    assert other.dialect == "kraken"
    assert other.balances() == {"USDT": 7, "BTC": 0}


@pytest.mark.venue_server(tick_ms=0, balances={})
def test_no_balances_is_no_money(venue_server):
    assert not any(venue_server.balances().values())


def test_a_fault_strikes_and_its_truth_can_be_read(venue_server):
    client = venue_server.new_client()
    client.load_markets()
    venue_server.control.fault("lose_reply", requests="place")
    with pytest.raises(ccxt.NetworkError):
        client.create_order(BTC, "limit", "buy", 0.01, 50_000)
    assert len(venue_server.orders()) == 1, "the exchange has it, and the client does not know"


def test_fills_and_balances_are_what_happened_there(venue_server):
    client = venue_server.new_client()
    before = venue_server.balances()["BTC"]
    client.create_order(BTC, "market", "buy", 0.01)
    fills = venue_server.fills()
    assert sum(Decimal(fill["quantity"]) for fill in fills) == Decimal("0.01")
    fees = sum(Decimal(fill["fee"]) for fill in fills)
    assert venue_server.balances()["BTC"] == before + Decimal("0.01") - fees


def test_it_can_be_killed_and_comes_back_at_the_same_address_with_its_orders(venue_server, tmp_path):
    server = venue_server(state=tmp_path / "ledger")
    client = server.new_client()
    client.create_order(BTC, "limit", "buy", 0.01, 50_000)
    address = server.base_url
    server.kill()
    with pytest.raises(ccxt.NetworkError):
        client.fetch_open_orders(BTC)
    server.start()
    assert server.base_url == address
    assert len(client.fetch_open_orders(BTC)) == 1


@pytest.mark.parametrize("ask", ["orders", "fills", "balances", "control"])
def test_what_was_killed_says_that_it_was_and_how_it_comes_back(venue_server, ask):
    venue_server.kill()
    with pytest.raises(VenueKilledError, match=r"it was killed .*start\(\)"):
        getattr(venue_server, ask)()
    assert venue_server.base_url.startswith("http://127.0.0.1:"), "bots still know its address"
    venue_server.start()
    assert venue_server.orders() == []


def test_it_is_not_started_before_it_is_needed(venue_server):
    assert venue_server._process.pid is None
    assert venue_server.base_url.startswith("http://127.0.0.1:")
    assert venue_server._process.pid is not None


def test_every_server_ends_with_its_test(pytester):
    pytester.makepyfile(
        """
        pids = []

        def test_it(venue_server):
            for server in (venue_server, venue_server(seed=1)):
                assert server.base_url
                pids.append(server._process.pid)
            venue_server.kill()

        def test_they_are_gone():
            import os
            import pytest
            for pid in pids:
                with pytest.raises(ProcessLookupError):
                    os.kill(pid, 0)
        """
    )
    pytester.runpytest().assert_outcomes(passed=2)


def test_settings_that_no_venue_can_be_made_of_are_said_in_a_sentence(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.venue_server(dialect="binanace")
        def test_dialect(venue_server): pass

        @pytest.mark.venue_server(balances={"DOGE": 1})
        def test_asset(venue_server): pass

        def test_kind_of_client(venue_server):
            with pytest.raises(ValueError, match="sync, async and pro"):
                venue_server.new_client("ws")
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(["venue_server: dialect 'binanace' is unknown; there are: binance, kraken"])
    result.stdout.fnmatch_lines(["venue_server: account 'demo': no market here trades DOGE*"])

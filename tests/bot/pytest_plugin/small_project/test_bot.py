"""A project of somebody else, with every fixture and marker: run by test_packaged.py far away from this repository."""

import time

import pytest


@pytest.mark.seeds(3)
def test_seeds(seed):
    assert seed in range(3)


def test_clock(clock):
    import ccxt

    before = time.time()
    clock.advance(60)
    assert time.time() == before + 60
    assert ccxt.Exchange.milliseconds() == clock.now_ms


@pytest.mark.venue(symbols=["ETH/USDT"])
def test_venue(venue):
    order = venue.place("ETH/USDT", "buy", "0.1", "3000")
    venue.quote("ETH/USDT", bid="2990", ask="2995")
    assert venue.order("ETH/USDT", order.id).status == "filled"


@pytest.mark.parametrize("venue_server", ["binance", "kraken"], indirect=True)
def test_venue_server(venue_server):
    client = venue_server.new_client()
    client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000)
    assert len(venue_server.orders(open_only=True)) == 1


@pytest.mark.ganglion_config("bot.toml")
@pytest.mark.faults("reply_lost", "kill")
@pytest.mark.seeds(2)
def test_world(world, clock):
    world.run(minutes=2)
    assert time.time_ns() // 1_000_000 == clock.now_ms
    world.heal()
    world.settle()
    assert not world.violations

"""Both bots against a local exchange that takes the order, and whose answer is lost on the way.

The bots are not changed for the test: ccxt gets the local exchange's addresses, as it would get a sandbox's.
"""

import asyncio

import ccxt.async_support as ccxt
import pytest
from buyers import CarefulBuyer, NaiveBuyer

SYMBOL = "BTC/USDT"


def run(venue_server, buyer_class):
    """Let a bot buy once; how many orders the exchange has of it afterwards."""

    async def bot():
        async with ccxt.binance(venue_server.ccxt_settings()) as exchange:
            await exchange.load_markets()
            return await buyer_class(exchange, SYMBOL).buy(0.01, 50_000)

    asyncio.run(bot())
    return len(venue_server.orders())


@pytest.mark.parametrize("buyer_class", [NaiveBuyer, CarefulBuyer])
def test_one_order_is_one_order_while_nothing_goes_wrong(venue_server, buyer_class):
    assert run(venue_server, buyer_class) == 1


def test_the_naive_bot_doubles_the_order_when_a_reply_is_lost(venue_server):
    venue_server.control.fault("lose_reply", requests="place")
    assert run(venue_server, NaiveBuyer) == 2


def test_the_careful_bot_does_not(venue_server):
    venue_server.control.fault("lose_reply", requests="place")
    assert run(venue_server, CarefulBuyer) == 1


def test_the_careful_bot_sends_again_what_never_arrived(venue_server):
    venue_server.control.fault("lose_request", requests="place")
    assert run(venue_server, CarefulBuyer) == 1


def test_the_careful_bot_asks_again_when_the_look_up_is_lost_too(venue_server):
    venue_server.control.fault("lose_reply", requests="place")
    venue_server.control.fault("lose_reply", requests="query")
    assert run(venue_server, CarefulBuyer) == 1


def test_the_careful_bot_is_not_fooled_by_an_order_that_shows_late(venue_server):
    venue_server.control.fault("lose_reply", requests="place")
    venue_server.control.fault("hide_order", times=2)
    assert run(venue_server, CarefulBuyer) == 1
    assert len(venue_server.control.requests(kind="place")) == 2, "it did send again, under the same id"

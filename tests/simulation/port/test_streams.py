"""Streams of the port: snapshot first, one delta a tick, trades, the account's own events, and how they end."""

import pytest

from ganglion.messages import venue as v
from ganglion.messages.market import BookDelta, BookSnapshot, Ticker, TradeTick
from ganglion.messages.values import OrderType
from ganglion.simulation.port import BINANCE, KRAKEN
from ganglion.simulation.port.rendering import levels_of
from tests.simulation.port.bench import SYMBOL, Client

K = v.StreamKind
PRIVATE = (K.ORDERS, K.MY_TRADES, K.BALANCE)


@pytest.fixture(params=[BINANCE, KRAKEN], ids=["binance", "kraken"])
def client(request):
    return Client(profile=request.param)


def replica(messages):
    bids, asks, at = {}, {}, None
    for message in messages:
        if isinstance(message, BookSnapshot):
            bids, asks = dict(message.bids), dict(message.asks)
        elif isinstance(message, BookDelta):
            assert message.previous == at
            for side, changes in ((bids, message.bids), (asks, message.asks)):
                for price, size in changes:
                    side.pop(price, None)
                    if size:
                        side[price] = size
        else:
            continue
        at = message.sequence
    return tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items()))


def test_a_book_comes_up_then_whole_then_by_changes_that_add_up(client):
    client.watch(K.BOOK).run(120.0).between_ticks()
    kinds = [type(message) for message in client.heard[:3]]
    assert kinds == [v.StreamUp, BookSnapshot, BookDelta]
    bids, asks = client.exchange.core.engine.books[SYMBOL].depth(1000)
    assert replica(client.heard) == (levels_of(bids), levels_of(asks))


def test_one_tick_is_one_delta(client):
    client.watch(K.BOOK).run(30.0)
    assert 50 <= len(client.of(BookDelta)) <= 62


def test_every_public_trade_is_told_once_and_in_order(client):
    client.watch(K.TRADES).run(120.0).between_ticks()
    told = [message.trade_id for message in client.of(TradeTick)]
    assert told == [str(fill.trade_id) for fill in client.exchange.core.tapes[SYMBOL].trades][-len(told) :]
    assert told


def test_an_order_that_fills_is_told_by_all_three_user_streams(client):
    client.watch(*PRIVATE)
    client.ask(client.create(type=OrderType.MARKET, price=None))
    client.run(2.0)
    statuses = [message.orders[0].status for message in client.of(v.OrdersStreamed)]
    assert (statuses[0], statuses[-1]) == ("open", "closed")
    fills = [str(fill.trade_id) for fill in client.exchange.account.fills[SYMBOL]]
    assert [message.trades[0].trade_id for message in client.of(v.TradesStreamed)] == fills
    told = {balance.asset: balance.total for balance in client.of(v.BalancesStreamed)[-1].balances}
    assert told.items() <= {a: held.total for a, held in client.exchange.account.balances.items()}.items()


def test_a_ticker_comes_about_once_a_second(client):
    client.watch(K.TICKER).run(10.0)
    assert 8 <= len(client.of(Ticker)) <= 12


def test_a_book_is_repeated_as_it_was_streamed(client):
    client.watch(K.BOOK).run(5.0)
    client.port.submit(v.RepeatBook(0, SYMBOL), client)
    client.run(20.0)
    assert len(client.of(BookSnapshot)) == 2
    replica(client.heard)  # its numbers join


def test_a_dropped_client_ends_its_streams_and_they_come_up_again(client):
    client.watch(*PRIVATE, K.BOOK)
    client.port.submit(v.DropClient(0, v.Stream(K.ORDERS), "a test"), client)
    client.run(1.0)
    down = client.of(v.StreamDown)
    assert {message.stream.kind for message in down} == set(PRIVATE)
    assert {message.failure.error for message in down} == {"NetworkError"}
    client.heard.clear()
    client.watch(*PRIVATE)
    assert len(client.of(v.StreamUp)) == 3


def test_public_streams_share_a_socket_only_where_the_venue_has_one():
    for profile, ended in ((BINANCE, {K.BOOK}), (KRAKEN, {K.BOOK, K.TRADES})):
        client = Client(profile=profile).watch(K.BOOK, K.TRADES)
        client.port.submit(v.DropClient(0, v.Stream(K.BOOK, SYMBOL), "a test"), client)
        client.run(1.0)
        assert {message.stream.kind for message in client.of(v.StreamDown)} == ended


def test_nothing_is_told_after_an_unwatch_or_of_what_nobody_watches(client):
    client.watch(K.BOOK)
    client.port.submit(v.Unwatch(0, v.Stream(K.BOOK, SYMBOL)), client)
    client.heard.clear()
    client.ask(client.create())
    client.run(10.0)
    assert [type(message) for message in client.heard] == [v.OrderCreated]


def test_two_runs_of_one_seed_hear_the_same():
    def heard(seed):
        client = Client(seed).watch(K.BOOK, K.TRADES, *PRIVATE)
        client.ask(client.create(type=OrderType.MARKET, price=None))
        client.run(60.0)
        return [repr(message) for message in client.heard], client.times

    assert heard(3) == heard(3)
    assert heard(3) != heard(4)

"""Requests to the port without a fault: what the real adapter would tell on the venue's own truth."""

from decimal import Decimal

import pytest
from ccxt.base import errors

from ganglion.messages import venue as v
from ganglion.messages.orders import Phase
from ganglion.messages.values import OrderType, Side, TimeInForce
from ganglion.simulation.port import BINANCE, KRAKEN
from ganglion.simulation.port.failures import ABOVE, bases_of
from tests.simulation.port.bench import SYMBOL, Client

D = Decimal


@pytest.fixture(params=[BINANCE, KRAKEN], ids=["binance", "kraken"])
def client(request):
    return Client(profile=request.param)


def open_orders(number):
    return v.FetchOpenOrders(number, SYMBOL)


def recent(number):
    return v.FetchRecentOrders(number, SYMBOL, 0)


def my_trades(number):
    return v.FetchMyTrades(number, SYMBOL, 0)


@pytest.mark.parametrize("name", ABOVE)
def test_every_class_has_the_bases_that_ccxt_gives_it(name):
    if name != "BaseError":
        klass = getattr(errors, name)
        assert bases_of(name) == tuple(base.__name__ for base in klass.__mro__[1:-1])


def test_markets_come_with_capabilities_and_everything_that_is_known(client):
    reply = client.ask(lambda number: v.FetchMarkets(number, (SYMBOL, "NO/PE")))
    assert [market.symbol for market in reply.markets] == [SYMBOL]
    assert reply.known == (SYMBOL,)
    assert reply.capabilities.look_up_counts


def test_a_place_that_rests_is_answered_with_its_id_and_listed(client):
    reply = client.ask(client.create())
    assert reply.order.client_id == "c1"
    listed = client.ask(open_orders).orders
    assert [order.venue_id for order in listed] == [reply.order.venue_id]
    assert listed[0].status == "open"


def test_a_whole_order_comes_back_only_where_the_venue_sends_it():
    whole, bare = (Client(profile=profile) for profile in (BINANCE, KRAKEN))
    assert whole.ask(whole.create()).order.status == "open"
    assert bare.ask(bare.create()).order.status is None


def test_a_cancelled_order_is_gone_from_the_open_ones_and_among_the_recent(client):
    client.ask(client.create())
    assert client.ask(client.cancel()).failure is None
    assert client.ask(open_orders).orders == ()
    assert [order.status for order in client.ask(recent).orders] == ["canceled"]


def test_a_market_order_is_filled_and_its_trade_has_the_fee(client):
    client.ask(client.create(type=OrderType.MARKET, price=None))
    trade, fill = client.ask(my_trades).trades[0], client.exchange.account.fills[SYMBOL][0]
    assert (trade.trade_id, trade.price, trade.fee) == (str(fill.trade_id), fill.price, fill.taker_fee)
    assert trade.fee_asset == ("BTC" if client.exchange.profile is BINANCE else "USDT")


def test_an_order_that_cannot_fill_at_once_expires(client):
    client.ask(client.create(time_in_force=TimeInForce.IOC))
    assert [order.status for order in client.ask(recent).orders] == ["expired"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"amount": D(100)}, "InsufficientFunds"),
        ({"post_only": True, "price": D(70_000)}, "OrderImmediatelyFillable"),
        ({"client_id": "c0"}, "DuplicateOrderId"),
    ],
)
def test_what_the_engine_refuses_comes_as_ccxts_class_after_the_reply(client, fields, error):
    client.ask(client.create("c0"))
    failure = client.failure(client.create(**{"client_id": "c1"} | fields))
    assert (failure.error, failure.phase) == (error, Phase.AFTER_REPLY)
    assert failure.operation == "place"


def test_an_amount_below_a_step_never_leaves(client):
    failure = client.failure(client.create(amount=D("0.000001")))
    assert (failure.error, failure.phase) == ("InvalidOrder", Phase.BEFORE_SEND)


def test_a_cancel_of_a_filled_order_is_answered_order_not_found(client):
    client.ask(client.create(type=OrderType.MARKET, price=None))
    failure = client.failure(client.cancel())
    assert (failure.error, failure.operation) == ("OrderNotFound", "cancel")


def test_an_order_is_found_by_client_id_only_where_that_route_was_tested():
    whole, bare = (Client(profile=profile) for profile in (BINANCE, KRAKEN))
    for client in (whole, bare):
        client.ask(client.create())
    by_client_id = lambda number: v.FetchOrder(number, SYMBOL, "c1", None)  # noqa: E731
    assert whole.ask(by_client_id).order.client_id == "c1"
    assert bare.failure(by_client_id).error == "NotSupported"


def test_balances_books_trades_candles_and_time_can_be_read(client):
    client.watch(v.StreamKind.BOOK)
    balances = {balance.asset: balance.total for balance in client.ask(v.FetchBalance).balances}
    assert balances == {asset: held.total for asset, held in client.exchange.account.balances.items()}
    book = client.ask(lambda number: v.FetchBook(number, SYMBOL, 5))
    assert book.streamed_bid is not None
    assert book.bids[0][0] < book.asks[0][0]
    client.run(60.0)
    assert client.ask(lambda number: v.FetchTrades(number, SYMBOL, 3)).trades
    assert len(client.ask(lambda number: v.FetchCandles(number, SYMBOL, "1m", None, 5)).candles) == 5
    assert abs(client.ask(v.FetchTime).venue_ms - client.timeline.now_ms()) <= 1_100


def test_a_place_that_arrives_after_its_time_is_refused():
    binance, kraken = (Client(profile=profile, latency_s=(6.0, 6.0), timeout_s=30.0) for profile in (BINANCE, KRAKEN))
    assert binance.failure(binance.create()).error == "InvalidNonce"
    assert kraken.failure(kraken.create()).error == "OperationRejected"
    assert not binance.open_at_venue + kraken.open_at_venue


def test_an_answer_slower_than_the_timeout_is_a_timeout_and_the_order_is_there():
    client = Client(latency_s=(0.6, 0.6), timeout_s=1.0)
    failure = client.failure(client.create())
    assert (failure.error, failure.phase) == ("RequestTimeout", Phase.MAYBE_SENT)
    assert client.run(5.0).open_at_venue == ["c1"]


def test_a_request_of_a_dead_process_still_arrives_and_nobody_is_told():
    client = Client()
    number = client.submit(client.create())
    client.exchange.cut_all()
    client.run(5.0)
    assert client.open_at_venue == ["c1"]
    assert client.answers(number) == []


def test_after_a_close_readings_end_and_writes_are_still_answered(client):
    read, write = client.submit(v.FetchBalance), client.submit(client.create())
    client.port.submit(v.CloseVenue(0), client)
    client.run(3.0)
    assert client.answers(read)[0].failure.error == "ExchangeClosedByUser"
    assert client.answers(write)[0].failure is None


def test_numbered_requests_arrive_one_after_another():
    client = Client(profile=KRAKEN, latency_s=(0.0, 1.0))
    for number in range(20):
        client.submit(client.create(f"c{number}", amount=D("0.001"), expires_ms=None))
    client.run(60.0)
    assert client.open_at_venue == [f"c{number}" for number in range(20)]


def test_the_dead_mans_switch_cancels_everything_unless_it_is_renewed():
    client = Client(profile=KRAKEN)
    client.ask(client.create())
    client.ask(lambda number: v.CancelAllAfter(number, 5.0))
    client.run(4.0)
    client.ask(lambda number: v.CancelAllAfter(number, 5.0))
    assert client.run(4.0).open_at_venue == ["c1"]
    assert client.run(2.0).open_at_venue == []


def test_a_sell_and_a_buy_leave_no_money_behind(client):
    for number, side in enumerate((Side.BUY, Side.SELL)):
        client.ask(client.create(f"c{number}", side=side, type=OrderType.MARKET, price=None))
    client.exchange.core.engine.audit()

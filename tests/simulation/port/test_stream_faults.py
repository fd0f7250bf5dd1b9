"""What faults make of streams: ended, silent, late, out of order, with holes."""

import pytest

from ganglion.messages import venue as v
from ganglion.messages.market import BookDelta, BookSnapshot, TradeTick
from ganglion.messages.values import OrderType
from ganglion.simulation.faults.fault import FaultKind as K
from ganglion.simulation.port import BINANCE, KRAKEN
from tests.simulation.port.bench import SYMBOL, Client
from tests.simulation.port.test_streams import replica

S = v.StreamKind
PRIVATE = (S.ORDERS, S.MY_TRADES, S.BALANCE)
GAP = {"binance": "ChecksumError", "kraken": "NetworkError"}


@pytest.fixture(params=[BINANCE, KRAKEN], ids=["binance", "kraken"])
def client(request):
    return Client(profile=request.param)


def test_a_stream_that_ends_does_not_come_up_before_its_time(client):
    client.watch(*PRIVATE, S.BOOK).fault(K.STREAM_DOWN, stream="orders", seconds=5.0).run(1.0)
    assert {m.stream.kind for m in client.of(v.StreamDown)} == set(PRIVATE)
    client.heard.clear()
    client.watch(S.ORDERS)
    assert len(client.of(v.StreamDown)) == 1
    client.run(5.0).heard.clear()
    client.watch(S.ORDERS)
    assert len(client.of(v.StreamUp)) == 1


def test_a_silent_book_loses_frames_and_says_so_when_it_speaks_again(client):
    client.watch(S.BOOK).fault(K.STREAM_SILENT, stream="book", seconds=10.0).run(0.1)
    client.heard.clear()
    client.run(9.5)
    assert client.heard == []
    client.run(2.0)
    assert [m.failure.error for m in client.of(v.StreamDown)] == [GAP[client.exchange.profile.id]]


def test_a_silent_user_stream_stays_up_and_never_tells(client):
    client.watch(*PRIVATE).fault(K.STREAM_SILENT, seconds=5.0)
    client.heard.clear()
    client.ask(client.create(type=OrderType.MARKET, price=None))
    client.run(20.0)
    assert [type(m) for m in client.heard] == [v.OrderCreated]


def test_late_frames_keep_their_order(client):
    client.watch(S.BOOK).fault(K.FRAMES_DELAYED, stream="book", seconds=5.0, delay_s=3.0)
    heard = len(client.heard)
    client.run(2.5)
    assert len(client.heard) - heard <= 1
    client.run(4.0)
    assert len(client.of(BookDelta)) > 8
    client.run(60.0)
    replica(client.heard)
    assert not client.of(v.StreamDown)


def test_late_frames_arrive_at_once_when_healed(client):
    client.watch(S.BOOK, S.TRADES).fault(K.FRAMES_DELAYED, seconds=9.0, delay_s=30.0).run(10.0)
    heard = len(client.heard)
    client.exchange.heal()
    client.run(0.1)
    assert len(client.heard) > heard + 10
    replica(client.heard)
    assert all(m.received_s == at for m, at in zip(client.heard, client.times, strict=True) if isinstance(m, TradeTick))


def test_private_frames_change_places(client):
    client.watch(S.ORDERS).fault(K.FRAMES_REORDERED, stream="orders")
    client.ask(client.create(type=OrderType.MARKET, price=None))
    client.run(2.0)
    statuses = [m.orders[0].status for m in client.of(v.OrdersStreamed)]
    assert statuses[:2] == ["closed", "open"] or statuses[1] == "open"


def test_a_reordered_book_is_noticed(client):
    client.watch(S.BOOK).fault(K.FRAMES_REORDERED, stream="book").run(2.0)
    assert client.of(v.StreamDown)[0].failure.error == GAP[client.exchange.profile.id]


def test_repeated_frames_come_twice(client):
    client.watch(S.TRADES, S.BOOK)
    client.fault(K.FRAMES_REPEATED, stream="trades").fault(K.FRAMES_REPEATED, stream="book").run(60.0)
    trades = [m.trade_id for m in client.of(TradeTick)]
    deltas = [m.sequence for m in client.of(BookDelta)]
    assert len(trades) == len(set(trades)) + 1
    assert len(deltas) == len(set(deltas)) + 1


def test_a_gap_shows_in_the_numbers_and_a_repeat_mends_it(client):
    client.watch(S.BOOK).fault(K.SEQUENCE_GAP).run(5.0)
    with pytest.raises(AssertionError):
        replica(client.heard)
    client.port.submit(v.RepeatBook(0, SYMBOL), client)
    client.run(30.0)
    at = next(i for i, m in enumerate(client.heard) if isinstance(m, BookSnapshot) and i > 2)
    replica(client.heard[at:])


def test_a_checksum_that_does_not_hold_ends_the_book(client):
    client.watch(S.BOOK).fault(K.CHECKSUM_ERROR).run(3.0)
    assert [m.failure.error for m in client.of(v.StreamDown)] == [GAP[client.exchange.profile.id]]


def test_a_subscription_that_is_never_confirmed_ends_or_stays_deaf(client):
    client.fault(K.NO_ACK, times=3).watch(S.ORDERS, S.BOOK, S.TRADES).run(15.0)
    down = {m.stream.kind: m.failure.text for m in client.of(v.StreamDown)}
    assert down == {S.ORDERS: "not acknowledged within 5 s", S.BOOK: "no book within 10 s"}
    assert [m.stream.kind for m in client.of(v.StreamUp)] == [S.TRADES]
    assert not client.of(TradeTick)
    client.exchange.heal()
    assert client.run(60.0).of(TradeTick)


def test_a_partial_fill_and_then_nobody_is_told(client):
    client.watch(*PRIVATE, S.BOOK)
    client.ask(client.create())
    client.run(1.0).heard.clear()
    client.fault(K.FILL_THEN_DISCONNECT).run(5.0)
    assert {type(m) for m in client.heard} == {v.StreamDown}
    order = next(iter(client.exchange.account.open.values()))
    assert order.filled == order.quantity / 2
    client.exchange.core.engine.audit()


def test_a_partial_fill_waits_for_an_order(client):
    client.watch(S.ORDERS).fault(K.FILL_THEN_DISCONNECT).run(5.0)
    assert not client.struck
    client.ask(client.create())
    client.run(2.0)
    assert client.struck["fault:fill_then_disconnect"] == 1


def test_a_trade_may_be_listed_late_although_its_order_shows_it(client):
    client.watch(*PRIVATE)
    client.ask(client.create())
    client.run(1.0)
    client.fault(K.HIDDEN_FILL, delay_s=10.0)
    order = next(iter(client.exchange.account.open.values()))
    client.exchange.fill(order, order.remaining)
    client.run(2.0)
    told = client.ask(lambda n: v.FetchOrder(n, SYMBOL, order.client_id, str(order.id))).order
    assert told.filled == order.quantity
    assert not client.ask(lambda n: v.FetchMyTrades(n, SYMBOL, 0)).trades
    client.run(10.0)
    assert len(client.ask(lambda n: v.FetchMyTrades(n, SYMBOL, 0)).trades) == 1


def test_streams_that_are_up_are_subscribed_anew_before_they_can_go_unconfirmed(client):
    client.watch(S.ORDERS)
    client.run(1.0)
    client.fault(K.NO_ACK, seconds=60.0).run(1.0)
    assert [m.stream.kind for m in client.of(v.StreamDown)] == [S.ORDERS]
    client.watch(S.ORDERS).run(10.0)
    assert client.struck["fault:no_ack"] == 1


def test_a_hidden_fill_is_read_by_request(client):
    client.watch(*PRIVATE)
    client.ask(client.create())
    client.run(1.0)
    client.fault(K.HIDDEN_FILL)
    order = next(iter(client.exchange.account.open.values()))
    client.exchange.fill(order, order.remaining)
    client.run(2.0)
    assert client.of(v.TradesStreamed) == []
    assert {m.orders[0].status for m in client.of(v.OrdersStreamed)} == {"open"}
    assert len(client.ask(lambda n: v.FetchMyTrades(n, SYMBOL, 0)).trades) == 1

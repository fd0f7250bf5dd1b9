"""The order line, unchanged, on the simulated exchange: it goes Live, places, fills and cancels."""

import pytest

from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState
from ganglion.messages.market import TopOfBook
from ganglion.messages.orders import Fill, Side
from ganglion.messages.venue import StreamKind
from ganglion.simulation.faults.fault import Fault, FaultKind
from ganglion.simulation.port import BINANCE, KRAKEN
from tests.simulation.port.bench import SYMBOL, Account


@pytest.fixture(params=[BINANCE, KRAKEN], ids=["binance", "kraken"])
def account(request):
    account = Account(profile=request.param).run(10.0)
    states = [message.state for message in account.watcher.of(ConnectionChanged)]
    assert states[-1] is ConnectionState.LIVE
    return account


def lives(account):
    return [message.state for message in account.watcher.of(ConnectionChanged)].count(ConnectionState.LIVE)


def mid(account):
    return account.venue.core.engine.books[SYMBOL].last


def test_it_goes_live_and_its_book_follows_the_venue(account):
    top = account.watcher.of(TopOfBook)[-1]
    book = account.venue.core.engine.books[SYMBOL]
    account.run(60.4)
    assert lives(account) == 1
    later = account.watcher.of(TopOfBook)[-1]
    assert later.sequence > top.sequence
    assert (later.bid, later.ask) == (float(book.bids.best().price), float(book.asks.best().price))


def test_an_order_rests_and_is_cancelled(account):
    intent = account.place(Side.BUY, mid(account) - 1000)
    account.run(2.0)
    assert [order.status for order in account.venue.account.open.values()] == ["new"]
    account.cancel(intent)
    account.run(2.0)
    assert account.states(intent) == ["submitted", "accepted", "pending_cancel", "canceled"]
    assert not account.venue.account.open


def test_an_order_that_takes_is_filled_with_the_venues_own_fees(account):
    intent = account.place(Side.BUY, mid(account) + 1000)
    account.run(3.0)
    assert account.states(intent)[-1] == "filled"
    told = [(fill.trade_id, fill.amount, fill.fee) for fill in account.watcher.of(Fill)]
    made = [(str(f.trade_id), f.quantity, f.taker_fee) for f in account.venue.account.fills[SYMBOL]]
    assert told == made


def test_a_lost_reply_to_a_place_is_looked_up_and_the_order_is_known_open(account):
    account.venue.begin(fault(FaultKind.REPLY_LOST, requests="place"))
    intent = account.place(Side.BUY, mid(account) - 1000)
    account.run(60.0)
    assert account.states(intent)[-1] == "accepted"
    assert account.struck["fault:reply_lost"] == 1
    assert len(account.venue.account.open) == 1


def test_a_fill_that_the_streams_ended_before_is_read_from_the_account(account):
    intent = account.place(Side.BUY, mid(account) - 1000)
    account.run(2.0)
    account.venue.begin(fault(FaultKind.FILL_THEN_DISCONNECT))
    account.run(30.0)
    assert account.states(intent)[-1] == "partially_filled"
    assert lives(account) == 2


def test_a_fill_that_the_user_stream_lost_is_found_by_the_poll(account):
    intent = account.place(Side.BUY, mid(account) - 1000)
    account.run(2.0)
    account.venue.begin(fault(FaultKind.HIDDEN_FILL))
    order = next(iter(account.venue.account.open.values()))
    assert account.venue.fill(order, order.remaining)
    account.run(1.0)
    assert account.states(intent)[-1] == "accepted"
    account.run(200.0)
    assert account.states(intent)[-1] == "filled"


def test_a_gap_in_the_book_is_noticed_and_repaired(account):
    account.venue.begin(fault(FaultKind.SEQUENCE_GAP, stream=StreamKind.BOOK.value))
    account.run(10.0)
    assert account.struck["fault:sequence_gap"] == 1
    book = account.venue.core.engine.books[SYMBOL]
    account.run(20.4)
    top = account.watcher.of(TopOfBook)[-1]
    assert (top.bid, top.ask) == (float(book.bids.best().price), float(book.asks.best().price))


def fault(kind, **fields):
    return Fault(at_s=0.0, kind=kind, target="alpha", **fields)

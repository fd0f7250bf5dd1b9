"""The exchange actor on unmodified ccxt.pro against a local venue that speaks Binance's protocol."""

from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace

import pytest

from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, EpochOpened
from ganglion.messages.market import BookDelta, BookSnapshot, TradeTick
from ganglion.messages.orders import (
    AccountRead,
    CancelAnswered,
    LookUpDone,
    LookUpOrder,
    OrderSeen,
    Phase,
    PlaceAnswered,
    PlaceVerdict,
    ReadAccount,
    TradeSeen,
)
from ganglion.messages.values import Side
from ganglion.simulation.venue import VenueControl
from tests.actors.exchange.bench import Line, binance_settings, binance_venue


@pytest.fixture(scope="module")
def shared_venue() -> Iterator[VenueControl]:
    with binance_venue() as control:
        yield control


@pytest.fixture
def venue(shared_venue: VenueControl) -> Iterator[VenueControl]:
    yield shared_venue
    shared_venue.clear()


@pytest.fixture
def line(venue: VenueControl) -> Iterator[Line]:
    with Line(binance_settings(venue.base_url)) as line:
        line.live()
        yield line


def bid_of(line: Line) -> float:
    return line.until(BookSnapshot).bids[0][0]


def test_it_goes_live_and_streams_books_and_trades(line: Line) -> None:
    snapshot = line.until(BookSnapshot)
    delta = line.until(BookDelta)
    assert snapshot.bids[0][0] < snapshot.asks[0][0]
    assert delta.previous == snapshot.sequence
    assert line.until(TradeTick).symbol == "BTC/USDT"
    assert line.all(EpochOpened)[0].epoch == (1 << 20) | 1


def test_a_place_and_its_cancel_are_answered_and_seen(line: Line) -> None:
    price = str(round(bid_of(line) * 0.9))
    answer = line.placed("g0place1", Side.BUY, "0.01", price, post_only=True)
    assert answer.order is not None
    assert answer.order.client_id == "g0place1"
    line.until(OrderSeen, lambda m: m.order.client_id == "g0place1" and m.order.status == "open")
    line.cancel("g0place1")
    cancel = line.until(CancelAnswered)
    assert cancel.order is not None
    assert cancel.order.status == "canceled"


def test_a_market_order_brings_its_trade_with_the_fee_exactly(line: Line, venue: VenueControl) -> None:
    answer = line.placed("g0market1", Side.BUY, "0.01", None)
    assert answer.order is not None
    trade = line.until(TradeSeen, lambda m: m.trade.venue_order_id == answer.order.venue_id).trade
    fills = venue.ledger()["accounts"]["demo"]["fills"]
    fill = next(fill for fill in fills if str(fill["trade_id"]) == trade.trade_id)
    assert (trade.price, trade.fee) == (Decimal(fill["price"]), Decimal(fill["fee"]))
    assert trade.fee_asset == fill["fee_asset"]


def test_the_account_is_read_until_nothing_came_between(line: Line, venue: VenueControl) -> None:
    epoch = line.all(EpochOpened)[-1].epoch
    line.exchange.tell(ReadAccount(epoch, ("BTC/USDT",), 0))
    read = line.until(AccountRead)
    assert read.settled
    assert read.failure is None
    ledger = venue.ledger()["accounts"]["demo"]["balances"]
    held = {balance.asset: (balance.free, balance.used) for balance in read.balances}
    assert held == {
        asset: (Decimal(entry["free"]), Decimal(entry["locked"]))
        for asset, entry in ledger.items()
        if Decimal(entry["free"]) or Decimal(entry["locked"])
    }


def test_a_reply_lost_after_the_venue_applied_the_order_is_maybe_sent_and_found(
    line: Line, venue: VenueControl
) -> None:
    price = str(round(bid_of(line) * 0.9))
    venue.fault("lose_reply", requests="place")
    answer = line.placed("g0lost1", Side.BUY, "0.01", price)
    assert answer.failure is not None
    assert answer.failure.phase == Phase.MAYBE_SENT
    assert answer.verdict is PlaceVerdict.RECONCILE
    line.exchange.tell(LookUpOrder("g0lost1", None, "BTC/USDT", answer.sent_ms - 5000))
    found = line.until(LookUpDone)
    assert found.order is not None
    assert found.order.client_id == "g0lost1"
    posts = [entry for entry in venue.requests(kind="place") if entry["client_id"] == "g0lost1"]
    assert len(posts) == 1
    line.cancel("g0lost1", found.order.venue_id)
    line.until(CancelAnswered)


def test_a_request_lost_before_the_venue_is_maybe_sent_and_its_absence_counts(line: Line, venue: VenueControl) -> None:
    price = str(round(bid_of(line) * 0.9))
    venue.fault("lose_request", requests="place")
    answer = line.placed("g0lost2", Side.BUY, "0.01", price)
    assert answer.verdict is PlaceVerdict.RECONCILE
    line.exchange.tell(LookUpOrder("g0lost2", None, "BTC/USDT", answer.sent_ms - 5000))
    found = line.until(LookUpDone)
    assert found.order is None
    assert found.counts


def test_lost_sockets_leave_live_and_come_back_in_a_new_epoch(line: Line, venue: VenueControl) -> None:
    first = line.all(EpochOpened)[-1].epoch
    venue.drop_sockets()
    lost = line.until(ConnectionChanged, lambda m: m.state is ConnectionState.CONNECTING and m.epoch == first)
    assert "stream" in lost.reason
    second = line.until(EpochOpened, lambda m: m.epoch > first)
    assert second.reason == "reconnect"
    assert line.incarnations == line.incarnations[:1], "network loss restarts nothing"


def test_a_restart_in_place_opens_a_new_epoch_without_loading_markets_again(line: Line, venue: VenueControl) -> None:
    loads = len(venue.requests(path="/api/v3/exchangeInfo"))
    line.system.fail("/exchange", "on purpose")
    line.until(EpochOpened, lambda m: m.epoch == (2 << 20) | 1)
    assert len(venue.requests(path="/api/v3/exchangeInfo")) == loads


def test_after_a_restart_with_a_write_under_way_only_the_new_incarnations_streams_are_heard(
    line: Line, venue: VenueControl
) -> None:
    price = str(round(bid_of(line) * 0.9))
    venue.fault("delay_reply", requests="place", delay_s=1.0)
    line.place("g0slow", Side.BUY, "0.01", price)
    assert line.system.wait_for(lambda: venue.requests(kind="place", client_id="g0slow"), 5)
    line.system.fail("/exchange", "on purpose")
    line.until(EpochOpened, lambda m: m.epoch == (2 << 20) | 1)
    answer = line.until(PlaceAnswered, lambda m: m.client_id == "g0slow")
    assert answer.order is not None, "the write that was under way is answered all the same"
    books = [m for m in line.book.received if isinstance(m, BookSnapshot | BookDelta)]
    assert [m.sequence for m in books] == list(range(1, len(books) + 1))
    trades = [m.trade_id for m in line.all(TradeTick)]
    assert len(set(trades)) == len(trades)
    line.cancel("g0slow", answer.order.venue_id)
    line.until(CancelAnswered)


def test_ccxts_own_pauses_before_a_dial_do_not_keep_a_venue_away_that_is_back(line: Line, venue: VenueControl) -> None:
    exchange = line.incarnations[-1]._venue._exchange
    for_a_minute = {"attempts": 60, "until": exchange.milliseconds() + 60_000}
    exchange.ws_dial_backoff = dict.fromkeys(exchange.clients, for_a_minute)
    venue.drop_sockets()
    line.until(EpochOpened, lambda m: m.reason == "reconnect", timeout_s=8)


def test_a_handshake_that_is_refused_with_a_retry_after_is_not_repeated_before(line: Line) -> None:
    exchange = line.incarnations[-1]._venue._exchange
    refused = SimpleNamespace(url="ws://127.0.0.1:1", last_retry_after=40.0, dial_failed=True, error=None)
    exchange.on_error(refused, ConnectionError())
    assert 39 < exchange.ws_dial_delay("ws://127.0.0.1:1") <= 40
    assert exchange.ws_dial_delay("ws://127.0.0.1:2") == 0

"""The same exchange actor on a venue that speaks Kraken's protocol: what is special about it is data in quirks.py."""

import contextlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ganglion.actors.exchange.ccxt.settings import CcxtSettings, Credentials
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, EpochOpened
from ganglion.messages.market import BookDelta, BookInvalid, BookSnapshot, TradeTick
from ganglion.messages.orders import (
    AccountRead,
    BalancesSeen,
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
from ganglion.messages.values import Side, TimeInForce
from ganglion.simulation.venue import AccountSettings, VenueControl, VenueSettings
from ganglion.simulation.venue.dialects.kraken.ccxt_settings import api_secret, ccxt_settings
from ganglion.simulation.venue.server import serving
from tests.actors.exchange.bench import Line, on_a_loop


@contextlib.contextmanager
def kraken_venue(**fields: Any) -> Iterator[VenueControl]:
    """A Kraken-protocol venue with key `demo`, secret `demo-secret`."""
    account = AccountSettings("demo", "demo-secret", {"USDT": Decimal(100_000), "BTC": Decimal(2)})
    given = {"symbols": ("BTC/USDT",), "accounts": (account,)} | fields
    with on_a_loop(lambda: serving(VenueSettings(dialect="kraken", quiet=True, **given))) as running:
        yield VenueControl(running.base_url)


def kraken_settings(base_url: str, **fields: Any) -> CcxtSettings:
    """How to reach it; faster than the real one lets anybody ask."""
    urls = ccxt_settings(base_url, "", "")["urls"]
    given: dict[str, Any] = {
        "name": "alpha",
        "id": "kraken",
        "symbols": ("BTC/USDT",),
        "credentials": Credentials(key="demo", secret=api_secret("demo-secret")),
        "ccxt": {"urls": urls},
        "units_per_s": 50.0,
        "timeout_s": 2.0,
        "keep_alive_s": 5.0,
    }
    return CcxtSettings(**(given | fields))


@pytest.fixture(scope="module")
def shared_venue() -> Iterator[VenueControl]:
    with kraken_venue() as control:
        yield control


@pytest.fixture
def venue(shared_venue: VenueControl) -> Iterator[VenueControl]:
    yield shared_venue
    shared_venue.clear()


@pytest.fixture
def line(venue: VenueControl) -> Iterator[Line]:
    with Line(kraken_settings(venue.base_url)) as line:
        line.live()
        yield line


def bid_of(line: Line) -> float:
    return line.until(BookSnapshot).bids[0][0]


def far(line: Line) -> str:
    return str(round(bid_of(line) * 0.9))


def test_it_goes_live_and_streams_books_and_trades(line: Line) -> None:
    snapshot = line.until(BookSnapshot)
    delta = line.until(BookDelta)
    assert snapshot.bids[0][0] < snapshot.asks[0][0]
    assert delta.previous == snapshot.sequence
    assert line.until(TradeTick).symbol == "BTC/USDT"
    assert line.all(EpochOpened)[0].epoch == (1 << 20) | 1


def test_a_place_and_its_cancel_are_answered_and_seen_under_the_client_id(line: Line) -> None:
    answer = line.placed("g0place1", Side.BUY, "0.01", far(line), post_only=True)
    assert answer.order is not None
    assert answer.order.client_id == "g0place1"
    line.until(OrderSeen, lambda m: m.order.client_id == "g0place1" and m.order.status == "open")
    line.cancel("g0place1", answer.order.venue_id)
    assert line.until(CancelAnswered).failure is None
    seen = line.until(OrderSeen, lambda m: m.order.client_id == "g0place1" and m.order.status == "canceled").order
    assert (seen.symbol, seen.filled, seen.venue_id) == ("BTC/USDT", Decimal(0), answer.order.venue_id)


def test_a_cancel_by_client_id_alone_reaches_the_order(line: Line) -> None:
    line.placed("g0bare1", Side.BUY, "0.01", far(line))
    line.cancel("g0bare1")
    assert line.until(CancelAnswered, lambda m: m.client_id == "g0bare1").failure is None
    line.until(OrderSeen, lambda m: m.order.client_id == "g0bare1" and m.order.status == "canceled")


def test_a_market_order_brings_its_trade_with_the_fee_in_quote_exactly(line: Line, venue: VenueControl) -> None:
    answer = line.placed("g0market1", Side.BUY, "0.01", None)
    assert answer.order is not None
    trade = line.until(TradeSeen, lambda m: m.trade.venue_order_id == answer.order.venue_id).trade
    fills = venue.ledger()["accounts"]["demo"]["fills"]
    fill = next(fill for fill in fills if Decimal(fill["price"]) == trade.price and fill["fee_asset"] == "USDT")
    assert (trade.amount, trade.fee, trade.fee_asset) == (Decimal("0.01"), Decimal(fill["fee"]), "USDT")
    closed = line.until(OrderSeen, lambda m: m.order.client_id == "g0market1" and m.order.status == "closed").order
    assert (closed.filled, closed.symbol) == (Decimal("0.01"), "BTC/USDT")


def test_an_ioc_order_that_finds_nothing_ends_canceled_with_nothing_filled(line: Line) -> None:
    line.placed("g0ioc1", Side.BUY, "0.01", far(line), time_in_force=TimeInForce.IOC)
    ended = line.until(OrderSeen, lambda m: m.order.client_id == "g0ioc1" and m.order.status == "canceled").order
    assert ended.filled == 0


def test_streamed_balances_are_totals_and_match_the_ledger(line: Line, venue: VenueControl) -> None:
    line.placed("g0total1", Side.SELL, "0.01", None)

    def matches(seen: BalancesSeen) -> bool:
        ledger = venue.ledger()["accounts"]["demo"]["balances"]
        totals = {balance.asset: balance.total for balance in seen.balances}
        return totals == {asset: Decimal(e["free"]) + Decimal(e["locked"]) for asset, e in ledger.items()}

    line.until(BalancesSeen, matches)


def test_the_account_is_read_until_nothing_came_between(line: Line, venue: VenueControl) -> None:
    line.placed("g0read1", Side.BUY, "0.01", far(line))
    epoch = line.all(EpochOpened)[-1].epoch
    line.exchange.tell(ReadAccount(epoch, ("BTC/USDT",), 0))
    read = line.until(AccountRead)
    assert read.settled
    assert read.failure is None
    assert "g0read1" in {order.client_id for order in read.open_orders}
    ledger = venue.ledger()["accounts"]["demo"]
    held = {balance.asset: (balance.free, balance.used) for balance in read.balances}
    assert held == {a: (Decimal(e["free"]), Decimal(e["locked"])) for a, e in ledger["balances"].items()}
    assert len(read.trades) == len(ledger["fills"])
    line.cancel("g0read1")
    line.until(CancelAnswered)


def test_the_markets_say_that_fees_are_charged_in_quote(line: Line) -> None:
    line.exchange.tell(ReadAccount(line.all(EpochOpened)[-1].epoch, ("BTC/USDT",), 0))
    (market,) = line.until(AccountRead).markets
    assert (market.fee_side, market.price_step, market.min_cost) == ("quote", Decimal("0.01"), Decimal(5))


def test_a_reply_lost_after_the_venue_applied_the_order_is_maybe_sent_and_found(
    line: Line, venue: VenueControl
) -> None:
    venue.fault("lose_reply", requests="place")
    answer = line.placed("g0lost1", Side.BUY, "0.01", far(line))
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


def test_a_reply_lost_of_an_order_that_was_filled_at_once_is_found_with_its_trades(
    line: Line, venue: VenueControl
) -> None:
    venue.fault("lose_reply", requests="place")
    answer = line.placed("g0lost3", Side.BUY, "0.01", None)
    line.exchange.tell(LookUpOrder("g0lost3", None, "BTC/USDT", answer.sent_ms - 5000))
    found = line.until(LookUpDone)
    assert found.order is not None
    assert (found.order.status, found.order.filled) == ("closed", Decimal("0.01"))
    assert sum(trade.amount for trade in found.trades) == Decimal("0.01")


def test_a_request_lost_before_the_venue_is_maybe_sent_and_its_absence_counts(line: Line, venue: VenueControl) -> None:
    venue.fault("lose_request", requests="place")
    answer = line.placed("g0lost2", Side.BUY, "0.01", far(line))
    assert answer.verdict is PlaceVerdict.RECONCILE
    line.exchange.tell(LookUpOrder("g0lost2", None, "BTC/USDT", answer.sent_ms - 5000))
    found = line.until(LookUpDone)
    assert found.order is None
    assert found.counts


def test_an_order_that_arrives_after_its_own_deadline_is_refused_and_that_proves_it(
    line: Line, venue: VenueControl
) -> None:
    for _ in range(2):  # the venue's clock runs ahead by more than the request may take
        venue.clock(0)
    venue.clock(60_000)
    try:
        answer = line.placed("g0late1", Side.BUY, "0.01", far(line))
    finally:
        venue.clock(0)
    assert answer.failure is not None
    assert "EService:Deadline elapsed" in answer.failure.text
    assert answer.verdict is PlaceVerdict.REJECTED


@pytest.mark.parametrize(
    ("name", "verdict", "error"),
    [
        ("EOrder:Insufficient funds", PlaceVerdict.REJECTED, "InsufficientFunds"),
        ("EOrder:Post only order", PlaceVerdict.REJECTED, "OrderImmediatelyFillable"),
        ("EOrder:Cost minimum not met", PlaceVerdict.REJECTED, "InvalidOrder"),
        ("EOrder:Rate limit exceeded", PlaceVerdict.REJECTED, "DDoSProtection"),
        ("EGeneral:Invalid arguments:cl_ord_id not unique", PlaceVerdict.RECONCILE, "DuplicateOrderId"),
        ("EService:Busy", PlaceVerdict.RECONCILE, "ExchangeNotAvailable"),
        ("EAPI:Invalid nonce", PlaceVerdict.RECONCILE, "InvalidNonce"),
        ("EUnknown:This text is in nobody's table", PlaceVerdict.RECONCILE, "ExchangeError"),
        ("200-{}", PlaceVerdict.RECONCILE, "BadResponse"),
    ],
)
def test_a_refusal_means_what_it_proves(
    line: Line, venue: VenueControl, name: str, verdict: PlaceVerdict, error: str
) -> None:
    venue.fault("answer", requests="place", answer=name)
    answer = line.placed("g0refused1", Side.BUY, "0.01", far(line))
    assert answer.failure is not None
    assert (answer.failure.error, answer.verdict) == (error, verdict)


def test_many_requests_at_once_arrive_with_rising_nonces(line: Line, venue: VenueControl) -> None:
    price = far(line)
    for number in range(12):
        line.place(f"g0many{number}", Side.BUY, "0.001", price)
    for number in range(12):
        answer = line.until(PlaceAnswered, lambda m, number=number: m.client_id == f"g0many{number}")
        assert answer.order is not None, answer.failure
    for number in range(12):
        line.cancel(f"g0many{number}")
    line.until(OrderSeen, lambda m: m.order.client_id == "g0many11" and m.order.status == "canceled")


def test_what_hangs_holds_up_the_next_request_for_a_while_only(line: Line, venue: VenueControl) -> None:
    answer = line.placed("g0hang1", Side.BUY, "0.01", far(line))
    assert answer.order is not None
    venue.fault("no_answer", requests="place")
    line.place("g0hang2", Side.BUY, "0.01", far(line))
    assert line.system.wait_for(lambda: venue.requests(kind="place", client_id="g0hang2"), 5)
    line.cancel("g0hang1", answer.order.venue_id)
    assert line.until(CancelAnswered, lambda m: m.client_id == "g0hang1").failure is None


def test_more_trades_and_orders_than_fit_a_page_are_all_read() -> None:
    with kraken_venue(tick_ms=100) as venue, Line(kraken_settings(venue.base_url)) as line:
        line.live()
        for number in range(60):
            line.place(f"g0page{number}", Side.BUY, "0.0002", None)
        line.until(OrderSeen, lambda m: m.order.client_id == "g0page59" and m.order.status == "closed", timeout_s=20)
        line.exchange.tell(ReadAccount(line.all(EpochOpened)[-1].epoch, ("BTC/USDT",), 0))
        read = line.until(AccountRead)
        fills = venue.ledger()["accounts"]["demo"]["fills"]
        assert len(read.trades) == len(fills) >= 60
        line.exchange.tell(LookUpOrder("g0page0", None, "BTC/USDT", 0))
        assert line.until(LookUpDone).order is not None


def test_lost_sockets_leave_live_and_come_back_in_a_new_epoch(line: Line, venue: VenueControl) -> None:
    first = line.all(EpochOpened)[-1].epoch
    venue.drop_sockets()
    lost = line.until(ConnectionChanged, lambda m: m.state is ConnectionState.CONNECTING and m.epoch == first)
    assert "stream" in lost.reason
    assert line.until(EpochOpened, lambda m: m.epoch > first).reason == "reconnect"
    assert line.incarnations == line.incarnations[:1], "network loss restarts nothing"


def test_a_lost_user_stream_is_opened_again_with_a_token_of_its_own(line: Line, venue: VenueControl) -> None:
    path = "/0/private/GetWebSocketsToken"
    before, first = len(venue.requests(path=path)), line.all(EpochOpened)[-1].epoch
    venue.drop_sockets("user")
    line.until(EpochOpened, lambda m: m.epoch > first)
    assert len(venue.requests(path=path)) > before


def test_a_refused_subscription_ends_the_stream_and_not_the_arm(line: Line, venue: VenueControl) -> None:
    first = line.all(EpochOpened)[-1].epoch
    venue.fault("error_ack", stream="user")
    venue.drop_sockets("user")
    line.until(EpochOpened, lambda m: m.epoch > first, timeout_s=20)
    assert line.incarnations == line.incarnations[:1]


def test_a_restart_in_place_opens_a_new_epoch_without_loading_markets_again(line: Line, venue: VenueControl) -> None:
    loads = len(venue.requests(path="/0/public/AssetPairs"))
    line.system.fail("/exchange", "on purpose")
    line.until(EpochOpened, lambda m: m.epoch == (2 << 20) | 1)
    assert len(venue.requests(path="/0/public/AssetPairs")) == loads


def test_a_book_that_lost_a_frame_is_found_by_its_checksum_and_comes_anew(line: Line, venue: VenueControl) -> None:
    first = line.until(BookSnapshot)
    for _ in range(5):  # what the next frame says anew is no difference any more
        venue.fault("gap", stream="book-*")
        told = len(line.all(BookDelta))
        assert line.system.wait_for(lambda told=told: len(line.all(BookDelta)) > told + 2, 5)
    lost = line.until(BookInvalid)
    assert "checksum" in lost.reason
    line.until(BookSnapshot, lambda m: m.sequence > first.sequence)
    assert line.state is ConnectionState.LIVE, "a book's trouble is its own"

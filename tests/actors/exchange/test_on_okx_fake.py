"""The same exchange actor, without a line of venue code, on a venue whose protocol differs in everything."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from ganglion.actors.exchange.ccxt.settings import CcxtSettings, Credentials
from ganglion.messages.lifecycle import ConnectionState, EpochOpened, HaltAccount
from ganglion.messages.market import BookDelta, BookInvalid, BookSnapshot
from ganglion.messages.orders import (
    AccountRead,
    CancelAnswered,
    LookUpDone,
    LookUpOrder,
    OrderSeen,
    Phase,
    PlaceVerdict,
    ReadAccount,
    TradeSeen,
)
from ganglion.messages.values import Side
from tests.actors.exchange.bench import Line, on_a_loop
from tests.actors.exchange.okx_fake import KEY, PASSWORD, SECRET, SYMBOL, OkxFake


@pytest.fixture
def okx() -> Iterator[OkxFake]:
    with on_a_loop(lambda: OkxFake().serving()) as fake:
        yield fake


def okx_settings(fake: OkxFake, secret: str = SECRET) -> CcxtSettings:
    sockets = fake.base_url.replace("http", "ws")
    return CcxtSettings(
        name="beta",
        id="okx",
        symbols=(SYMBOL,),
        credentials=Credentials(key=KEY, secret=secret, password=PASSWORD),
        ccxt={"urls": {"api": {"rest": f"{fake.base_url}/okx", "ws": f"{sockets}/okx/ws/v5"}}},
        timeout_s=2.0,
    )


@pytest.fixture
def line(okx: OkxFake) -> Iterator[Line]:
    with Line(okx_settings(okx)) as line:
        line.live()
        yield line


def test_it_goes_live_with_a_book_from_the_stream_alone(line: Line, okx: OkxFake) -> None:
    snapshot = line.until(BookSnapshot)
    assert (snapshot.bids[0], snapshot.asks[0]) == ((60000.0, 1.0), (60010.0, 1.0))
    okx.call(okx.move_book())
    delta = line.until(BookDelta)
    assert (delta.bids, delta.asks) == (((59999.0, 3.0),), ((60011.0, 0.0),))
    assert delta.previous == snapshot.sequence


def test_a_gap_in_its_numbers_brings_a_new_snapshot(line: Line, okx: OkxFake) -> None:
    first = line.until(BookSnapshot)
    okx.call(okx.move_book(gap=1))
    line.until(BookInvalid)
    line.until(BookSnapshot, lambda m: m.sequence > first.sequence)
    assert line.state is ConnectionState.LIVE


def test_an_order_rests_is_filled_in_parts_and_cancelled(line: Line, okx: OkxFake) -> None:
    answer = line.placed("okxrest1", Side.SELL, "0.5", "61000", post_only=True)
    assert answer.order is not None
    order = okx.orders[str(answer.order.venue_id)]
    okx.call(okx.fill(order, Decimal("0.2"), Decimal(61000)))
    seen = line.until(OrderSeen, lambda m: m.order.filled == Decimal("0.2")).order
    assert (seen.client_id, seen.status) == ("okxrest1", "open")
    trade = line.until(TradeSeen).trade
    assert (trade.amount, trade.fee, trade.fee_asset) == (Decimal("0.2"), Decimal("12.2"), "USDT")
    line.cancel("okxrest1")
    assert line.until(CancelAnswered).failure is None
    line.until(OrderSeen, lambda m: m.order.status == "canceled")


def test_a_fee_is_charged_with_the_same_sign_by_stream_and_by_request(line: Line) -> None:
    line.placed("okxfee1", Side.BUY, "0.1", "60010")
    streamed = line.until(TradeSeen).trade
    line.exchange.tell(ReadAccount(line.all(EpochOpened)[-1].epoch, (SYMBOL,), 0))
    read = line.until(AccountRead)
    assert read.settled
    assert [(t.trade_id, t.fee, t.fee_asset) for t in read.trades] == [
        (streamed.trade_id, streamed.fee, streamed.fee_asset)
    ]
    assert streamed.fee == Decimal("0.0001")


def test_a_refusal_inside_a_200_is_a_rejection(line: Line) -> None:
    answer = line.placed("okxpoor1", Side.BUY, "50", "59000")
    assert answer.failure is not None
    assert answer.failure.error == "InsufficientFunds"
    assert answer.verdict is PlaceVerdict.REJECTED


def test_a_duplicate_client_id_on_a_re_send_is_reconciled_not_rejected(line: Line, okx: OkxFake) -> None:
    line.placed("okxtwice1", Side.BUY, "0.1", "50000")
    line.orders.received.clear()
    again = line.placed("okxtwice1", Side.BUY, "0.1", "50000", attempt=2)
    assert again.failure is not None
    assert again.failure.error == "DuplicateOrderId"
    assert again.verdict is PlaceVerdict.RECONCILE
    assert not line.all(HaltAccount)


def test_a_reply_lost_after_the_order_was_applied_ends_in_one_post_and_is_found(line: Line, okx: OkxFake) -> None:
    okx.lose_next_reply = True
    answer = line.placed("okxlost1", Side.BUY, "0.1", "50000")
    assert answer.failure is not None
    assert (answer.failure.phase, answer.verdict) == (Phase.MAYBE_SENT, PlaceVerdict.RECONCILE)
    line.exchange.tell(LookUpOrder("okxlost1", None, SYMBOL, 0))
    found = line.until(LookUpDone)
    assert found.order is not None
    assert found.order.client_id == "okxlost1"
    assert len([post for post in okx.posts if post["clOrdId"] == "okxlost1"]) == 1


def test_an_order_that_never_was_is_a_valid_vote(line: Line) -> None:
    line.exchange.tell(LookUpOrder("okxnever1", None, SYMBOL, 0))
    found = line.until(LookUpDone)
    assert found.order is None
    assert found.counts


def test_a_wrong_secret_halts(okx: OkxFake) -> None:
    with Line(okx_settings(okx, secret="not-the-secret")) as line:
        assert "AuthenticationError" in line.until(HaltAccount).cause

"""What a paper venue asks of the real exchange, how connections end and come back, and where the money is."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.messages.orders import Phase
from ganglion.messages.venue import (
    PRIVATE_STREAMS,
    BookFetched,
    CancelAllAfter,
    CloseVenue,
    DropClient,
    FetchBook,
    FetchCandles,
    FetchKeyRights,
    FetchMarkets,
    FetchMyTrades,
    FetchOpenOrders,
    FetchOrder,
    FetchRecentOrders,
    FetchTime,
    FetchTrades,
    MarketsFetched,
    OrdersFetched,
    RepeatBook,
    RequestFailed,
    Stream,
    StreamDown,
    StreamKind,
    StreamUp,
    TimeFetched,
    TradesFetched,
    Unwatch,
    Watch,
)
from ganglion.simulation.backtest import FillSettings
from ganglion.simulation.paper.exchange import PATIENCE_S, QUIET_S
from ganglion.simulation.paper.markets import exact_step
from ganglion.simulation.paper.venue import is_public
from tests.simulation.paper.scene import BOOK, BTC, MINE, ORDERS, START_MS, TRADES, D, Scene, market, resting

# ---------------------------------------------------------------- who is asked


def test_an_exchange_without_the_market_that_is_asked_for_has_an_account_all_the_same():
    scene = Scene(markets=[market(symbol="ETH/USDT")])
    assert scene.heard(MarketsFetched)[0].markets == ()
    assert scene.balances()["USDT"] == (D(100_000), D(0))
    scene.opens()
    scene.place("a", "buy", "1")
    assert scene.answer("a").failure.error == "BadSymbol"


@pytest.mark.parametrize(
    ("steps", "why"), [(("0", "0.1"), "must be above zero"), (("1E-8", "1E-8"), "does not say in which steps")]
)
def test_a_market_that_the_engine_cannot_have_is_left_out_and_said(steps, why):
    scene = Scene(markets=[market(*steps)])
    assert scene.heard(MarketsFetched)[0].markets == ()
    assert why in scene.account.defects[0]


def test_of_all_requests_only_those_of_the_market_reach_the_real_exchange():
    scene = Scene().opens()
    scene.place("a", "buy", "0.1", "90")
    scene.cancel("a")
    scene.balances()
    for make in (
        FetchKeyRights,
        lambda n: FetchOpenOrders(n, BTC),
        lambda n: FetchOrder(n, BTC, "a", None),
        lambda n: FetchRecentOrders(n, BTC, 0),
        lambda n: FetchMyTrades(n, None, 0),
        lambda n: CancelAllAfter(n, 0.0),
        lambda n: Watch(n, ORDERS),
        lambda n: DropClient(n, ORDERS, "why"),
        lambda n: Unwatch(n, ORDERS),
        FetchTime,
        lambda n: FetchBook(n, BTC, 5),
        lambda n: FetchCandles(n, BTC, "1m", None, 5),
        lambda n: FetchTrades(n, BTC, 5),
        lambda n: RepeatBook(n, BTC),
        CloseVenue,
    ):
        scene.ask(make(scene.number()))
    kinds = {type(request) for request in scene.exchange.asked}
    assert kinds == {FetchMarkets, Watch, FetchTime, FetchBook, FetchCandles, FetchTrades, RepeatBook, CloseVenue}
    assert all(not r.stream.kind.private for r in scene.exchange.asked if isinstance(r, Watch))


@pytest.mark.parametrize("kind", sorted(PRIVATE_STREAMS))
def test_no_stream_of_an_account_is_public(kind):
    assert not any(is_public(request(1, Stream(kind))) for request in (Watch, Unwatch))


def test_the_bot_hears_of_the_real_markets_with_the_fees_that_are_assumed_and_of_an_account():
    scene = Scene()
    told = scene.heard(MarketsFetched)[0]
    assert (told.markets[0].taker_fee, told.markets[0].price_step) == (D("0.001"), D("0.01"))
    assert told.capabilities.private
    assert StreamKind.ORDERS in told.capabilities.streams


@pytest.mark.parametrize(
    ("tick", "step", "coarser"),
    [("0.01", "0.00001", "0.00001"), ("0.1", "0.00000001", "0.0000001"), ("0.00000001", "0.001", "1.000")],
)
def test_a_market_that_is_too_fine_for_exact_money_gets_coarser_amounts_and_says_so(tick, step, coarser):
    assert exact_step(D(tick), D(step)) == D(coarser)
    scene = Scene(markets=[market(tick, step)])
    assert scene.heard(MarketsFetched)[0].markets[0].amount_step == D(coarser)


# ---------------------------------------------------------------- connections


def test_a_lost_exchange_takes_the_account_s_streams_with_it_and_brings_them_back():
    scene = Scene().opens()
    assert {message.stream for message in scene.heard(StreamUp)} == {ORDERS, MINE, BOOK, TRADES}
    scene.ends(TRADES)
    assert [message.stream for message in scene.heard(StreamDown)] == [TRADES]
    scene.ends(BOOK)
    assert [message.stream for message in scene.heard(StreamDown)] == [TRADES, BOOK, ORDERS, MINE]
    scene.told.clear()
    for stream in (ORDERS, MINE, BOOK):
        scene.ask(Watch(scene.number(), stream))
    assert scene.heard(StreamUp) == []
    scene.book([(100, 1)], [(101, 1)])
    assert {message.stream for message in scene.heard(StreamUp)} == {ORDERS, MINE}


def test_a_stream_that_never_was_up_ends_without_taking_the_account_s_with_it():
    scene = Scene().opens()
    scene.ends(Stream(StreamKind.TICKER, BTC))
    assert len(scene.heard(StreamDown)) == 1


def test_a_market_that_is_not_heard_fills_nothing_and_refuses_what_was_on_its_way():
    scene = resting()
    scene.place("b", "buy", "1")
    scene.ends(BOOK)
    refused = scene.answer("b").failure
    assert (refused.error, refused.phase) == ("NetworkError", Phase.BEFORE_SEND)
    scene.prints(90, 5)
    assert scene.fills == []
    scene.time.passes(5.0)
    scene.book([(100, 1)], [(100.4, 9)])
    assert scene.fills == [("a", 100.5, 2.0)]


def test_a_fill_while_the_user_stream_is_gone_is_found_by_reading_not_told():
    scene = resting()
    scene.ends(TRADES, BOOK)
    scene.book([(100, 1)], [(100.4, 9)])
    assert scene.stands("a") == "filled"
    assert scene.fills == []
    scene.ask(FetchMyTrades(scene.number(), BTC, START_MS))
    assert [trade.amount for trade in scene.heard(TradesFetched)[-1].trades] == [D(2)]


def test_trades_of_the_time_without_a_connection_fill_nothing_when_they_are_told_afterwards():
    scene = resting()
    scene.ends(BOOK, TRADES)
    scene.time.passes(5.0)
    scene.book([(100, 1)], [(101, 9)])
    scene.prints(90, 5, ago_s=1.0)
    assert scene.stands("a") == "new"


def test_what_waits_for_a_market_that_stays_silent_is_given_up_as_not_sent():
    scene = Scene().opens()
    scene.ends(BOOK)
    scene.place("a", "buy", "1")
    scene.time.passes(PATIENCE_S - 0.1)
    assert scene.answer("a") is None
    scene.time.passes(0.2)
    assert scene.answer("a").failure.phase == Phase.BEFORE_SEND
    assert scene.stands("a") == "none"


def test_a_book_that_is_read_by_request_stands_in_for_a_stream_that_is_gone():
    scene = resting()
    scene.ends(BOOK)
    scene.place("b", "buy", "1")
    reads(scene, 99.0, 100.0)
    assert scene.fills == [("b", 100.0, 1.0), ("a", 100.5, 2.0)]


def reads(scene, bid: float, ask: float) -> None:
    scene.says(BookFetched(scene.number(), 1.0, BTC, ((bid, 5.0),), ((ask, 5.0),), None, None))


def test_a_book_that_is_read_beside_a_stream_that_speaks_changes_nothing():
    scene = resting()
    reads(scene, 99.0, 100.0)
    assert scene.fills == []
    scene.change(asks=[(100.25, 1)])
    assert scene.fills == [("a", 100.5, 1.0)]


def test_a_stream_that_went_silent_while_the_market_moved_is_not_believed_until_it_speaks():
    scene = resting()
    scene.time.passes(6.0)
    reads(scene, 100.0, 101.0)
    scene.place("b", "buy", "1", "90")
    reads(scene, 100.6, 100.7)
    assert scene.stands("b") == "new"
    scene.place("c", "buy", "1", "90")
    scene.time.passes(QUIET_S + 0.1)
    assert scene.stands("c") == "none"
    scene.nothing_new()
    assert scene.stands("c") == "new"


def test_a_gap_in_the_book_is_no_market_until_it_is_told_again():
    scene = Scene().opens()
    scene._sequence += 5
    scene.change(asks=[(90, 1)])
    scene.place("a", "buy", "1")
    scene.time.passes(QUIET_S + 0.1)
    assert scene.fills == []
    scene.book([(100, 1)], [(101, 1)])
    assert scene.fills == [("a", 101.0, 1.0)]


def test_a_dropped_user_stream_ends_and_can_be_had_again():
    scene = Scene().opens()
    scene.ask(DropClient(scene.number(), ORDERS, "not believed"))
    assert {message.stream for message in scene.heard(StreamDown)} == {ORDERS, MINE}
    scene.told.clear()
    scene.ask(Watch(scene.number(), ORDERS))
    assert [message.stream for message in scene.heard(StreamUp)] == [ORDERS]


def test_an_account_outlives_the_actor_that_trades_on_it():
    scene = resting()
    scene.ask(CloseVenue(scene.number()))
    scene.begin()
    scene.opens()
    scene.ask(FetchOpenOrders(scene.number(), BTC))
    assert [order.client_id for order in scene.heard(OrdersFetched)[-1].orders] == ["a"]
    scene.time.passes(1.0)
    scene.prints(100, 2)
    assert scene.fills == [("a", 100.5, 2.0)]


def test_a_thread_that_was_abandoned_moves_the_account_no_more():
    scene = resting()
    scene.place("b", "buy", "1")
    scene.fence.revoke("hung")
    scene.place("c", "buy", "1")
    scene.change(asks=[(100.3, 9)])
    scene.time.passes(PATIENCE_S + 1)
    assert scene.fills == []
    assert scene.answer("c").failure.phase == Phase.BEFORE_SEND


def test_a_failure_of_the_engine_ends_the_account_s_streams_is_kept_and_leaves_the_market_s_alone(monkeypatch):
    scene = resting()
    monkeypatch.setattr(scene.account.exchange, "cross_book", lambda _: 1 / 0)
    scene.told.clear()
    scene.change(asks=[(100.3, 9)])
    assert [type(message).__name__ for message in scene.told] == ["StreamDown", "StreamDown", "BookDelta"]
    assert scene.account.defects == ["the paper engine failed: ZeroDivisionError: division by zero"]


def test_before_the_markets_are_known_nothing_of_the_account_is_answered():
    scene = Scene()
    scene.account.exchange = None
    scene.begin()
    scene.ask(FetchOpenOrders(scene.number(), BTC))
    assert scene.heard(RequestFailed)[-1].failure.phase == Phase.BEFORE_SEND


def test_the_account_s_trades_are_stamped_by_the_exchange_s_clock():
    scene = Scene()
    scene.says(TimeFetched(scene.number(), 0.0, START_MS + 7_200_000))
    scene.opens()
    scene.place("a", "buy", "1")
    scene.nothing_new()
    scene.ask(FetchMyTrades(scene.number(), BTC, START_MS + 7_000_000))
    assert len(scene.heard(TradesFetched)[-1].trades) == 1


# ---------------------------------------------------------------- money

PRICES = st.integers(9_600, 10_500).map(lambda cents: cents / 100)
STEPS = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(["buy", "sell"]), PRICES | st.none(), st.integers(1, 3_000)),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("print"), PRICES, st.integers(1, 3_000)),
    st.tuples(st.just("book"), PRICES, st.integers(1, 100)),
    st.tuples(st.just("lost")),
    st.tuples(st.just("time"), st.sampled_from([0.1, 1.1, 11.0])),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=40), st.booleans(), st.sampled_from(["binance", "kraken"]))
def test_whatever_happens_money_is_conserved_and_no_fill_is_better_than_its_limit(steps, queue, id_):
    scene = Scene(id_, FillSettings(queue=queue, touch_fills=not queue)).opens()
    limits, placed = {}, 0
    for kind, *what in steps:
        if kind == "place":
            side, price, lots = what
            placed += 1
            limits[f"o{placed}"] = (side, price)
            scene.place(f"o{placed}", side, str(Decimal(lots) / 1000), None if price is None else str(price))
        elif kind == "cancel":
            scene.cancel(f"o{what[0]}")
        elif kind == "print":
            scene.prints(what[0], what[1] / 1000)
        elif kind == "book":
            scene.book([(what[0] - 0.01, what[1] / 50)], [(what[0] + 0.01, what[1] / 50)])
        elif kind == "lost":
            scene.ends(BOOK)
        else:
            scene.time.passes(what[0])
    for name, price, _ in scene.fills:
        side, limit = limits[name]
        assert limit is None or (price <= limit if side == "buy" else price >= limit)
    scene.time.passes(30.0)
    assert all(scene.answer(name) is not None for name in limits)
    scene.account.audit()
    for free, used in scene.balances().values():
        assert free >= 0
        assert used >= 0

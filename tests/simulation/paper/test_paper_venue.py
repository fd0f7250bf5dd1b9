"""What paper orders get of a live market, what they don't, and what the real exchange hears of it: nothing."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.messages.orders import Phase
from ganglion.messages.values import TimeInForce
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
    OrdersStreamed,
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
from tests.simulation.paper.scene import BOOK, BTC, MINE, ORDERS, START_MS, TRADES, D, Scene, market

# ---------------------------------------------------------------- who is asked


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


# ---------------------------------------------------------------- orders that cross


def test_a_market_order_takes_the_levels_as_far_as_they_reach_and_the_rest_of_it_expires():
    scene = Scene().opens()
    scene.place("a", "buy", "5")
    scene.nothing_new()
    assert scene.fills == [("a", 101.0, 1.0), ("a", 102.0, 1.0), ("a", 103.0, 1.0)]
    assert scene.stands("a") == "expired"
    assert scene.balances() == {"BTC": (D("12.997"), D(0)), "USDT": (D(100_000 - 306), D(0))}


def test_an_order_meets_the_book_that_comes_after_it_not_the_one_it_was_decided_on():
    scene = Scene().opens()
    scene.place("a", "buy", "1")
    assert scene.fills == []
    scene.change(asks=[(101, 0), (102, 2)])
    assert scene.fills == [("a", 102.0, 1.0)]


def test_before_its_latency_is_over_an_order_meets_nothing():
    scene = Scene(fills=FillSettings(latency_s=0.5)).opens()
    scene.place("a", "buy", "1")
    scene.time.passes(0.4)
    scene.nothing_new()
    assert scene.fills == []
    scene.time.passes(0.2)
    scene.nothing_new()
    assert scene.fills == [("a", 101.0, 1.0)]


def test_a_market_that_says_nothing_while_its_stream_is_up_is_met_as_it_stands():
    scene = Scene().opens()
    scene.place("a", "buy", "1")
    scene.time.passes(QUIET_S - 0.1)
    assert scene.fills == []
    scene.time.passes(0.2)
    assert scene.fills == [("a", 101.0, 1.0)]


def test_what_was_taken_of_a_level_is_not_there_again_before_it_was_gone():
    scene = Scene().opens()
    for name in ("a", "b"):
        scene.place(name, "buy", "0.6", "101", time_in_force=TimeInForce.IOC)
        scene.nothing_new()
    assert scene.fills == [("a", 101.0, 0.6), ("b", 101.0, 0.4)]
    scene.change(asks=[(101, 1.5)])
    scene.place("c", "buy", "2", "101", time_in_force=TimeInForce.IOC)
    scene.nothing_new()
    assert scene.fills[2:] == [("c", 101.0, 0.5)]
    scene.book([(100, 1)], [(102, 1)])
    scene.book([(100, 1)], [(101, 1)])
    scene.place("d", "buy", "2", "101", time_in_force=TimeInForce.IOC)
    scene.nothing_new()
    assert scene.fills[3:] == [("d", 101.0, 1.0)]
    scene.change(asks=[(101, 0), (102, 1)])
    scene.change(asks=[(101, 1)])
    scene.place("e", "buy", "2", "101", time_in_force=TimeInForce.IOC)
    scene.nothing_new()
    assert scene.fills[4:] == [("e", 101.0, 1.0)]


def test_a_share_of_what_stands_there_is_all_that_orders_get_where_the_model_says_so():
    scene = Scene(fills=FillSettings(participation=0.25, slippage_pct=0.1)).opens()
    scene.place("a", "sell", "0.5")
    scene.nothing_new()
    assert scene.fills == [("a", 99.9, 0.25), ("a", 98.9, 0.25)]


def test_a_post_only_order_that_would_take_is_refused_as_the_venue_would():
    scene = Scene().opens()
    scene.place("a", "buy", "1", "101", post_only=True)
    scene.nothing_new()
    assert scene.answer("a").failure.error == "OrderImmediatelyFillable"


def test_money_that_is_not_there_buys_nothing():
    scene = Scene(USDT="50").opens()
    scene.place("a", "buy", "1", "100")
    scene.nothing_new()
    assert scene.answer("a").failure.error == "InsufficientFunds"


# ---------------------------------------------------------------- orders that rest


def resting(price: str = "100.5", amount: str = "2", side: str = "buy", **fills) -> Scene:
    scene = Scene(fills=FillSettings(**fills)).opens()
    scene.place("a", side, amount, price)
    scene.time.passes(scene.account.latency_s)
    scene.nothing_new()
    assert scene.stands("a") == "new"
    scene.time.passes(1.0)
    return scene


def test_a_resting_order_is_filled_at_its_price_as_far_as_the_book_comes_through_it():
    scene = resting()
    scene.change(asks=[(100.25, 0.5), (100.5, 3)])
    assert scene.fills == [("a", 100.5, 0.5)]
    scene.nothing_new()
    assert scene.fills == [("a", 100.5, 0.5)]
    scene.change(asks=[(100.3, 9)])
    assert scene.fills == [("a", 100.5, 0.5), ("a", 100.5, 1.5)]
    assert scene.stands("a") == "filled"


def test_a_resting_order_is_filled_by_trades_that_go_through_it_as_much_as_was_traded():
    scene = resting()
    scene.prints(100.5, 5)
    assert scene.fills == []
    scene.prints(100.4, 0.3)
    assert scene.fills == [("a", 100.5, 0.3)]
    assert scene.stands("a") == "partially_filled"


def test_a_resting_sell_is_filled_by_what_goes_above_it():
    scene = resting("100.5", side="sell")
    scene.prints(100.4, 1)
    scene.change(bids=[(100.6, 9)])
    assert scene.fills == [("a", 100.5, 2.0)]


def test_touches_fill_where_the_model_says_so():
    scene = resting(touch_fills=True)
    scene.prints(100.5, 0.5)
    scene.change(asks=[(100.5, 9)])
    assert scene.fills == [("a", 100.5, 0.5), ("a", 100.5, 1.5)]


def test_with_a_queue_what_stood_at_the_price_is_served_first():
    scene = resting("100", queue=True)
    scene.prints(100, 1)
    assert scene.fills == []
    scene.prints(100, 0.5)
    assert scene.fills == [("a", 100.0, 0.5)]


def test_trades_from_before_an_order_was_there_are_not_for_it():
    scene = Scene().opens()
    scene.time.passes(10.0)
    scene.place("a", "buy", "1", "100.5")
    scene.nothing_new()
    scene.prints(99, 5, ago_s=5.0)
    assert scene.stands("a") == "new"
    scene.prints(99, 5)
    assert scene.stands("a") == "filled"


def test_a_fill_is_told_with_its_fee_and_shows_in_every_reading():
    scene = resting(amount="1")
    scene.prints(100, 1)
    assert scene.balances() == {"BTC": (D("10.999"), D(0)), "USDT": (D("99899.5"), D(0))}
    scene.ask(FetchMyTrades(scene.number(), BTC, START_MS))
    (trade,) = scene.heard(TradesFetched)[-1].trades
    assert (trade.fee, trade.fee_asset, str(trade.liquidity)) == (D("0.001"), "BTC", "maker")
    scene.ask(FetchOrder(scene.number(), BTC, "a", None))
    assert scene.heard(OrdersStreamed)[-1].orders[0].status == "closed"


def test_a_venue_that_charges_in_the_quote_asset_does_so_on_paper():
    scene = Scene("kraken").opens()
    scene.place("a", "buy", "1")
    scene.nothing_new()
    assert scene.balances() == {"BTC": (D(11), D(0)), "USDT": (D("99898.899"), D(0))}
    other = Scene("okx", markets=[market(fee_side="quote")]).opens()
    other.place("a", "buy", "1")
    other.nothing_new()
    assert other.balances() == scene.balances()


def test_a_cancelled_order_gives_its_money_back_and_is_told():
    scene = resting()
    scene.cancel("a")
    scene.nothing_new()
    assert scene.answer("a").failure is None
    assert scene.heard(OrdersStreamed)[-1].orders[0].status == "canceled"
    assert scene.balances()["USDT"] == (D(100_000), D(0))
    scene.change(asks=[(100.3, 9)])
    assert scene.fills == []


def test_a_cancel_that_the_market_outruns_finds_no_order():
    scene = resting(latency_s=0.5)
    scene.cancel("a")
    scene.change(asks=[(100.3, 9)])
    scene.time.passes(0.5)
    scene.nothing_new()
    assert scene.answer("a").failure.error == "OrderNotFound"
    assert scene.fills == [("a", 100.5, 2.0)]


def test_orders_of_one_account_arrive_in_the_order_of_their_sending():
    scene = Scene(fills=FillSettings(latency_s=0.1)).opens()
    scene.place("a", "buy", "1", "90")
    scene.cancel("a")
    scene.time.passes(0.1)
    scene.nothing_new()
    assert scene.stands("a") == "canceled"


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
    assert scene.account.defects == ["ZeroDivisionError: division by zero"]


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

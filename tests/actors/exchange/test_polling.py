"""Streams that are silent or cannot be had while the venue answers requests: polled, said, and given back."""

import itertools
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ganglion.actors.market.candles.actor import CandleActor
from ganglion.actors.market.order_book.actor import STALE_S, OrderBookActor
from ganglion.messages import venue as v
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import ConnectionState, EpochOpened, Operation
from ganglion.messages.market import (
    BookDelta,
    BookInvalid,
    BookSnapshot,
    Candle,
    ResyncBook,
    TopOfBook,
    TradeTick,
)
from ganglion.messages.orders import AccountRead, BalancesSeen, OrderSeen, ReadAccount, TradeSeen, VenueTrade
from ganglion.messages.values import Side
from ganglion.supervision import ChildSpec
from tests.actors.exchange.scripted import SYMBOL, World, failure, order

S, K = ConnectionState, v.StreamKind
MOVED = ((98.0, 1.0),), ((100.0, 1.0),)


def never(world: World, *kinds: v.StreamKind) -> None:
    """These streams cannot be subscribed."""
    up = world.default

    def watch(request: v.Watch) -> Any:
        if request.stream.kind in kinds:
            world.tell(v.StreamDown(request.stream, failure("NetworkError", Operation.STREAM)))
            return None
        return up(request)

    world.answers[v.Watch] = watch


def shown(world: World) -> dict[str, str]:
    """What is degraded now."""
    state = {seen.what: seen.reason for seen in world.heard(Degraded)}
    return {what: reason for what, reason in state.items() if reason}


def trade(number: int, venue_id: str = "v-a") -> VenueTrade:
    one = Decimal(1)
    return VenueTrade(SYMBOL, f"t{number}", venue_id, None, Side.BUY, one, one, Decimal(0), "USDT", None, number)


def tick(world: World, number: int, ago_s: float = 5.0) -> TradeTick:
    at_ms = int(world.actors[-1].arm.venue_ms - ago_s * 1000)
    return TradeTick("alpha", SYMBOL, f"p{number}", Side.BUY, 100.0, 1.0, at_ms, world.system.clock.monotonic_s())


# ------------------------------------------------------------------ books


def test_a_book_stream_that_cannot_be_had_is_replaced_by_requests_and_the_arm_goes_live() -> None:
    world = World()
    never(world, K.BOOK)
    world.start(live=False)
    assert not world.heard(EpochOpened)
    world.system.run_for(12.0)
    assert world.heard(EpochOpened)
    assert "not up for 10 s, NetworkError" in shown(world)[f"book {SYMBOL}"]
    asked = len(world.asked(v.FetchBook))
    world.system.run_for(20.0)
    assert 9 <= len(world.asked(v.FetchBook)) - asked <= 11, "one each 2 s"
    assert len(world.book.of(BookSnapshot)) >= 10


def test_a_polled_book_is_no_younger_than_its_request() -> None:
    world = World()
    never(world, K.BOOK)
    held: list[v.FetchBook] = []
    world.start(live=False)
    world.answers[v.FetchBook] = held.append
    world.system.run_for(12.0)
    asked_s = next(at for at, request in world.times if isinstance(request, v.FetchBook))
    world.system.run_for(4.0)
    world.tell(v.BookFetched(held[0].request_id, 1.0, SYMBOL, *MOVED, None, None))
    world.system.run_until_idle()
    assert world.book.of(BookSnapshot)[-1].received_s == asked_s


def test_a_slow_answer_makes_no_book_that_is_decided_on() -> None:
    world = World()
    never(world, K.BOOK)
    book, top = real_book(world)
    world.start(live=False)
    held: list[v.FetchBook] = []
    world.answers[v.FetchBook] = held.append
    world.system.run_for(12.0)
    world.system.run_for(STALE_S + 1.0)
    snapshot = v.BookFetched(held[0].request_id, 1.0, SYMBOL, *MOVED, None, None)
    world.tell(snapshot)
    world.system.run_until_idle()
    book.tell(world.book.of(BookSnapshot)[-1])
    world.system.run_until_idle()
    assert not top.of(TopOfBook)


def real_book(world: World) -> tuple[Any, Any]:
    top = world.system.probe("top")
    venue = world.system.probe("resync")
    world.system.subscribe(world.system.address("/real-book"), top.address, TopOfBook, BookInvalid)
    return world.system.spawn(ChildSpec("real-book", lambda: OrderBookActor("alpha", SYMBOL, venue.address))), top


def test_a_silent_book_whose_venue_moved_is_polled_and_given_back_with_the_first_change() -> None:
    world = World().start()
    world.answers[v.FetchBook] = lambda r: v.BookFetched(r.request_id, 1.0, SYMBOL, *MOVED, 99.0, 101.0)
    world.system.run_for(11.0)
    world.exchange.tell(ResyncBook(SYMBOL, "stale: no update for 5.0 s"))
    world.system.run_until_idle()
    assert "silent" in shown(world)[f"book {SYMBOL}"]
    assert (world.book.of(BookSnapshot)[-1].bids, world.book.of(BookSnapshot)[-1].sequence) == (MOVED[0], 0)
    world.system.run_for(4.0)
    assert not world.asked(v.DropClient)
    now = world.system.clock.monotonic_s()
    world.tell(BookDelta("alpha", SYMBOL, ((98.5, 1.0),), (), 1, 2, now))
    world.system.run_until_idle()
    assert not shown(world)
    assert world.asked(v.RepeatBook)
    asked = len(world.asked(v.FetchBook))
    world.system.run_for(4.0)
    assert len(world.asked(v.FetchBook)) == asked


def test_a_change_that_is_only_on_its_way_replaces_nothing() -> None:
    world = World().start()
    answers = itertools.chain([(MOVED[0], MOVED[1])], itertools.repeat((((99.0, 1.0),), ((101.0, 1.0),))))
    world.answers[v.FetchBook] = lambda r: v.BookFetched(r.request_id, 1.0, SYMBOL, *next(answers), 99.0, 101.0)
    world.system.run_for(11.0)
    world.exchange.tell(ResyncBook(SYMBOL, "stale: no update for 5.0 s"))
    world.system.run_until_idle()
    assert len(world.asked(v.FetchBook)) == 2
    assert not shown(world)


def test_a_stream_that_only_ever_sends_its_first_book_is_not_believed_twice() -> None:
    world = World().start()
    world.answers[v.FetchBook] = lambda r: v.BookFetched(r.request_id, 1.0, SYMBOL, *MOVED, 99.0, 101.0)
    world.answers[v.DropClient] = lambda r: world.tell(
        v.StreamDown(r.stream, failure("NetworkError", Operation.STREAM))
    )
    world.system.run_for(120.0)
    assert f"book {SYMBOL}" in shown(world)
    gaps = [b.received_s - a.received_s for a, b in itertools.pairwise(world.book.of(BookSnapshot)[2:])]
    assert max(gaps) <= 2.0 + 1e-6, "fed throughout, dropped streams and all"
    assert world.asked(v.DropClient)


def test_nothing_is_polled_while_the_venue_answers_no_request() -> None:
    world = World().start()
    world.answers[v.FetchTime] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("RequestTimeout"))
    never(world, *K)
    world.lose(K.ORDERS)
    world.lose(K.BOOK)
    world.system.run_for(60.0)
    assert not world.asked(v.FetchBook)
    assert not shown(world) or set(shown(world)) == {"breaker"}
    assert world.actors[-1].arm.connection.state is S.CONNECTING


def test_polls_keep_to_the_rate_budget_and_leave_room_for_cancels() -> None:
    symbols = (SYMBOL,)
    world = World(symbols)
    world.capabilities = msgspec.structs.replace(world.capabilities, units_per_s=1.0)
    never(world, K.BOOK)
    world.start(live=False)
    world.system.run_for(120.0)
    budget = world.memory.budget
    assert budget is not None
    assert budget.tokens(world.system.clock.monotonic_s()) >= 0


# ------------------------------------------------------------------ trades and candles


def test_silent_trades_are_looked_for_and_polled_when_the_venue_has_some() -> None:
    world = World().start()
    world.answers[v.FetchTrades] = lambda r: v.PublicTradesFetched(
        r.request_id, 1.0, SYMBOL, (tick(world, 1), tick(world, 2))
    )
    world.system.run_for(40.0)
    assert "silent for 30 s" in shown(world)[f"trades {SYMBOL}"]
    assert K.TRADES in {request.stream.kind for request in world.asked(v.DropClient)}
    fresh = tick(world, 3, ago_s=0.0)
    world.answers[v.FetchTrades] = lambda r: v.PublicTradesFetched(r.request_id, 1.0, SYMBOL, (fresh,))
    world.system.run_for(15.0)
    assert [seen.trade_id for seen in world.outside.of(TradeTick)].count("p3") == 1
    world.tell(tick(world, 4, ago_s=0.0))
    world.system.run_until_idle()
    assert not shown(world)


def test_a_market_without_trades_is_only_quiet() -> None:
    world = World().start()
    old = tick(world, 1, ago_s=3600.0)
    world.answers[v.FetchTrades] = lambda r: v.PublicTradesFetched(r.request_id, 1.0, SYMBOL, (old,))
    world.system.run_for(300.0)
    assert world.asked(v.FetchTrades)
    assert not shown(world)


class WithCandles(World):
    candles_at = "/candle-actor"


def test_candles_go_on_while_a_subscribed_trade_stream_never_delivers() -> None:
    """OctoBot#3639: subscribed, silent, and the candles by request disabled by it."""
    world = WithCandles()
    candles, venue = world.system.probe("candles"), world.system.address("/exchange")
    world.system.subscribe(world.system.address(world.candles_at), candles.address, Candle)

    def read(request: v.FetchCandles) -> v.CandlesFetched:
        now_ms = world.actors[-1].arm.venue_ms
        opened = range((now_ms // 60_000 - 4) * 60_000, now_ms + 1, 60_000)
        made = tuple(Candle("alpha", SYMBOL, "1m", at, 1.0, 2.0, 0.5, 1.5, 10.0) for at in opened)
        return v.CandlesFetched(request.request_id, 1.0, SYMBOL, "1m", made)

    world.answers[v.FetchCandles] = read
    world.answers[v.FetchTrades] = lambda r: v.PublicTradesFetched(r.request_id, 1.0, SYMBOL, (tick(world, 1),))
    world.start()
    world.system.spawn(ChildSpec("candle-actor", lambda: CandleActor("alpha", SYMBOL, "1m", venue, history=0)))
    world.system.run_for(400.0)
    opens = [candle.open_ms for candle in candles.of(Candle)]
    assert len(opens) >= 5
    assert all(later - earlier == 60_000 for earlier, later in itertools.pairwise(opens))
    assert all(candle.complete for candle in candles.of(Candle))


# ------------------------------------------------------------------ the user stream


def without_user_stream() -> World:
    """Live with its user stream polled."""
    world = World()
    never(world, K.ORDERS, K.MY_TRADES, K.BALANCE)
    world.start(live=False)
    world.system.run_for(16.0)
    assert world.heard(EpochOpened)
    assert "user stream" in shown(world)
    return world


def test_an_account_whose_user_stream_cannot_be_had_goes_live_by_requests_and_says_so() -> None:
    world = without_user_stream()
    assert world.actors[-1].arm.connection.state is S.LIVE
    assert "NetworkError" in shown(world)["user stream"]
    asked = len(world.asked(v.FetchBalance))
    world.system.run_for(30.0)
    assert 5 <= len(world.asked(v.FetchBalance)) - asked <= 6
    assert len(world.heard(EpochOpened)) == 1, "it does not flap"


def test_a_fill_of_a_polled_account_arrives_once() -> None:
    world = without_user_stream()
    world.open_orders = (order("a"),)
    world.system.run_for(11.0)
    world.open_orders = ()
    world.balances = (*world.balances, msgspec.structs.replace(world.balances[0], asset="BTC"))
    world.answers[v.FetchMyTrades] = lambda r: v.TradesFetched(r.request_id, 1.0, (trade(1), trade(2)))
    world.answers[v.FetchOrder] = lambda r: v.OrderFetched(r.request_id, 1.0, order("a", "closed", "1"))
    world.system.run_for(60.0)
    assert [seen.trade.trade_id for seen in world.heard(TradeSeen)] == ["t1", "t2"]
    assert [seen.order.status for seen in world.heard(OrderSeen)] == ["open", "closed"]
    assert len(world.heard(BalancesSeen)) == 2
    assert len(world.asked(v.FetchOrder)) == 1


def test_an_order_that_was_placed_and_ended_between_two_rounds_is_followed_to_its_end() -> None:
    world = without_user_stream()
    world.answers[v.FetchOrder] = lambda r: v.OrderFetched(r.request_id, 1.0, order("quick", "canceled"))
    world.place("quick")
    world.system.run_for(11.0)
    assert [(seen.order.client_id, seen.order.status) for seen in world.heard(OrderSeen)] == [("quick", "canceled")]


def test_when_the_user_stream_is_up_again_polling_ends_in_a_new_epoch() -> None:
    world = without_user_stream()
    del world.answers[v.Watch]
    world.system.run_for(31.0)
    assert not shown(world)
    assert [epoch.reason for epoch in world.heard(EpochOpened)][1:] == ["the user stream is back"]
    asked = len(world.asked(v.FetchBalance))
    world.system.run_for(50.0)
    assert len(world.asked(v.FetchBalance)) == asked


def test_no_round_comes_between_a_reading_of_the_account() -> None:
    world = without_user_stream()
    world.answers[v.FetchBalance] = lambda _: None
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_until_idle()
    asked = len(world.asked(v.FetchBalance))
    world.system.run_for(20.0)
    assert len(world.asked(v.FetchBalance)) == asked
    request = world.asked(v.FetchBalance)[-1]
    world.tell(v.BalanceFetched(request.request_id, 1.0, world.balances))
    world.system.run_for(1.0)
    assert world.heard(AccountRead)[-1].settled


def test_a_user_stream_that_loses_events_twice_is_polled_until_it_speaks() -> None:
    world = World().start()
    world.answers[v.DropClient] = lambda r: world.tell(
        v.StreamDown(r.stream, failure("NetworkError", Operation.STREAM))
    )
    world.open_orders = (order("silent", filled="0.5"),)
    world.system.run_for(121.0)
    assert world.asked(v.DropClient)
    assert "user stream" not in shown(world)
    world.system.run_for(150.0)
    assert "loses events" in shown(world)["user stream"]
    assert world.actors[-1].arm.connection.state is S.LIVE
    world.tell(v.OrdersStreamed((order("silent", filled="0.6"),)))
    world.system.run_until_idle()
    assert not shown(world)


def test_a_polled_account_whose_venue_goes_down_leaves_live_and_comes_back_in_a_new_epoch() -> None:
    world = without_user_stream()
    dead = {
        kind: (lambda r: v.RequestFailed(r.request_id, 1.0, failure("RequestTimeout")))
        for kind in (v.FetchTime, v.FetchBalance, v.FetchOpenOrders, v.FetchMyTrades, v.FetchBook)
    }
    world.answers |= dead
    world.system.run_for(30.0)
    assert world.actors[-1].arm.connection.state is S.CONNECTING
    for kind in dead:
        del world.answers[kind]
    world.system.run_for(30.0)
    assert world.actors[-1].arm.connection.state is S.LIVE
    assert len(world.heard(EpochOpened)) == 2


@pytest.mark.parametrize("error", ["NotSupported", "PermissionDenied"])
def test_an_account_that_is_given_no_order_stream_is_polled_for_good(error: str) -> None:
    world = World()
    up = world.default

    def watch(request: v.Watch) -> Any:
        if request.stream.kind is K.ORDERS:
            world.tell(v.StreamDown(request.stream, failure(error, Operation.STREAM)))
            return None
        return up(request)

    world.answers[v.Watch] = watch
    world.start(live=False)
    world.system.run_for(20.0)
    assert world.actors[-1].arm.connection.state is S.LIVE
    assert error in shown(world)["user stream"]

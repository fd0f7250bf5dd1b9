"""The exchange actor on a scripted venue: what it asks, tells, waits for and refuses, in virtual time."""

import itertools
from decimal import Decimal

import msgspec
import pytest

from ganglion.messages import venue as v
from ganglion.messages.lifecycle import (
    CellState,
    ConnectionChanged,
    ConnectionState,
    EpochOpened,
    HaltAccount,
    Operation,
    VenuePaused,
)
from ganglion.messages.market import BookInvalid, CandlesRead, CandlesRequest, ResyncBook
from ganglion.messages.orders import (
    AccountRead,
    CancelAnswered,
    LookUpDone,
    LookUpOrder,
    OpenEpoch,
    OrderSeen,
    PlaceAnswered,
    PlaceVerdict,
    ReadAccount,
    SendCancel,
    TradeSeen,
    VenueTrade,
)
from ganglion.messages.values import Side
from tests.actors.exchange.scripted import SYMBOL, World, failure, order

S, K = ConnectionState, v.StreamKind


def states(world: World) -> list[ConnectionState]:
    return [changed.state for changed in world.outside.received if isinstance(changed, ConnectionChanged)]


def trade(number: int) -> VenueTrade:
    amount = Decimal(1)
    return VenueTrade(SYMBOL, f"t{number}", "v-a", None, Side.BUY, amount, amount, Decimal(0), "USDT", None, number)


# ------------------------------------------------------------------ life


def test_it_starts_at_once_and_goes_live_through_its_states() -> None:
    world = World().start()
    assert states(world) == [S.CONNECTING, S.SYNCING, S.LIVE]
    opened = world.heard(EpochOpened)
    assert [(epoch.epoch, epoch.reason) for epoch in opened] == [((1 << 20) | 1, "start")]


def test_a_venue_that_never_answers_does_not_hold_up_its_start() -> None:
    world = World()
    world.deaf = True
    world.start(live=False)
    assert states(world) == [S.CONNECTING]


def test_an_unreachable_venue_is_probed_at_least_every_five_seconds_for_ever() -> None:
    world = World()
    world.answers[v.FetchMarkets] = lambda r: v.RequestFailed(r.request_id, 0.0, failure("ExchangeNotAvailable"))
    world.start(live=False)
    world.system.run_for(600.0)
    times = [at for at, request in world.times if isinstance(request, v.FetchMarkets)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(gaps) <= 5.0 + 1e-9
    assert len(times) > 120
    assert len(world.actors) == 1, "expected network loss restarts nothing"
    world.answers.clear()
    world.system.run_for(5.0)
    assert states(world)[-1] is S.LIVE


def test_an_unknown_symbol_is_parked_with_a_hint_and_the_others_go_live() -> None:
    world = World(symbols=(SYMBOL, "BTC/USDTT")).start()
    (told,) = [message for message in world.heard(BookInvalid) if message.symbol == "BTC/USDTT"]
    assert "did you mean BTC/USDT" in told.reason
    assert {request.stream.symbol for request in world.asked(v.Watch)} == {SYMBOL, None}


def test_a_wrong_key_stops_the_venue_with_a_halt_and_no_probe_follows() -> None:
    world = World()
    world.answers[v.FetchBalance] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("AuthenticationError"))
    world.start(live=False)
    assert "AuthenticationError" in world.heard(HaltAccount)[0].cause
    assert states(world)[-1] is S.DOWN
    asked = len(world.times)
    world.system.run_for(300.0)
    assert len(world.times) == asked


def test_a_stopped_actor_closes_its_venue_and_says_so_to_those_who_subscribed() -> None:
    world = World().start()
    told = len(world.orders.received)
    world.exchange.stop()
    world.system.run_until_idle()
    assert world.asked(v.CloseVenue)
    assert states(world)[-2:] == [S.DRAINING, S.DOWN]
    assert len(world.orders.received) == told, "the account was stopped before it"


def test_a_failed_actor_closes_its_venue_and_takes_its_books_with_it() -> None:
    world = World().start()
    world.system.fail("/exchange", "on purpose")
    world.system.run_until_idle()
    assert world.asked(v.CloseVenue)
    assert world.heard(BookInvalid)[-1].reason.startswith("disconnected")


# ------------------------------------------------------------------ reconnects


@pytest.mark.parametrize("kind", [K.ORDERS, K.MY_TRADES, K.BALANCE])
def test_a_lost_user_stream_ends_live_and_its_return_opens_a_new_epoch(kind: v.StreamKind) -> None:
    world = World().start()
    world.lose(kind)
    assert states(world)[-1] is S.CONNECTING
    world.system.run_for(5.0)
    assert states(world)[-3:] == [S.CONNECTING, S.SYNCING, S.LIVE]
    assert [epoch.epoch & 0xFFFFF for epoch in world.heard(EpochOpened)] == [1, 2]
    assert len(world.actors) == 1


def test_a_lost_book_stream_invalidates_its_book_and_leaves_the_connection_alone() -> None:
    world = World().start()
    world.lose(K.BOOK)
    assert world.heard(BookInvalid)[-1].reason.startswith("disconnected")
    watched = len(world.asked(v.Watch))
    world.system.run_for(1.0)
    assert world.asked(v.Watch)[watched:] == [v.Watch(world.asked(v.Watch)[-1].request_id, v.Stream(K.BOOK, SYMBOL))]
    assert states(world)[-1] is S.LIVE


def test_a_stream_that_flaps_is_watched_again_ever_more_slowly() -> None:
    world = World().start()
    before = len(world.asked(v.Watch))
    up = world.default

    def flap(request: v.Watch) -> None:
        up(request)
        world.tell(v.StreamDown(request.stream, failure("NetworkError", Operation.STREAM)))

    world.answers[v.Watch] = flap
    world.lose(K.BOOK)
    world.system.run_for(60.0)
    assert len(world.asked(v.Watch)) - before < 40


def test_a_venue_without_user_stream_is_live_and_polled() -> None:
    world = World()
    world.capabilities = msgspec.structs.replace(world.capabilities, streams=(K.BOOK, K.TRADES))
    world.start()
    world.system.run_for(11.0)
    assert len(world.asked(v.FetchOpenOrders)) == 2


def test_a_restart_numbers_its_epochs_above_the_old_ones() -> None:
    world = World().start()
    first = world.heard(EpochOpened)[-1]
    world.system.fail("/exchange", "on purpose")
    world.system.run_for(5.0)
    second = world.heard(EpochOpened)[-1]
    assert second.epoch > first.epoch
    assert second.as_of > first.as_of
    assert second.reason == "restart"


def test_an_account_that_lost_its_state_gets_a_new_epoch_when_it_asks() -> None:
    world = World().start()
    world.exchange.tell(OpenEpoch("portfolio restarted"))
    world.system.run_until_idle()
    assert [epoch.reason for epoch in world.heard(EpochOpened)] == ["start", "portfolio restarted"]


# ------------------------------------------------------------------ places


def test_a_place_of_an_older_epoch_is_answered_and_never_sent() -> None:
    world = World().start()
    old = world.epoch
    world.exchange.tell(OpenEpoch("test"))
    world.place("late", epoch=old)
    (answer,) = world.heard(PlaceAnswered)
    assert answer.failure is not None
    assert (answer.failure.error, answer.verdict) == ("StaleEpoch", PlaceVerdict.DENIED)
    assert not world.asked(v.CreateOrder)


def test_a_place_past_its_deadline_is_answered_and_never_sent() -> None:
    world = World().start()
    world.system.run_for(1.0)
    world.place("old", deadline_s=0.5)
    (answer,) = world.heard(PlaceAnswered)
    assert answer.failure is not None
    assert answer.failure.error == "Expired"
    assert not world.asked(v.CreateOrder)


def test_places_wait_for_the_budget_and_expire_in_the_queue_answered() -> None:
    world = World().start()
    deadline = world.system.clock.monotonic_s() + 1.0
    for number in range(80):
        world.place(f"many{number}", deadline_s=deadline)
    world.system.run_for(10.0)
    answers = world.heard(PlaceAnswered)
    expired = [answer for answer in answers if answer.failure is not None]
    assert len(answers) == 80
    assert {answer.failure.error for answer in expired if answer.failure} == {"Expired"}
    assert len(world.asked(v.CreateOrder)) == 80 - len(expired)
    assert all(at <= deadline for at, request in world.times if isinstance(request, v.CreateOrder))


def test_a_cancel_takes_back_its_own_place_that_still_waits_for_the_budget_instead_of_overtaking_it() -> None:
    world = World().start()
    for number in range(80):
        world.place(f"many{number}")
    world.exchange.tell(SendCancel("many79", None, SYMBOL))
    world.system.run_for(60.0)
    (answer,) = [answer for answer in world.heard(PlaceAnswered) if answer.client_id == "many79"]
    assert answer.verdict is PlaceVerdict.DENIED
    assert answer.failure is not None
    assert answer.failure.error == "Withdrawn"
    assert [answer.client_id for answer in world.heard(CancelAnswered)] == ["many79"]
    assert not world.asked(v.CancelAtVenue)
    assert len(world.asked(v.CreateOrder)) == 79


def test_a_pause_refuses_places_and_lets_cancels_pass() -> None:
    world = World().start()
    world.answers[v.CreateOrder] = lambda r: v.OrderCreated(
        r.request_id, 1.0, r.client_id, r.attempt, SYMBOL, None, failure("RateLimitExceeded", Operation.PLACE)
    )
    world.place("first")
    assert world.heard(PlaceAnswered)[0].verdict is PlaceVerdict.RECONCILE
    assert world.heard(VenuePaused)
    world.answers.clear()
    world.place("second")
    refused = world.heard(PlaceAnswered)[1].failure
    assert refused is not None
    assert refused.error == "VenuePaused"
    world.exchange.tell(SendCancel("first", "v-first", SYMBOL))
    world.system.run_until_idle()
    assert world.heard(CancelAnswered)[0].failure is None
    world.system.run_for(10.1)
    world.place("third")
    assert world.heard(PlaceAnswered)[2].order is not None


def test_a_ban_holds_cancels_too_and_they_go_first_when_it_ends() -> None:
    world = World().start()
    world.answers[v.CreateOrder] = lambda r: v.OrderCreated(
        r.request_id,
        1.0,
        r.client_id,
        r.attempt,
        SYMBOL,
        None,
        failure("DDoSProtection", Operation.PLACE, retry_after_s=20.0),
    )
    world.place("first")
    world.answers.clear()
    asked = len(world.times)
    world.exchange.tell(LookUpOrder("first", None, SYMBOL, 0))
    world.exchange.tell(SendCancel("first", "v-first", SYMBOL))
    world.system.run_for(19.0)
    assert world.times[asked:] == []
    world.system.run_for(2.0)
    assert isinstance(world.times[asked][1], v.CancelAtVenue)


def test_a_ban_outlives_a_restart_of_the_actor() -> None:
    world = World().start()
    world.answers[v.FetchMyTrades] = lambda r: v.RequestFailed(
        r.request_id, 1.0, failure("DDoSProtection", retry_after_s=30.0)
    )
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_until_idle()
    asked = len(world.times)
    world.system.fail("/exchange", "on purpose")
    world.system.run_for(25.0)
    sent = [request for _, request in world.times[asked:] if not isinstance(request, v.CloseVenue)]
    assert sent == []


def test_a_write_of_an_older_incarnation_is_answered_all_the_same() -> None:
    world = World().start()
    world.answers[v.CreateOrder] = lambda _: None
    world.place("slow")
    (request,) = world.asked(v.CreateOrder)
    world.system.fail("/exchange", "on purpose")
    world.system.run_for(5.0)
    world.tell(v.OrderCreated(request.request_id, 1.0, "slow", 1, SYMBOL, order("slow"), None))
    world.system.run_until_idle()
    assert [answer.client_id for answer in world.heard(PlaceAnswered) if answer.order is not None] == ["slow"]


def test_a_duplicate_id_on_a_first_send_halts_and_on_a_re_send_is_looked_up() -> None:
    world = World().start()
    world.answers[v.CreateOrder] = lambda r: v.OrderCreated(
        r.request_id, 1.0, r.client_id, r.attempt, SYMBOL, None, failure("DuplicateOrderId", Operation.PLACE)
    )
    world.place("again", attempt=2)
    assert world.heard(PlaceAnswered)[0].verdict is PlaceVerdict.RECONCILE
    assert not world.heard(HaltAccount)
    world.place("twin", attempt=1)
    assert world.heard(HaltAccount)


def test_a_reply_of_a_changed_shape_leaves_the_order_unknown_and_restarts_the_actor() -> None:
    world = World().start()
    world.answers[v.CreateOrder] = lambda r: v.OrderCreated(
        r.request_id,
        1.0,
        r.client_id,
        r.attempt,
        SYMBOL,
        None,
        failure("KeyError", Operation.PLACE, bases=("LookupError", "Exception")),
    )
    world.place("odd")
    world.system.run_for(5.0)
    assert world.heard(PlaceAnswered)[0].verdict is PlaceVerdict.RECONCILE
    assert len(world.actors) == 2


def test_a_cancel_refused_for_its_time_stamp_is_sent_again_after_the_clock_was_read() -> None:
    world = World().start()
    answers = iter([failure("InvalidNonce", Operation.CANCEL), None])

    def cancel(request: v.CancelAtVenue) -> v.CancelDone:
        wrong = next(answers)
        done = None if wrong else order(request.client_id, "canceled")
        return v.CancelDone(request.request_id, 1.0, request.client_id, SYMBOL, done, wrong)

    world.answers[v.CancelAtVenue] = cancel
    world.exchange.tell(SendCancel("c1", "v-c1", SYMBOL))
    world.system.run_for(2.0)
    assert [answer.failure for answer in world.heard(CancelAnswered)] == [None]
    assert any(request.resync for request in world.asked(v.FetchTime))


def test_a_cancel_passes_while_the_venue_rests() -> None:
    world = World().start()
    world.lose(K.ORDERS, "AuthenticationError")
    assert states(world)[-1] is S.DOWN
    world.exchange.tell(SendCancel("c1", "v-c1", SYMBOL))
    world.system.run_until_idle()
    assert world.asked(v.CancelAtVenue)


# ------------------------------------------------------------------ the account


def test_an_account_reading_is_repeated_until_no_event_came_between() -> None:
    world = World().start()
    noise = iter(range(3))

    def balance(request: v.FetchBalance) -> v.BalanceFetched:
        if next(noise, None) is not None:
            world.tell(v.OrdersStreamed((order("a"),)))
        return v.BalanceFetched(request.request_id, 1.0, world.balances)

    world.answers[v.FetchBalance] = balance
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_for(10.0)
    (read,) = world.heard(AccountRead)
    assert read.settled
    assert read.as_of == max(seen.sequence for seen in world.heard(OrderSeen))
    assert len(world.asked(v.FetchBalance)) == 1 + 4


def test_an_audit_is_read_once_and_lets_places_go_first() -> None:
    world = World().start()
    world.answers[v.FetchBalance] = lambda r: (
        world.tell(v.OrdersStreamed((order("a"),))),
        v.BalanceFetched(r.request_id, 1.0, world.balances),
    )[1]
    asked = len(world.asked(v.FetchBalance))
    for number in range(30):
        world.place(f"many{number}")
    world.exchange.tell(ReadAccount(world.epoch, (), 0, audit=True))
    world.system.run_for(60.0)
    (read,) = world.heard(AccountRead)
    kinds = [type(request) for _, request in world.times]
    last_place = max(index for index, kind in enumerate(kinds) if kind is v.CreateOrder)
    assert not read.settled
    assert len(world.asked(v.FetchBalance)) == asked + 1
    assert v.FetchMyTrades not in kinds[:last_place]


def test_an_account_that_never_rests_is_unsettled_after_five_readings() -> None:
    world = World().start()

    def balance(request: v.FetchBalance) -> v.BalanceFetched:
        world.tell(v.TradesStreamed((trade(1),)))
        return v.BalanceFetched(request.request_id, 1.0, world.balances)

    world.answers[v.FetchBalance] = balance
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_for(20.0)
    (read,) = world.heard(AccountRead)
    assert not read.settled
    assert len(world.asked(v.FetchBalance)) == 1 + 5


def test_trades_that_appear_during_a_reading_repeat_it() -> None:
    world = World().start()
    pages = iter([(), (trade(1),)])

    def trades(request: v.FetchMyTrades) -> v.TradesFetched:
        return v.TradesFetched(request.request_id, 1.0, next(pages, (trade(1),)))

    world.answers[v.FetchMyTrades] = trades
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_for(5.0)
    (read,) = world.heard(AccountRead)
    assert (read.settled, [found.trade_id for found in read.trades]) == (True, ["t1"])
    assert len(world.asked(v.FetchMyTrades)) == 4


def test_an_account_that_had_money_and_comes_back_empty_is_halted() -> None:
    world = World().start()
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_for(1.0)
    world.balances = ()
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_for(1.0)
    assert "comes back empty" in world.heard(HaltAccount)[0].cause
    assert not world.heard(AccountRead)[-1].settled


def test_an_account_that_was_always_empty_is_only_empty() -> None:
    world = World()
    world.balances = ()
    world.start()
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_for(1.0)
    assert world.heard(AccountRead)[0].settled
    assert not world.heard(HaltAccount)


def test_a_connection_lost_during_a_reading_ends_it_unsettled() -> None:
    world = World().start()
    world.answers[v.FetchBalance] = lambda _: None
    world.exchange.tell(ReadAccount(world.epoch, (), 0))
    world.system.run_until_idle()
    world.lose(K.ORDERS)
    (read,) = world.heard(AccountRead)
    assert not read.settled
    assert read.failure is not None


def test_the_user_stream_is_checked_each_minute_and_dropped_when_it_lost_an_order() -> None:
    world = World().start()
    world.open_orders = (order("silent", filled="0.5"),)
    world.system.run_for(61.0)
    assert world.heard(OrderSeen)[0].order.client_id == "silent"
    assert not world.asked(v.DropClient)
    world.system.run_for(60.0)
    assert "never told" in world.asked(v.DropClient)[0].reason


def test_an_order_that_the_stream_told_raises_no_suspicion() -> None:
    world = World().start()
    world.tell(v.OrdersStreamed((order("loud", filled="0.5"),)))
    world.open_orders = (order("loud", filled="0.5"),)
    world.system.run_for(200.0)
    assert not world.asked(v.DropClient)


def test_trades_without_a_fee_are_read_by_request() -> None:
    world = World().start()
    world.answers[v.FetchMyTrades] = lambda r: v.TradesFetched(r.request_id, 1.0, (trade(1),))
    world.tell(v.TradesStreamed((), incomplete=(SYMBOL,)))
    world.system.run_until_idle()
    assert [seen.trade.trade_id for seen in world.heard(TradeSeen)] == ["t1"]


# ------------------------------------------------------------------ looking up


def test_a_look_up_that_finds_nothing_anywhere_is_a_vote() -> None:
    world = World().start()
    asked_ms = world.system.clock.now_ms()
    world.exchange.tell(LookUpOrder("gone", None, SYMBOL, 0))
    world.system.run_for(1.0)
    (done,) = world.heard(LookUpDone)
    assert (done.order, done.counts) == (None, True)
    assert world.asked(v.FetchOrder)
    assert world.asked(v.FetchOpenOrders)
    assert world.asked(v.FetchRecentOrders)
    assert done.venue_ms == asked_ms + 250, "by the venue's clock"


def test_a_look_up_counts_nothing_where_the_stream_broke_in_between() -> None:
    world = World().start()
    held: list[v.FetchMyTrades] = []
    world.answers[v.FetchMyTrades] = held.append
    world.exchange.tell(LookUpOrder("gone", None, SYMBOL, 0))
    world.system.run_until_idle()
    world.lose(K.ORDERS)
    world.system.run_for(5.0)
    world.tell(v.TradesFetched(held[0].request_id, 1.0, ()))
    world.system.run_until_idle()
    assert [done.counts for done in world.heard(LookUpDone)] == [False]


def test_an_order_found_among_the_open_ones_is_told_with_its_trades() -> None:
    world = World().start()
    world.open_orders = (order("a"),)
    world.answers[v.FetchMyTrades] = lambda r: v.TradesFetched(r.request_id, 1.0, (trade(1), trade(2)))
    world.exchange.tell(LookUpOrder("a", None, SYMBOL, 0))
    world.system.run_for(1.0)
    (done,) = world.heard(LookUpDone)
    assert done.order == order("a")
    assert [found.trade_id for found in done.trades] == ["t1", "t2"]


def test_a_look_up_that_cannot_be_read_says_so_and_counts_nothing() -> None:
    world = World().start()
    world.answers[v.FetchOpenOrders] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("RequestTimeout"))
    world.exchange.tell(LookUpOrder("gone", None, SYMBOL, 0))
    world.system.run_for(10.0)
    (done,) = world.heard(LookUpDone)
    assert not done.counts
    assert done.failure is not None
    assert len(world.asked(v.FetchOpenOrders)) == 3


# ------------------------------------------------------------------ market data


def test_a_quiet_market_is_compared_and_left_alone() -> None:
    world = World().start()
    world.system.run_for(120.0)
    assert world.asked(v.FetchBook)
    assert not world.asked(v.DropClient)


def test_a_silent_stream_whose_book_moved_is_dropped() -> None:
    world = World().start()
    world.answers[v.FetchBook] = lambda r: v.BookFetched(
        r.request_id, 1.0, SYMBOL, ((98.0, 1.0),), ((100.0, 1.0),), 99.0, 101.0
    )
    world.system.run_for(29.0)
    assert not world.asked(v.DropClient)
    world.system.run_for(15.0)
    assert "silent" in world.asked(v.DropClient)[0].reason


def test_a_stale_book_is_repeated_only_if_the_venue_confirms_it() -> None:
    world = World().start()
    world.exchange.tell(ResyncBook(SYMBOL, "stale: no update for 5.0 s"))
    world.system.run_until_idle()
    assert world.asked(v.RepeatBook)
    world.answers[v.FetchBook] = lambda r: v.BookFetched(
        r.request_id, 1.0, SYMBOL, ((98.0, 1.0),), ((100.0, 1.0),), 99.0, 101.0
    )
    world.exchange.tell(ResyncBook(SYMBOL, "stale: no update for 5.0 s"))
    world.system.run_until_idle()
    assert len(world.asked(v.RepeatBook)) == 1


def test_a_book_with_a_gap_of_ours_is_repeated_and_a_crossed_one_connected_anew() -> None:
    world = World().start()
    world.exchange.tell(ResyncBook(SYMBOL, "gap: 3 after 1"))
    world.system.run_until_idle()
    assert (len(world.asked(v.RepeatBook)), len(world.asked(v.DropClient))) == (1, 0)
    world.exchange.tell(ResyncBook(SYMBOL, "crossed: bid 2 at or above ask 1"))
    world.system.run_until_idle()
    assert len(world.asked(v.DropClient)) == 1


def test_candles_that_cannot_be_read_are_answered_with_the_reason() -> None:
    world = World().start()
    world.answers[v.FetchCandles] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("NotSupported"))
    world.exchange.tell(CandlesRequest(SYMBOL, "1m", None, 10))
    world.system.run_for(5.0)
    (read,) = world.heard(CandlesRead)
    assert read.error is not None
    assert "NotSupported" in read.error


# ------------------------------------------------------------------ supervision


def test_readings_of_a_changed_shape_spend_the_restart_budget_and_park_the_actor() -> None:
    world = World()
    world.answers[v.FetchMarkets] = lambda r: v.RequestFailed(
        r.request_id, 1.0, failure("TypeError", bases=("Exception",))
    )
    world.start(live=False)
    world.system.run_for(50.0)
    cell = world.system.tree().find("/exchange")
    assert cell is not None
    assert cell.state is CellState.PARKED
    assert len(world.actors) == 6


# ------------------------------------------------------------------ clocks


def test_a_refused_time_stamp_is_cured_by_reading_the_clock_even_for_many_readings_at_once() -> None:
    world = World().start()
    cured = False

    def orders(request: v.FetchOpenOrders) -> object:
        if cured:
            return v.OrdersFetched(request.request_id, 1.0, ())
        return v.RequestFailed(request.request_id, 1.0, failure("InvalidNonce"))

    def clock(request: v.FetchTime) -> object:
        nonlocal cured
        cured = cured or request.resync
        return world.default(request)

    world.answers[v.FetchOpenOrders], world.answers[v.FetchTime] = orders, clock
    for number in range(8):
        world.exchange.tell(LookUpOrder(f"o{number}", None, SYMBOL, 0))
    world.system.run_for(20.0)
    assert [done.failure for done in world.heard(LookUpDone)] == [None] * 8
    assert not world.heard(HaltAccount)


def test_a_time_stamp_that_no_clock_cures_means_a_second_writer_and_halts() -> None:
    world = World().start()
    world.answers[v.FetchOpenOrders] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("InvalidNonce"))
    for number in range(4):
        world.exchange.tell(LookUpOrder(f"o{number}", None, SYMBOL, 0))
        world.system.run_for(20.0)
    assert "InvalidNonce" in world.heard(HaltAccount)[0].cause

"""The circuit breaker: the pure machine against a model, and what an open one means for an arm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.exchange.breaker import (
    HEALTHY_S,
    IN_A_ROW,
    LEAST_CALLS,
    LONGEST_S,
    PROBE_S,
    WINDOW_S,
    Breaker,
    BreakerState,
)
from ganglion.messages import venue as v
from ganglion.messages.degraded import Degraded, VenueBack, VenueDown
from ganglion.messages.lifecycle import ConnectionState, EpochOpened, Operation
from ganglion.messages.orders import (
    CancelAnswered,
    LookUpDone,
    LookUpOrder,
    OpenEpoch,
    PlaceAnswered,
    PlaceVerdict,
    SendCancel,
)
from tests.actors.exchange.scripted import SYMBOL, World, failure

CALLS = st.lists(st.tuples(st.floats(0.0, 20.0), st.booleans()), max_size=80)


# ------------------------------------------------------------------ the machine


@given(calls=CALLS)
def test_it_opens_exactly_when_five_failed_in_a_row_or_half_of_twenty_within_the_window(
    calls: list[tuple[float, bool]],
) -> None:
    breaker, now, history = Breaker(), 0.0, list[tuple[float, bool]]()
    for pause, failed in calls:
        now += pause
        history.append((now, failed))
        opened = breaker.note(now, failed=failed, reason="x")
        window = [bad for at, bad in history if at > now - WINDOW_S]
        row = [bad for _, bad in history][-IN_A_ROW:]
        half = len(window) >= LEAST_CALLS and sum(window) * 2 >= len(window)
        assert opened == (failed and (half or row == [True] * IN_A_ROW))
        if opened:
            return
        assert breaker.closed


@given(answers=st.lists(st.booleans(), min_size=1, max_size=20))
def test_only_an_answered_probe_closes_it_and_each_comes_after_its_pause(answers: list[bool]) -> None:
    breaker, now = Breaker(), 100.0
    assert breaker.trip(now, "down")
    for answered in answers:
        assert not breaker.try_now(breaker.probe_at_s - 0.001)
        now = breaker.probe_at_s
        assert breaker.try_now(now)
        assert not breaker.try_now(now), "one probe at a time"
        assert breaker.probed(now, answered=answered) == answered
        if answered:
            assert breaker.closed
            return
        assert breaker.probe_at_s == now + PROBE_S
    assert breaker.state is BreakerState.OPEN


def test_one_that_flaps_waits_twice_as_long_up_to_a_minute_and_a_healthy_one_starts_again() -> None:
    breaker, now, waits = Breaker(), 0.0, []
    for _ in range(7):
        breaker.trip(now, "down")
        waits.append(breaker.probe_at_s - now)
        now = breaker.probe_at_s
        breaker.try_now(now)
        breaker.probed(now, answered=True)
        now += 1.0
    assert waits == [5.0, 10.0, 20.0, 40.0, LONGEST_S, LONGEST_S, LONGEST_S]
    breaker.trip(now + HEALTHY_S, "down")
    assert breaker.probe_at_s == now + HEALTHY_S + PROBE_S


def test_a_proof_closes_it_unless_it_flaps() -> None:
    breaker = Breaker()
    breaker.trip(0.0, "down")
    assert breaker.proved(1.0)
    breaker.trip(2.0, "down")
    assert not breaker.proved(3.0)
    assert not breaker.closed


def test_the_first_reason_is_kept_while_it_is_open() -> None:
    breaker = Breaker()
    assert breaker.trip(1.0, "first")
    assert not breaker.trip(2.0, "second")
    assert not any(breaker.note(3.0, failed=True, reason="third") for _ in range(50))
    assert breaker.reason == "first"


# ------------------------------------------------------------------ at work


def broken(world: World, error: str = "ExchangeNotAvailable") -> None:
    """The venue answers no request any more."""
    world.default_before = world.default  # type: ignore[attr-defined]

    def answer(request: object) -> object:
        match request:
            case v.CreateOrder():
                wrong = failure(error, Operation.PLACE)
                return v.OrderCreated(request.request_id, 1.0, request.client_id, request.attempt, SYMBOL, None, wrong)
            case v.CancelAtVenue():
                wrong = failure(error, Operation.CANCEL)
                return v.CancelDone(request.request_id, 1.0, request.client_id, SYMBOL, None, wrong)
            case v.Watch() | v.Unwatch() | v.CloseVenue() | v.DropClient() | v.RepeatBook():
                return None
            case _:
                return v.RequestFailed(request.request_id, 1.0, failure(error))  # type: ignore[attr-defined]

    world.default = answer  # type: ignore[method-assign,assignment]


def healed(world: World) -> None:
    """It does again."""
    del world.default  # type: ignore[method-assign]


def opened(error: str = "ExchangeNotAvailable") -> World:
    """A Live arm whose breaker five places opened."""
    world = World().start()
    broken(world, error)
    for number in range(5):
        world.place(f"p{number}")
    return world


def test_five_failures_in_a_row_open_it_and_places_are_denied_with_its_reason() -> None:
    world = opened()
    (down,) = world.outside.of(VenueDown)
    assert "5 failures in a row" in down.reason
    assert "ExchangeNotAvailable" in down.reason
    world.place("denied")
    answer = world.heard(PlaceAnswered)[-1]
    assert (answer.verdict, answer.failure and answer.failure.error) == (PlaceVerdict.DENIED, "VenueDown")
    assert answer.failure is not None
    assert "ExchangeNotAvailable" in answer.failure.text
    assert len(world.asked(v.CreateOrder)) == 5


def test_while_it_is_open_cancels_and_look_ups_are_sent_at_once() -> None:
    world = opened()
    world.exchange.tell(SendCancel("p0", "v-p0", SYMBOL))
    world.exchange.tell(LookUpOrder("p0", None, SYMBOL, 0))
    world.system.run_until_idle()
    assert world.asked(v.CancelAtVenue)
    assert [request.client_id for request in world.asked(v.FetchOrder)] == ["p0"]


def test_a_probe_each_five_seconds_closes_it_when_the_venue_answers() -> None:
    world = opened()
    asked = len(world.asked(v.FetchTime))
    world.system.run_for(16.0)
    assert len(world.asked(v.FetchTime)) - asked == 3
    assert not world.heard(VenueBack)
    healed(world)
    world.system.run_for(5.0)
    (back,) = world.outside.of(VenueBack)
    assert "after 20.0 s" in back.reason
    world.place("again")
    assert world.heard(PlaceAnswered)[-1].order is not None


def test_what_is_queued_is_denied_when_it_opens() -> None:
    world = World().start()
    broken(world)
    for number in range(60):
        world.exchange.tell(SendCancel(f"c{number}", f"v{number}", SYMBOL))
        world.place(f"p{number}")
    answers = world.heard(PlaceAnswered)
    assert len(answers) == 60
    assert {answer.failure.error for answer in answers[-10:] if answer.failure} == {"VenueDown"}


def test_a_restart_of_the_actor_does_not_close_it() -> None:
    world = opened()
    world.answers[v.FetchTime] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("RequestTimeout"))
    healed(world)
    world.system.fail("/exchange", "on purpose")
    world.system.run_for(4.0)
    assert world.actors[-1].arm.connection.state is ConnectionState.LIVE
    world.place("early")
    answer = world.heard(PlaceAnswered)[-1]
    assert answer.failure is not None
    assert answer.failure.error == "VenueDown"
    del world.answers[v.FetchTime]
    world.system.run_for(10.0)
    assert len(world.actors) == 2
    assert world.heard(VenueBack)


def test_it_is_shown_while_it_is_open_and_told_again_with_each_epoch() -> None:
    world = opened()
    shown = [(seen.what, bool(seen.reason)) for seen in world.heard(Degraded)]
    assert shown == [("breaker", True)]
    world.exchange.tell(OpenEpoch("the portfolio was restarted"))
    world.system.run_until_idle()
    assert len(world.orders.of(VenueDown)) == 2
    healed(world)
    world.system.run_for(6.0)
    assert world.heard(Degraded)[-1].reason == ""


@pytest.mark.parametrize(
    "error", ["RateLimitExceeded", "DDoSProtection", "InvalidNonce", "InvalidOrder", "OrderNotFound"]
)
def test_an_answer_with_a_meaning_of_its_own_is_no_outage(error: str) -> None:
    world = World().start()
    for number in range(10):
        world.answers[v.CancelAtVenue] = lambda r: v.CancelDone(
            r.request_id, 1.0, r.client_id, SYMBOL, None, failure(error, Operation.CANCEL)
        )
        world.exchange.tell(SendCancel(f"c{number}", f"v{number}", SYMBOL))
        world.system.run_for(11.0)
    assert not world.heard(VenueDown)
    assert world.heard(CancelAnswered)


def test_an_unreadable_book_of_one_market_stops_no_trading_in_the_others() -> None:
    world = World().start()
    world.answers[v.FetchBook] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("BadResponse"))
    world.system.run_for(55.0)
    assert len(world.asked(v.FetchBook)) >= 3
    assert not world.heard(VenueDown)


def test_a_venue_that_answers_everything_with_a_web_page_is_waited_for_and_spends_no_restart() -> None:
    world = World().start()
    broken(world, "BadResponse")
    for request in (v.FetchOrder, v.FetchOpenOrders, v.FetchMarkets, v.FetchTime):
        world.answers[request] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("BadResponse"))
    for number in range(20):
        world.exchange.tell(LookUpOrder(f"p{number}", "v", SYMBOL, 0))
        world.system.run_for(1.0)
    assert world.heard(VenueDown)
    assert len(world.actors) == 1


def test_maintenance_opens_it_at_once_and_the_account_is_read_anew_afterwards() -> None:
    world = World().start()
    broken(world, "OnMaintenance")
    world.place("p")
    assert world.heard(VenueDown)
    epochs = len(world.heard(EpochOpened))
    healed(world)
    world.system.run_for(6.0)
    assert [epoch.reason for epoch in world.heard(EpochOpened)[epochs:]] == ["after maintenance"]


def test_a_venue_that_is_back_after_a_lost_connection_is_traded_on_at_once() -> None:
    world = opened()
    world.lose(v.StreamKind.ORDERS)
    healed(world)
    world.system.run_for(2.0)
    assert world.actors[-1].arm.connection.state is ConnectionState.LIVE
    assert world.outside.of(VenueBack)
    world.place("again")
    assert world.heard(PlaceAnswered)[-1].order is not None


def test_a_pause_that_the_venue_asked_for_outlasts_a_breaker_that_closes_early() -> None:
    world = opened()
    budget = world.memory.budget
    assert budget is not None
    budget.ban(world.system.clock.monotonic_s() + 3.0)
    world.lose(v.StreamKind.ORDERS)
    healed(world)
    world.system.run_for(2.0)
    world.place("early")
    assert world.heard(PlaceAnswered)[-1].order is None


def test_a_look_up_under_an_open_breaker_counts_nothing() -> None:
    world = opened()
    world.exchange.tell(LookUpOrder("p0", None, SYMBOL, 0))
    world.system.run_for(4.0)
    (done,) = world.heard(LookUpDone)
    assert not done.counts

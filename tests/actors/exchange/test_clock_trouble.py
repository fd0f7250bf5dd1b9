"""Refused time stamps and nonces: cured by the venue's clock; what no clock cures halts the account and says why."""

from ganglion.messages import venue as v
from ganglion.messages.lifecycle import HaltAccount, Operation
from ganglion.messages.orders import CancelAnswered, LookUpOrder, PlaceAnswered, PlaceVerdict, SendCancel
from tests.actors.exchange.scripted import SYMBOL, World, failure, order


def refused(world: World) -> None:
    """No place has a time stamp that the venue takes."""
    world.answers[v.CreateOrder] = lambda r: v.OrderCreated(
        r.request_id, 1.0, r.client_id, r.attempt, SYMBOL, None, failure("InvalidNonce", Operation.PLACE)
    )


def test_a_place_refused_for_its_time_stamp_was_not_placed_and_the_clock_is_read() -> None:
    world = World().start()
    refused(world)
    world.place("p")
    assert [answer.verdict for answer in world.heard(PlaceAnswered)] == [PlaceVerdict.REJECTED]
    assert any(request.resync for request in world.asked(v.FetchTime))
    assert not world.heard(HaltAccount)


def test_places_that_no_clock_cures_halt_and_the_cause_names_a_second_bot() -> None:
    world = World().start()
    refused(world)
    for number in range(5):  # the first may have been signed before the clock was ever read
        world.place(f"p{number}")
        world.system.run_for(1.0)
    assert "a second bot may be using this key" in world.heard(HaltAccount)[0].cause


def test_many_places_signed_before_the_clock_was_read_are_one_trouble() -> None:
    world = World().start()
    held: list[v.CreateOrder] = []
    world.answers[v.CreateOrder] = held.append
    for number in range(8):
        world.place(f"p{number}")
    wrong = failure("InvalidNonce", Operation.PLACE)
    for request in held:
        world.tell(v.OrderCreated(request.request_id, 1.0, request.client_id, 1, SYMBOL, None, wrong))
        world.system.run_for(0.1)
    assert len(world.heard(PlaceAnswered)) == 8
    assert not world.heard(HaltAccount)


def test_readings_that_are_refused_while_the_clock_is_being_read_are_one_trouble() -> None:
    world = World().start()
    held: list[v.FetchTime] = []
    world.answers[v.FetchTime] = held.append
    world.answers[v.FetchOrder] = lambda r: v.RequestFailed(r.request_id, 1.0, failure("InvalidNonce"))
    for number in range(6):
        world.exchange.tell(LookUpOrder(f"p{number}", "v", SYMBOL, 0))
        world.system.run_for(0.1)
    assert len([request for request in held if request.resync]) == 1
    assert not world.heard(HaltAccount)


def test_a_success_in_between_ends_the_count() -> None:
    world = World().start()
    for number in range(8):
        wrong = failure("InvalidNonce", Operation.CANCEL) if number % 2 else None
        world.answers[v.CancelAtVenue] = lambda r, wrong=wrong: v.CancelDone(
            r.request_id, 1.0, r.client_id, SYMBOL, None if wrong else order(r.client_id, "canceled"), wrong
        )
        world.exchange.tell(SendCancel(f"c{number}", f"v{number}", SYMBOL))
        world.system.run_for(0.4)
        world.answers[v.CancelAtVenue] = lambda r: v.CancelDone(
            r.request_id, 1.0, r.client_id, SYMBOL, order(r.client_id, "canceled"), None
        )
        world.system.run_for(2.0)
    assert len(world.heard(CancelAnswered)) == 8
    assert not world.heard(HaltAccount)

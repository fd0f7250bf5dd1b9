"""Whatever a venue does and whenever: every command is answered once, nothing is sent twice, the arm comes back."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.messages import venue as v
from ganglion.messages.lifecycle import ConnectionState, Operation
from ganglion.messages.orders import CancelAnswered, LookUpDone, LookUpOrder, PlaceAnswered, SendCancel
from tests.actors.exchange.scripted import SYMBOL, World, failure

ERRORS = ["RequestTimeout", "ExchangeNotAvailable", "RateLimitExceeded", "InvalidNonce", "InvalidOrder", "KeyError"]
PHASES = ["before_send", "maybe_sent", "after_reply"]
STEPS = st.one_of(
    st.tuples(st.just("place"), st.none()),
    st.tuples(st.just("cancel"), st.none()),
    st.tuples(st.just("look_up"), st.none()),
    st.tuples(st.just("lose"), st.sampled_from([v.StreamKind.ORDERS, v.StreamKind.BOOK])),
    st.tuples(st.just("crash"), st.none()),
    st.tuples(st.just("wait"), st.floats(0.01, 15.0)),
    st.tuples(st.just("break"), st.tuples(st.sampled_from(ERRORS), st.sampled_from(PHASES))),
    st.tuples(st.just("hold"), st.none()),
    st.tuples(st.just("heal"), st.none()),
)


class Schedule:
    """Plays steps on a world and counts what was commanded."""

    def __init__(self) -> None:
        self.world = World().start()
        self.places: list[str] = []
        self.cancels: list[str] = []
        self.look_ups: list[str] = []
        self.held: list[tuple[Any, Any]] = []
        self.crashes = 0

    def play(self, what: str, how: Any) -> None:
        world, number = self.world, len(self.places) + len(self.cancels) + len(self.look_ups)
        name = f"c{number}"
        if what == "place":
            self.places.append(name)
            world.place(name)
        elif what == "cancel":
            self.cancels.append(name)
            world.exchange.tell(SendCancel(name, f"v-{name}", SYMBOL))
        elif what == "look_up":
            self.look_ups.append(name)
            world.exchange.tell(LookUpOrder(name, None, SYMBOL, 0))
        elif what == "lose":
            world.lose(how)
        elif what == "crash" and self.crashes < 4:  # a fifth within 60 s would park it, as it should
            self.crashes += 1
            world.system.fail("/exchange", "on purpose")
        elif what == "wait":
            world.system.run_for(how)
        elif what == "break":
            self.break_writes(*how)
        elif what == "hold":
            world.answers[v.CreateOrder] = world.answers[v.CancelAtVenue] = self.hold
        elif what == "heal":
            self.heal()

    def hold(self, request: Any) -> None:
        self.held.append((self.world.default(request), self.world.venues[-1].reply_to))

    def break_writes(self, error: str, phase: str) -> None:
        if error == "KeyError":
            phase = "before_send"  # anywhere else it restarts the actor: that is what "crash" is for

        def place(request: v.CreateOrder) -> v.OrderCreated:
            wrong = failure(error, Operation.PLACE, phase)
            return v.OrderCreated(request.request_id, 1.0, request.client_id, request.attempt, SYMBOL, None, wrong)

        def cancel(request: v.CancelAtVenue) -> v.CancelDone:
            wrong = failure(error, Operation.CANCEL, phase)
            return v.CancelDone(request.request_id, 1.0, request.client_id, SYMBOL, None, wrong)

        self.world.answers[v.CreateOrder], self.world.answers[v.CancelAtVenue] = place, cancel

    def heal(self) -> None:
        self.world.answers.clear()
        held, self.held = self.held, []
        for reply, reply_to in held:
            reply_to.tell(reply)


@settings(max_examples=60)
@given(steps=st.lists(STEPS, max_size=25))
def test_every_command_is_answered_once_and_nothing_is_sent_twice(steps: list[tuple[str, Any]]) -> None:
    schedule = Schedule()
    for what, how in steps:
        schedule.play(what, how)
    schedule.heal()
    world = schedule.world
    world.system.run_for(180.0)
    assert Counter(answer.client_id for answer in world.heard(PlaceAnswered)) == Counter(schedule.places)
    assert Counter(answer.client_id for answer in world.heard(CancelAnswered)) == Counter(schedule.cancels)
    assert Counter(answer.client_id for answer in world.heard(LookUpDone)) == Counter(schedule.look_ups)
    sent = Counter(request.client_id for request in world.asked(v.CreateOrder))
    assert all(times == 1 for times in sent.values())
    assert world.actors[-1].arm.connection.state is ConnectionState.LIVE
    assert len(world.actors[-1].arm.sender) == 0

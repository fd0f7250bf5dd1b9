"""Asking: from outside only, typed, with a deadline that is kept, and never hanging."""

import threading

import pytest

from ganglion.messages.lifecycle import DeadLetter
from ganglion.supervision import (
    Actor,
    Address,
    AskInsideActor,
    Deadlock,
    Expired,
    Message,
    ProtocolError,
    Request,
    SupervisionError,
    System,
    Timeout,
    receives,
)
from tests.supervision.cast import Add, Boom, Counter, Note, Read, eventually, info, settle


class Order(Request[int], frozen=True, gc=False):
    """Buy something; must not happen once nobody waits for it."""


class Wait(Message, frozen=True, gc=False):
    """Hold everybody up."""


class Exchange(Actor[Order | Wait]):
    """Takes orders, unless it is held up."""

    def __init__(self, gate: threading.Event, orders: list[Order]) -> None:
        self._gate = gate
        self._orders = orders

    @receives
    def order(self, message: Order) -> int:
        self._orders.append(message)
        return len(self._orders)

    @receives
    def wait(self, message: Wait) -> None:
        assert self._gate.wait(10.0)


def test_an_ask_is_answered_with_what_the_handler_returns(system):
    counter = system.spawn(Counter)
    counter.tell(Add(3))
    assert counter.ask(Read()) == 3
    assert counter.ask(Read(), block=False).get(timeout=5.0) == 3


def test_an_ask_that_waits_in_vain_times_out_and_is_not_handled_later(live):
    gate, orders = threading.Event(), []
    exchange = live.spawn(lambda: Exchange(gate, orders), name="exchange", dispatcher="aside")
    exchange.tell(Wait())
    with pytest.raises(Timeout):
        exchange.ask(Order(), timeout=0.02)
    late = exchange.ask(Order(), block=False, timeout=0.0)
    gate.set()
    with pytest.raises(Expired, match="Order came up after its asker's timeout"):
        late.get(timeout=5.0)
    assert orders == []
    assert live.dead_letters == {"Order": 2}
    assert exchange.ask(Order(), timeout=5.0) == 1


def test_in_the_simulation_a_timeout_passes_in_virtual_time(simulation):
    before_s = simulation.clock.monotonic_s()
    with pytest.raises(Timeout, match="no answer by"):
        simulation.address("/nobody").ask(Read(), timeout=3_600.0)
    assert simulation.clock.monotonic_s() == before_s + 3_600.0


def test_an_expired_message_is_told_as_a_dead_letter(simulation):
    probe = simulation.probe()
    simulation.events.subscribe(probe.address, DeadLetter)
    address = simulation.address("/counter")
    with pytest.raises(Timeout):
        address.ask(Read(), timeout=1.0)
    simulation.run_for(1.0)
    simulation.spawn(Counter)
    assert probe.expect(DeadLetter) == DeadLetter("/counter", "Read", "its asker had stopped waiting")


def test_an_ask_that_can_never_be_answered_is_a_deadlock_that_names_who_waits(simulation):
    with pytest.raises(Deadlock, match=r"/nobody \(reserved, 1 stashed\)"):
        simulation.address("/nobody").ask(Read())


def test_a_deadlock_is_seen_at_once_and_not_after_old_deadlines(simulation):
    simulation.spawn(Counter)
    before_s = simulation.clock.monotonic_s()
    with pytest.raises(Deadlock):
        simulation.address("/nobody").ask(Read())
    assert simulation.clock.monotonic_s() == before_s


class Curious(Actor[Note]):
    """Asks another actor, which it may not."""

    def __init__(self, other: Address[Read], errors: list[SupervisionError]) -> None:
        self._other = other
        self._errors = errors

    @receives
    def note(self, message: Note) -> None:
        try:
            self._other.ask(Read())
        except AskInsideActor as error:
            self._errors.append(error)


def test_an_ask_inside_an_actor_is_refused_at_once_on_its_own_dispatcher(system):
    errors: list[SupervisionError] = []
    counter = system.spawn(Counter)
    system.spawn(lambda: Curious(counter, errors), name="curious").tell(Note(""))
    eventually(system, lambda: len(errors) == 1)
    assert "/curious asked /counter for Read" in str(errors[0])
    assert info(system, "/counter").handled == 0


def test_an_ask_inside_an_actor_is_refused_on_any_other_dispatcher_too(live):
    errors: list[SupervisionError] = []
    counter = live.spawn(Counter, dispatcher="one")
    live.spawn(lambda: Curious(counter, errors), name="curious", dispatcher="two").tell(Note(""))
    live.dispatcher("own-thread", "thread")
    live.spawn(lambda: Curious(counter, errors), name="curious-too", dispatcher="own-thread").tell(Note(""))
    eventually(live, lambda: len(errors) == 2)


def test_an_ask_from_one_systems_actor_into_another_system_is_refused_too(system):
    other = System(dispatcher="simulated")
    errors: list[SupervisionError] = []
    counter = other.spawn(Counter)
    system.spawn(lambda: Curious(counter, errors), name="curious").tell(Note(""))
    eventually(system, lambda: len(errors) == 1)
    other.stop()


def test_an_ask_from_a_start_hook_is_refused_as_well(system):
    errors: list[str] = []
    counter = system.spawn(Counter)

    class Eager(Counter):
        """Asks as it starts."""

        def on_start(self) -> None:
            try:
                counter.ask(Read())
            except AskInsideActor as error:
                errors.append(str(error))

    system.spawn(Eager)
    assert len(errors) == 1


def test_only_a_request_can_be_asked(system):
    counter = system.spawn(Counter)
    with pytest.raises(ProtocolError, match="Add is no Request"):
        counter.ask(Add())  # type: ignore[call-overload]


def test_a_request_outside_the_protocol_is_refused_before_it_is_sent(system):
    counter = system.spawn(Counter)
    with pytest.raises(ProtocolError, match="can't receive Order; it knows Add, AskedBoom, Boom, End, Read"):
        counter.ask(Order())
    assert system.dead_letters == {}


def test_a_request_outside_the_protocol_of_who_starts_later_is_answered_with_the_error(system):
    pending = system.address("/counter").ask(Order(), block=False)
    system.spawn(Counter)
    with pytest.raises(ProtocolError, match="/counter can't receive Order"):
        pending.get(timeout=5.0)


def test_a_request_that_is_only_told_is_handled_and_its_answer_thrown_away(system):
    counter = system.spawn(Counter)
    counter.tell(Read())
    assert counter.ask(Read(), timeout=5.0) == 0
    assert info(system, "/counter").handled == 2


def test_what_is_no_message_cannot_be_told_to_one_who_looks_at_its_messages(system):
    probe = system.probe()
    with pytest.raises(ProtocolError, match="'hello' is no Message"):
        probe.address.tell("hello")


def test_what_is_no_message_and_told_to_one_who_does_not_look_is_a_dead_letter_that_says_so(system):
    probe = system.probe()
    system.events.subscribe(probe.address, DeadLetter)
    counter = system.spawn(Counter)
    counter.tell("hello")
    letter = probe.expect(DeadLetter)
    assert (letter.path, letter.type) == ("/counter", "str")
    assert "a str is no Message" in letter.reason
    assert settle(system, counter) == 0


def test_several_threads_ask_at_once_and_each_gets_its_own_answer(live):
    class Double(Request[int], frozen=True, gc=False):
        """Answered with twice the number."""

        number: int

    class Doubler(Actor[Double]):
        """Doubles."""

        @receives
        def double(self, message: Double) -> int:
            return 2 * message.number

    doubler = live.spawn(Doubler)
    answers: dict[int, int] = {}

    def ask(start: int) -> None:
        for number in range(start, start + 100):
            answers[number] = doubler.ask(Double(number), timeout=5.0)

    threads = [threading.Thread(target=ask, args=(100 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: 2 * number for number in range(400)}


def test_an_endless_exchange_of_messages_in_one_instant_is_an_error_and_no_hang(simulation, monkeypatch):
    from ganglion.supervision.dispatchers import simulated

    monkeypatch.setattr(simulated, "RUNAWAY", 1_000)

    class Ping(Actor[Note]):
        """Answers itself for ever."""

        @receives
        def note(self, message: Note) -> None:
            self.address.tell(message)

    simulation.spawn(Ping).tell(Note(""))
    with pytest.raises(RuntimeError, match="answer each other for ever"):
        simulation.run_until_idle()
    with pytest.raises(RuntimeError, match="answer each other for ever"):
        simulation.wait_for(lambda: False, timeout_s=1.0)
    with pytest.raises(RuntimeError, match="answer each other for ever"):
        simulation.address("/nobody").ask(Read(), timeout=1.0)
    simulation.address("/ping")._cell.terminate("enough")


def test_a_crash_while_somebody_waits_does_not_swallow_the_question(simulation):
    counter = simulation.spawn(Counter)
    counter.tell(Boom())
    pending = counter.ask(Read(), block=False)
    simulation.run_for(60.0)
    assert pending.get(timeout=0) == 0

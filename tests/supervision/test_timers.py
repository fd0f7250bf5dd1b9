"""Timers: they fire in order, can be cancelled, and die with the incarnation that set them."""

import pytest

from ganglion.messages.lifecycle import Tick
from ganglion.supervision import Actor, Backoff, ChildSpec, ProtocolError, Timer, receives
from tests.supervision.cast import Boom, Note, Price, eventually, info, reaches, supervise


class Clockwork(Actor[Tick | Note | Boom]):
    """Sets a timer as it starts, and writes down what fires."""

    def __init__(self, log: list[tuple[str, int]], delay_s: float = 1.0) -> None:
        self._log = log
        self._delay_s = delay_s

    def on_start(self) -> None:
        self.after(self._delay_s, Tick("start"))

    @receives
    def tick(self, message: Tick) -> None:
        self._log.append((message.key, self.incarnation))

    @receives
    def note(self, message: Note) -> None:
        """Set a timer for each word."""
        for delay_s, word in enumerate(message.text.split()):
            self.after(float(delay_s), Tick(word))

    @receives
    def boom(self, message: Boom) -> None:
        raise ValueError("boom")


def test_a_timer_fires_after_its_delay_and_once(simulation):
    log: list[tuple[str, int]] = []
    simulation.spawn(lambda: Clockwork(log), name="c")
    simulation.run_for(0.999)
    assert log == []
    simulation.run_for(0.002)
    simulation.run_for(100.0)
    assert log == [("start", 1)]


def test_a_timer_fires_on_every_driver(system):
    log: list[tuple[str, int]] = []
    system.spawn(lambda: Clockwork(log, delay_s=0.01), name="c")
    eventually(system, lambda: log == [("start", 1)])


def test_timers_fire_in_the_order_of_their_times_and_those_of_one_instant_as_they_were_set(simulation):
    log: list[tuple[str, int]] = []
    address = simulation.spawn(lambda: Clockwork(log, delay_s=50.0), name="c")
    address.tell(Note("a b c"))
    address.tell(Note("d e f"))
    simulation.run_for(10.0)
    assert [key for key, _ in log] == ["a", "d", "b", "e", "c", "f"]


def test_a_cancelled_timer_does_not_fire(simulation):
    timers: list[Timer] = []
    log: list[str] = []

    class Fickle(Actor[Tick]):
        """Changes its mind."""

        def on_start(self) -> None:
            timers.extend([self.after(1.0, Tick("kept")), self.after(1.0, Tick("cancelled"))])

        @receives
        def tick(self, message: Tick) -> None:
            log.append(message.key)

    simulation.spawn(Fickle)
    timers[1].cancel()
    simulation.run_for(5.0)
    assert log == ["kept"]


def test_a_timer_dies_with_its_incarnation(simulation):
    log: list[tuple[str, int]] = []
    supervise(simulation, [ChildSpec("c", lambda: Clockwork(log))])
    simulation.run_for(0.5)
    simulation.address("/top/c").tell(Boom())
    simulation.run_for(0.75)
    assert log == []
    simulation.run_for(0.5)
    assert log == [("start", 2)]


def test_a_timer_that_comes_due_between_two_incarnations_is_not_for_the_next(simulation):
    log: list[tuple[str, int]] = []
    slow = Backoff(base_s=8.0, cap_s=8.0)
    supervise(simulation, [ChildSpec("c", lambda: Clockwork(log, delay_s=0.01))], backoff=slow)
    simulation.address("/top/c").tell(Boom())
    simulation.run_until_idle()
    reaches(simulation, "/top/c", incarnation=2)
    simulation.run_for(5.0)
    assert log == [("start", 2)]


def test_a_timer_that_has_fired_but_not_been_handled_dies_with_its_incarnation_too(simulation):
    log: list[tuple[str, int]] = []
    supervise(simulation, [ChildSpec("c", lambda: Clockwork(log, delay_s=50.0))])
    address = simulation.address("/top/c")
    address.tell(Note("now"))
    simulation.run_until_idle()
    log.clear()
    address.tell(Note("now now"))
    simulation.core.step()
    simulation.core.step()  # the timer fires; its message is behind the next one only if that one is first
    simulation.fail("/top/c")
    simulation.run_for(20.0)
    assert log == []
    assert info(simulation, "/top/c").incarnation == 2


def test_a_timer_of_a_stopped_actor_does_nothing(simulation):
    log: list[tuple[str, int]] = []
    address = simulation.spawn(lambda: Clockwork(log), name="c")
    address.stop(timeout=1.0)
    simulation.run_for(5.0)
    assert (log, simulation.dead_letters) == ([], {})


def test_a_handler_that_fails_at_a_timers_message_fails_at_that_fact(simulation):
    class Fragile(Actor[Tick]):
        """Breaks on its first tick."""

        def on_start(self) -> None:
            if self.incarnation == 1:
                self.after(1.0, Tick("break"))

        @receives
        def tick(self, message: Tick) -> None:
            raise ValueError(message.key)

    supervise(simulation, [ChildSpec("f", Fragile)])
    simulation.run_for(2.0)
    failure = info(simulation, "/top/f").last_failure
    assert failure is not None
    assert (failure.message, failure.text, failure.fact[:5]) == ("Tick", "break", "Tick:")


def test_a_timer_with_a_message_outside_the_protocol_is_a_dead_letter(simulation):
    class Confused(Actor[Tick]):
        """Tells itself what it can't receive."""

        def on_start(self) -> None:
            self.after(1.0, Price("BTC", 1.0))  # type: ignore[arg-type]

        @receives
        def tick(self, message: Tick) -> None:
            """Never comes."""

    simulation.spawn(Confused)
    simulation.run_for(2.0)
    assert simulation.dead_letters == {"Price": 1}
    assert info(simulation, "/confused").incarnation == 1


def test_the_virtual_clock_moves_only_when_the_simulation_runs(simulation):
    at_s, at_ms = simulation.clock.monotonic_s(), simulation.clock.now_ms()
    simulation.run_for(12.5)
    assert simulation.clock.monotonic_s() == at_s + 12.5
    assert simulation.clock.now_ms() == at_ms + 12_500


def test_only_a_simulation_can_be_run_by_hand(live):
    with pytest.raises(ProtocolError, match="run by hand"):
        live.run_for(1.0)

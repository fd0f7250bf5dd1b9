"""A blocked `ask` in the simulation says who waits on whom, and why."""

import pytest

from ganglion.messages.lifecycle import Tick
from ganglion.supervision import (
    Actor,
    Backoff,
    Budget,
    ChildSpec,
    Deadlock,
    Supervisor,
    Timeout,
    receives,
)
from tests.supervision.cast import Add, Boom, Counter, Read, eventually, info


class Patient(Actor[Tick]):
    """Has a timer running."""

    def on_start(self):
        self.after(90.0, Tick("look at age"))

    @receives
    def tick(self, message: Tick) -> None:
        self.after(90.0, message)


def crashed(simulation):
    """A counter that failed once and waits an hour to be started again."""
    spec = ChildSpec("counter", Counter, budget=Budget(5, 1e6))
    simulation.spawn(lambda: Supervisor([spec], backoff=Backoff(base_s=3_600, cap_s=3_600)), name="group")
    counter = simulation.address("/group/counter")
    counter.tell(Boom())
    eventually(simulation, lambda: info(simulation, "/group/counter").state == "suspended")
    return counter


def told(error):
    return str(error.value)


def test_a_deadlock_names_the_asker_the_asked_and_what_was_asked(simulation):
    with pytest.raises(Deadlock) as error:
        simulation.address("/nobody").ask(Read())
    here = "test_a_deadlock_names_the_asker_the_asked_and_what_was_asked"
    assert f"asked by {here} (test_waiting.py:" in told(error)
    assert "waiting: /nobody (reserved, 1 stashed) for Read" in told(error)
    assert "it is stashed there, number 1 of 1" in told(error)
    assert "/nobody (reserved, 1 stashed: Read): nothing was ever started there" in told(error)
    assert "no timer is set" in told(error)


def test_a_timeout_says_what_waits_before_the_question_and_how_much_of_it(simulation):
    nobody = simulation.address("/nobody")
    for _ in range(3):
        nobody.tell(Add())
    with pytest.raises(Timeout) as error:
        nobody.ask(Read(), timeout=1.0)
    assert "no answer by 1.000 s of virtual time" in told(error)
    assert "/nobody (reserved, 4 stashed: 3 x Add, Read)" in told(error)
    assert "number 4 of 4" in told(error)


def test_a_suspended_actor_is_named_with_the_failure_that_suspended_it(simulation):
    counter = crashed(simulation)
    with pytest.raises(Timeout) as error:
        counter.ask(Read(), timeout=5.0)
    assert "waiting: /group/counter (suspended, 1 stashed) for Read" in told(error)
    assert "away: /group/counter (suspended, 1 stashed: Read): ValueError: boom 0" in told(error)


def test_the_timers_that_come_next_are_named_by_what_they_will_do(simulation):
    counter = crashed(simulation)
    simulation.spawn(Patient, name="patient")
    with pytest.raises(Timeout) as error:
        counter.ask(Read(), timeout=5.0)
    timers = told(error).partition("next timers: ")[2]
    assert "s Tick(look at age) to /patient" in timers
    assert "s /group looks after its children" in timers
    assert timers.index("Tick") < timers.index("looks after"), "the soonest first"


def test_whoever_is_asked_is_named_before_all_others_who_are_away(simulation):
    simulation.address("/another").tell(Add())
    with pytest.raises(Deadlock) as error:
        simulation.address("/nobody").ask(Read())
    away = told(error).partition("away: ")[2]
    assert away.index("/nobody") < away.index("/another")


def test_a_question_that_was_taken_and_never_answered_is_told_as_that(simulation):
    pending = simulation.core.reply(None)
    with pytest.raises(Deadlock) as error:
        pending.get()
    assert "what was asked waits nowhere, it was taken and not answered; waiting: nobody" in told(error)
    assert "every actor can receive" in told(error)


def test_to_tell_who_waits_changes_nothing(simulation):
    counter = crashed(simulation)
    with pytest.raises(Timeout):
        counter.ask(Read(), timeout=5.0)
    with pytest.raises(Timeout):
        counter.ask(Read(), timeout=5.0)
    assert counter.ask(Read(), timeout=10_000.0) == 0

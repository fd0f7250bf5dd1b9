"""Restarting in place: who is restarted, with what, how often, and what becomes of it after that."""

import pytest

from ganglion.messages.lifecycle import ActorParked, ActorStarted, ActorStopped, CellState
from ganglion.supervision import Backoff, Budget, ChildSpec, ResumeChild, System
from tests.supervision.cast import (
    AT_ONCE,
    GENEROUS,
    Add,
    AskedBoom,
    Boom,
    Counter,
    Diary,
    End,
    Note,
    Read,
    eventually,
    info,
    reaches,
    supervise,
    traced,
    vanishes,
)


@pytest.mark.parametrize("last", [Boom(), End()])
def test_a_temporary_child_is_never_restarted_whatever_the_reason(system, last):
    supervise(system, [ChildSpec("a", Counter, restart="temporary"), ChildSpec("b", Counter)])
    system.address("/top/a").tell(last)
    vanishes(system, "/top/a")
    assert info(system, "/top/b").incarnation == 1


def test_a_transient_child_is_restarted_after_a_failure(system):
    supervise(system, [ChildSpec("a", Counter, restart="transient")])
    system.address("/top/a").tell(Boom())
    reaches(system, "/top/a", incarnation=2)


def test_a_transient_child_that_ends_normally_stays_away(system):
    supervise(system, [ChildSpec("a", Counter, restart="transient")])
    system.address("/top/a").tell(End())
    vanishes(system, "/top/a")


@pytest.mark.parametrize("last", [Boom(), End()])
def test_a_permanent_child_is_restarted_whatever_the_reason(system, last):
    supervise(system, [ChildSpec("a", Counter)])
    system.address("/top/a").tell(last)
    reaches(system, "/top/a", incarnation=2)


def test_a_restart_builds_a_new_actor_behind_the_same_address(system):
    supervise(system, [ChildSpec("a", Counter)])
    address = system.address("/top/a")
    address.tell(Add(5))
    address.tell(Boom())
    address.tell(Add(1))
    assert address.ask(Read(), timeout=5.0) == 1
    assert system.address("/top/a") is address


def test_a_child_can_be_restarted_with_other_values(system):
    starts = iter([10, 20, 30])
    supervise(system, [ChildSpec("a", lambda: Counter(next(starts)))])
    address = system.address("/top/a")
    address.tell(Boom(1))
    assert address.ask(Read(), timeout=5.0) == 20
    address.tell(Boom(2))
    assert address.ask(Read(), timeout=5.0) == 30


def test_the_failing_message_is_dropped_and_nothing_is_handled_twice(system):
    pages: list[object] = []
    supervise(system, [ChildSpec("diary", lambda: Diary(pages), budget=GENEROUS)])
    address = system.address("/top/diary")
    for number in range(5):
        address.tell(Note(f"before {number}"))
        address.tell(Boom(number))
        address.tell(Note(f"after {number}"))
    eventually(system, lambda: len(pages) == 10)
    assert pages == [Note(f"{word} {n}") for n in range(5) for word in ("before", "after")]
    assert info(system, "/top/diary").restarts == 5


def test_the_goodbye_after_a_failure_is_on_failure_and_after_a_normal_end_on_stop(system):
    trace: list[str] = []
    supervise(system, [traced("a", trace)])
    address = system.address("/top/a")
    address.tell(Boom())
    address.tell(End())
    reaches(system, "/top/a", incarnation=3)
    assert trace == ["start a", "fail a", "start a", "stop a", "start a"]


def test_restarts_are_counted_and_told(system):
    probe = system.probe()
    supervise(system, [ChildSpec("a", Counter)])
    system.events.subscribe(probe.address, ActorStarted)
    for number in range(3):
        system.address("/top/a").tell(Boom(number))
    assert [probe.expect(ActorStarted).incarnation for _ in range(3)] == [2, 3, 4]
    assert (info(system, "/top/a").restarts, system.tree().restarts) == (3, 3)


def test_a_child_over_its_budget_is_parked_alone_and_reported(system):
    probe = system.probe()
    system.events.subscribe(probe.address, ActorParked)
    supervise(system, [ChildSpec("a", Counter, budget=Budget(2, 300)), ChildSpec("b", Counter)])
    for number in range(3):
        system.address("/top/a").tell(Boom(number))
    parked = probe.expect(ActorParked)
    assert (parked.path, parked.failure.text, parked.retry_s) == ("/top/a", "boom 2", 300)
    assert reaches(system, "/top/a", CellState.PARKED).restarts == 2
    assert (info(system, "/top/b").incarnation, info(system, "/top").incarnation) == (1, 1)


def test_a_child_over_its_budget_that_escalates_fails_its_supervisor(system):
    spec = ChildSpec("a", Counter, budget=Budget(1, 300), on_exhausted="escalate")
    supervise(system, [spec, ChildSpec("b", Counter)])
    system.address("/top/a").tell(Boom(1))
    reaches(system, "/top/a", incarnation=2)
    system.address("/top/a").tell(Boom(2))
    for path in ("/top", "/top/b"):
        reaches(system, path, incarnation=2)
    failure = info(system, "/top").last_failure
    assert failure is not None
    assert failure.text.startswith("child 'a': ValueError: boom 2 (1 restarts within 300 s")


def test_a_permanent_child_that_keeps_ending_normally_is_parked_too(system):
    supervise(system, [ChildSpec("a", Counter, budget=Budget(2, 300)), ChildSpec("b", Counter)])
    for _ in range(3):
        system.address("/top/a").tell(End())
    reaches(system, "/top/a", CellState.PARKED)
    assert (info(system, "/top").incarnation, info(system, "/top/b").incarnation) == (1, 1)


def test_the_same_fact_failing_twice_in_a_row_is_not_tried_a_third_time(system):
    supervise(system, [ChildSpec("a", Counter, budget=GENEROUS)])
    address = system.address("/top/a")
    address.tell(Boom(7))
    address.tell(Boom(7))
    reaches(system, "/top/a", CellState.PARKED, incarnation=2)


def test_two_different_facts_failing_in_turn_are_restarted_within_the_budget(system):
    supervise(system, [ChildSpec("a", Counter, budget=GENEROUS)])
    for number in (1, 2, 1, 2):
        system.address("/top/a").tell(Boom(number))
    reaches(system, "/top/a", incarnation=5)


def test_the_same_fact_failing_again_after_the_budgets_window_is_not_in_a_row(simulation):
    supervise(simulation, [ChildSpec("a", Counter, budget=Budget(3, 60))])
    address = simulation.address("/top/a")
    for incarnation in (2, 3):
        address.tell(Boom(7))
        reaches(simulation, "/top/a", incarnation=incarnation)
        simulation.run_for(61.0)


def test_a_failure_that_says_restarting_cannot_help_parks_without_a_slow_retry(system):
    class WrongKeyError(Exception):
        """The venue knows no such key."""

        stop = True

    class Client(Counter):
        """Can't log in."""

        def on_start(self) -> None:
            raise WrongKeyError("unknown key")

    probe = system.probe()
    system.events.subscribe(probe.address, ActorParked)
    supervise(system, [ChildSpec("client", Client)])
    parked = probe.expect(ActorParked)
    assert (parked.retry_s, parked.failure.stop, parked.failure.error) == (None, True, "WrongKeyError")


def test_a_retry_that_fails_again_spends_the_budget_too(system):
    attempts: list[int] = []

    def factory() -> Counter:
        attempts.append(1)
        if len(attempts) > 1:
            raise ValueError("not again")
        return Counter()

    supervise(system, [ChildSpec("a", factory, budget=Budget(3, 300))])
    system.address("/top/a").tell(Boom())
    reaches(system, "/top/a", CellState.PARKED)
    assert len(attempts) == 4


def test_a_child_comes_back_when_trying_again_succeeds(system):
    attempts: list[int] = []

    def factory() -> Counter:
        attempts.append(1)
        if len(attempts) in (2, 3):
            raise ValueError("not yet")
        return Counter()

    supervise(system, [ChildSpec("a", factory)])
    system.address("/top/a").tell(Boom())
    system.address("/top/a").tell(Add(4))
    assert system.address("/top/a").ask(Read(), timeout=5.0) == 4
    assert len(attempts) == 4


def test_a_parked_child_is_resumed_with_a_fresh_budget(system):
    supervise(system, [ChildSpec("a", Counter, budget=Budget(1, 300))])
    address = system.address("/top/a")
    for number in range(2):
        address.tell(Boom(number))
    reaches(system, "/top/a", CellState.PARKED)
    assert system.resume("/top/a") is True
    address.tell(Boom(9))
    reaches(system, "/top/a", incarnation=4)


def test_resuming_what_is_not_parked_says_so(system):
    top = supervise(system, [ChildSpec("a", Counter)])
    assert system.resume("/top/a") is False
    assert top.ask(ResumeChild("nobody"), timeout=5.0) is False


def test_a_parked_child_is_tried_again_slowly_after_its_window(simulation):
    supervise(simulation, [ChildSpec("a", Counter, budget=Budget(0, 120))])
    simulation.address("/top/a").tell(Boom())
    reaches(simulation, "/top/a", CellState.PARKED)
    parked_s = simulation.clock.monotonic_s()
    simulation.run_for(119.9)
    assert info(simulation, "/top/a").state is CellState.PARKED
    simulation.run_for(0.2)
    assert info(simulation, "/top/a").state is CellState.RUNNING
    assert simulation.clock.monotonic_s() == pytest.approx(parked_s + 120.1)


def test_a_resume_overtakes_the_slow_retry_and_is_not_doubled_by_it(simulation):
    supervise(simulation, [ChildSpec("a", Counter, budget=Budget(0, 120))])
    simulation.address("/top/a").tell(Boom())
    reaches(simulation, "/top/a", CellState.PARKED)
    simulation.resume("/top/a")
    simulation.run_for(1_000.0)
    assert (info(simulation, "/top/a").state, info(simulation, "/top/a").incarnation) == (CellState.RUNNING, 2)


def test_waits_between_restarts_grow_and_stay_under_their_ceilings(simulation):
    backoff = Backoff(base_s=1.0, factor=2.0, cap_s=8.0, reset_after_s=60.0)
    supervise(simulation, [ChildSpec("a", Counter, budget=GENEROUS)], backoff=backoff)
    waits = []
    for number in range(8):
        simulation.address("/top/a").tell(Boom(number))
        simulation.run_until_idle()
        failed_s = simulation.clock.monotonic_s()
        reaches_within(simulation, incarnation=number + 2)
        waits.append(simulation.clock.monotonic_s() - failed_s)
    assert all(wait <= ceiling for wait, ceiling in zip(waits, [1, 2, 4, 8, 8, 8, 8, 8], strict=True))
    assert max(waits) > 2.0


def reaches_within(simulation: System, incarnation: int) -> None:
    assert simulation.wait_for(lambda: info(simulation, "/top/a").state is CellState.RUNNING, 100.0)
    assert info(simulation, "/top/a").incarnation == incarnation


def test_an_asker_gets_the_error_and_the_actor_is_supervised_all_the_same(system):
    supervise(system, [ChildSpec("a", Counter)])
    with pytest.raises(ValueError, match="boom 3"):
        system.address("/top/a").ask(AskedBoom(3), timeout=5.0)
    reaches(system, "/top/a", incarnation=2)


def test_a_crash_on_purpose_is_a_failure_like_any_other(system):
    supervise(system, [ChildSpec("a", Counter)], backoff=AT_ONCE)
    system.fail("/top/a", "by hand")
    failure = reaches(system, "/top/a", incarnation=2).last_failure
    assert failure is not None
    assert (failure.error, failure.text) == ("InjectedFailure", "by hand")


def test_crashing_what_does_not_run_is_an_error_that_names_what_does(system):
    system.spawn(Counter)
    with pytest.raises(TypeError, match=r"nothing runs at '/nobody'.*/counter"):
        system.fail("/nobody")


def test_an_end_by_its_own_wish_is_told_as_stopped_only_when_it_is_for_good(system):
    probe = system.probe()
    system.events.subscribe(probe.address, ActorStopped, ActorStarted)
    supervise(system, [ChildSpec("forever", Counter), ChildSpec("once", Counter, restart="transient")])
    system.address("/top/forever").tell(End())
    system.address("/top/once").tell(End())
    assert probe.expect(ActorStopped).path == "/top/once"
    reaches(system, "/top/forever", incarnation=2)
    assert [event.path for event in probe.of(ActorStopped)] == ["/top/once"]

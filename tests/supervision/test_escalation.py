"""Supervisors under supervisors: escalation, the same cells and addresses across their restarts, and the root."""

import threading

import pytest

from ganglion.messages.lifecycle import ActorFailed, CellState
from ganglion.supervision import ActorDeadError, Budget, ChildSpec, StartChild, StartError, StopChild, Supervisor
from tests.supervision.cast import (
    AT_ONCE,
    GENEROUS,
    Add,
    Boom,
    Counter,
    End,
    Read,
    eventually,
    info,
    reaches,
    supervise,
    traced,
    vanishes,
)

ESCALATES = {"budget": Budget(0, 300), "on_exhausted": "escalate"}


def nested(*children: ChildSpec, **options: object) -> ChildSpec:
    return ChildSpec("inner", lambda: Supervisor(children, backoff=AT_ONCE), **options)  # type: ignore[arg-type]


def test_a_failure_that_escalates_restarts_the_whole_group_above(system):
    trace: list[str] = []
    inner = nested(traced("x", trace, **ESCALATES), traced("y", trace))
    supervise(system, [traced("a", trace), inner, traced("z", trace)])
    trace.clear()
    system.address("/top/inner/x").tell(Boom())
    reaches(system, "/top/inner", incarnation=2)
    assert trace == ["fail x", "stop y", "start x", "start y"]
    assert (info(system, "/top").incarnation, info(system, "/top/a").incarnation) == (1, 1)


def test_a_failure_escalates_through_two_levels(system):
    trace: list[str] = []
    inner = nested(traced("x", trace, **ESCALATES), traced("y", trace), **ESCALATES)
    supervise(system, [traced("a", trace), inner, traced("z", trace)])
    trace.clear()
    system.address("/top/inner/x").tell(Boom())
    reaches(system, "/top", incarnation=2)
    assert trace == ["fail x", "stop y", "stop z", "stop a", "start a", "start x", "start y", "start z"]
    text = info(system, "/top").last_failure.text
    assert text.startswith("child 'inner': ValueError: child 'x': ValueError: boom 0")


def test_addresses_and_what_was_sent_outlive_the_restart_of_a_supervisor(system):
    inner = nested(ChildSpec("x", Counter), ChildSpec("y", Counter))
    supervise(system, [inner])
    x, y = system.address("/top/inner/x"), system.address("/top/inner/y")
    y.tell(Add(5))
    assert y.ask(Read(), timeout=5.0) == 5
    system.fail("/top/inner")
    for _ in range(10):
        x.tell(Add(1))
    reaches(system, "/top/inner", incarnation=2)
    reaches(system, "/top/inner/x", incarnation=2)
    assert y.ask(Read(), timeout=5.0) == 0
    x.ask(Read(), timeout=5.0)
    assert system.address("/top/inner/x") is x
    assert system.dead_letters == {}


def test_dynamic_children_survive_the_restart_of_their_supervisor(system):
    supervise(system, [nested(ChildSpec("fixed", Counter))])
    address = system.address("/top/inner").ask(StartChild(ChildSpec("added", lambda: Counter(7))), timeout=5.0)
    system.fail("/top/inner")
    reaches(system, "/top/inner/added", incarnation=2)
    assert address.ask(Read(), timeout=5.0) == 7
    reaches(system, "/top/inner/fixed", incarnation=2)


def test_a_dynamic_child_that_was_stopped_does_not_come_back_with_its_supervisor(system):
    supervise(system, [nested(ChildSpec("fixed", Counter))])
    top = system.address("/top/inner")
    top.ask(StartChild(ChildSpec("added", Counter)), timeout=5.0)
    top.ask(StopChild("added"), timeout=5.0)
    vanishes(system, "/top/inner/added")
    system.fail("/top/inner")
    reaches(system, "/top/inner/fixed", incarnation=2)
    assert system.tree().find("/top/inner/added") is None


def test_a_temporary_child_does_not_survive_the_restart_of_its_supervisor(system):
    supervise(system, [nested(ChildSpec("fixed", Counter), ChildSpec("t", Counter, restart="temporary"))])
    system.address("/top/inner").ask(StartChild(ChildSpec("u", Counter, restart="temporary")), timeout=5.0)
    system.fail("/top/inner")
    reaches(system, "/top/inner/fixed", incarnation=2)
    vanishes(system, "/top/inner/u")


def test_two_children_that_escalate_together_restart_their_supervisor_once(simulation):
    supervise(simulation, [nested(ChildSpec("x", Counter, **ESCALATES), ChildSpec("y", Counter, **ESCALATES))])
    for name in "xy":
        simulation.fail(f"/top/inner/{name}")
    simulation.run_for(10.0)
    assert info(simulation, "/top/inner").incarnation == 2
    assert all(info(simulation, f"/top/inner/{n}").state is CellState.RUNNING for n in "xy")


def test_a_supervisor_that_fails_again_while_it_goes_down_has_failed_once(live):
    gate, entered = threading.Event(), threading.Event()

    class Lingers(Counter):
        """Takes its time to say goodbye."""

        def on_stop(self) -> None:
            entered.set()
            assert gate.wait(10.0)

    probe = live.probe()
    live.events.subscribe(probe.address, ActorFailed)
    supervise(live, [nested(ChildSpec("x", Lingers, dispatcher="aside"))])
    live.fail("/top/inner", "first")
    assert entered.wait(5.0)
    live.fail("/top/inner", "second")
    live.resume("/top/inner")
    gate.set()
    reaches(live, "/top/inner/x", incarnation=2)
    assert [event.failure.text for event in probe.of(ActorFailed)] == ["first"]
    assert info(live, "/top/inner").incarnation == 2


def test_a_supervisor_over_its_budget_is_parked_with_everything_below_it_down(system):
    trace: list[str] = []
    supervise(system, [nested(traced("x", trace), budget=Budget(0, 300)), ChildSpec("a", Counter)])
    system.fail("/top/inner")
    reaches(system, "/top/inner", CellState.PARKED)
    assert info(system, "/top/inner/x").state is CellState.SUSPENDED
    assert trace == ["start x", "stop x"]
    assert info(system, "/top/a").state is CellState.RUNNING
    system.resume("/top/inner")
    reaches(system, "/top/inner/x", incarnation=2)


def test_what_escalates_to_one_who_takes_it_for_the_last_word_parks_it_at_once(system):
    inner = nested(ChildSpec("x", Counter, **ESCALATES), on_escalated="exhaust")  # type: ignore[arg-type]
    supervise(system, [inner, ChildSpec("beside", Counter)])
    system.address("/top/inner/x").tell(Boom())
    reaches(system, "/top/inner", CellState.PARKED)
    assert info(system, "/top/beside").incarnation == 1
    assert system.resume("/top/inner")
    reaches(system, "/top/inner/x", incarnation=2)


def test_one_who_takes_what_escalates_for_the_last_word_still_restarts_after_a_failure_of_its_own(system):
    inner = nested(ChildSpec("x", Counter), on_escalated="exhaust")
    supervise(system, [inner])
    system.fail("/top/inner", "its own")
    reaches(system, "/top/inner", incarnation=2)


def test_a_stop_in_the_middle_of_an_escalation_stops_everything(simulation):
    trace: list[str] = []
    inner = nested(traced("x", trace, **ESCALATES), traced("y", trace), budget=GENEROUS)
    supervise(simulation, [inner])
    simulation.address("/top/inner/x").tell(Boom())
    assert simulation.stop() is True
    assert simulation.tree().root.state is CellState.STOPPED
    assert [line for line in trace if line.endswith("y")] in (["start y", "stop y"], ["start y", "stop y"] * 2)


@pytest.mark.parametrize("steps", range(1, 40))
def test_a_stop_at_any_moment_of_a_group_restart_leaves_nothing_running(simulation, steps):
    trace: list[str] = []
    inner = nested(traced("x", trace, **ESCALATES), traced("y", trace), budget=GENEROUS)
    supervise(simulation, [traced("a", trace), inner])
    simulation.address("/top/inner/x").tell(Boom())
    for _ in range(steps):
        simulation.core.step()
    assert simulation.stop() is True
    for name in "axy":
        lines = [line for line in trace if line.endswith(f" {name}")]
        assert len(lines) % 2 == 0, trace
        assert all(line.startswith("start") for line in lines[::2]), trace
        assert not any(line.startswith("start") for line in lines[1::2]), trace


def test_a_failure_that_reaches_the_root_ends_the_system_in_order(system):
    trace: list[str] = []
    system.spawn(traced("a", trace))
    system.spawn(traced("b", trace, **ESCALATES))
    system.spawn(traced("c", trace))
    waiting = system.address("/a")
    trace.clear()
    system.address("/b").tell(Boom())
    eventually(system, system.ended.is_set)
    assert trace == ["fail b", "stop c", "stop a"]
    assert system.failure is not None
    assert "child 'b': ValueError: boom 0" in system.failure.text
    with pytest.raises(ActorDeadError):
        waiting.tell(Add())
    with pytest.raises(StartError, match="the system has ended"):
        system.spawn(Counter, name="too-late")
    assert system.stop() is True


def test_a_normal_end_of_a_permanent_supervisor_restarts_it(system):
    class Leaves(Supervisor):
        """Ends as soon as it may."""

        def on_start(self) -> None:
            super().on_start()
            if self.incarnation == 1:
                self.stop("enough")

    trace: list[str] = []
    supervise(system, [ChildSpec("inner", lambda: Leaves([traced("x", trace)]))])
    reaches(system, "/top/inner", incarnation=2)
    assert trace == ["start x", "stop x", "start x"]


def test_a_supervisor_that_failed_before_its_first_start_keeps_its_children_to_itself(system):
    attempts: list[int] = []

    def late_bloomer() -> Supervisor:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("not yet")
        return Supervisor([ChildSpec("x", Counter)])

    supervise(system, [ChildSpec("inner", late_bloomer), ChildSpec("leaf", Counter)])
    reaches(system, "/top/inner/x")
    assert [child.path for child in info(system, "/top/inner").children] == ["/top/inner/x"]
    assert info(system, "/top/leaf").children == ()


def test_a_child_of_a_restarted_supervisor_has_a_fresh_budget(system):
    supervise(system, [nested(ChildSpec("x", Counter, budget=Budget(1, 300)), budget=GENEROUS)])
    x = system.address("/top/inner/x")
    x.tell(Boom(1))
    reaches(system, "/top/inner/x", incarnation=2)
    system.fail("/top/inner")
    reaches(system, "/top/inner/x", incarnation=3)
    x.tell(Boom(2))
    reaches(system, "/top/inner/x", incarnation=4)
    x.tell(End())
    reaches(system, "/top/inner/x", CellState.PARKED)

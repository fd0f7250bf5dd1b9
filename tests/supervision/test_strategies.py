"""Who goes down and comes up with a child that failed, and in which order."""

import threading

import pytest

from ganglion.messages.lifecycle import CellState
from ganglion.supervision import Budget, ChildSpec, Strategy
from tests.supervision.cast import Add, Boom, Counter, End, Read, info, reaches, supervise, traced, vanishes

GROUPS = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]


def test_one_for_one_restarts_the_failed_child_only(system):
    trace: list[str] = []
    supervise(system, [traced(name, trace) for name in "abc"])
    trace.clear()
    system.address("/top/b").tell(Boom())
    reaches(system, "/top/b", incarnation=2)
    assert trace == ["fail b", "start b"]


def test_one_for_all_stops_the_others_right_to_left_and_starts_all_left_to_right(system):
    trace: list[str] = []
    supervise(system, [traced(name, trace) for name in "abcd"], Strategy.ONE_FOR_ALL)
    trace.clear()
    system.address("/top/b").tell(Boom())
    reaches(system, "/top/d", incarnation=2)
    assert trace == ["fail b", "stop d", "stop c", "stop a", "start a", "start b", "start c", "start d"]


def test_rest_for_one_takes_along_those_started_after_it(system):
    trace: list[str] = []
    supervise(system, [traced(name, trace) for name in "abcd"], Strategy.REST_FOR_ONE)
    trace.clear()
    system.address("/top/b").tell(Boom())
    reaches(system, "/top/d", incarnation=2)
    assert trace == ["fail b", "stop d", "stop c", "start b", "start c", "start d"]
    assert info(system, "/top/a").incarnation == 1


def test_the_first_of_a_rest_for_one_takes_everyone_along_and_the_last_nobody(system):
    trace: list[str] = []
    supervise(system, [traced(name, trace) for name in "abc"], Strategy.REST_FOR_ONE)
    trace.clear()
    system.address("/top/c").tell(Boom(1))
    reaches(system, "/top/c", incarnation=2)
    system.address("/top/a").tell(Boom(2))
    reaches(system, "/top/c", incarnation=3)
    assert trace == ["fail c", "start c", "fail a", "stop c", "stop b", "start a", "start b", "start c"]


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_temporary_child_is_not_restarted_by_a_siblings_group_restart(system, strategy):
    supervise(system, [ChildSpec("a", Counter), ChildSpec("t", Counter, restart="temporary")], strategy)
    system.address("/top/a").tell(Boom())
    reaches(system, "/top/a", incarnation=2)
    vanishes(system, "/top/t")


@pytest.mark.parametrize("strategy", GROUPS)
@pytest.mark.parametrize(("restart", "last"), [("temporary", Boom()), ("temporary", End()), ("transient", End())])
def test_an_end_that_asks_for_no_restart_leaves_the_group_alone(system, strategy, restart, last):
    supervise(system, [ChildSpec("t", Counter, restart=restart), ChildSpec("a", Counter)], strategy)
    system.address("/top/t").tell(last)
    vanishes(system, "/top/t")
    assert info(system, "/top/a").incarnation == 1


@pytest.mark.parametrize("strategy", GROUPS)
def test_mixed_children_go_and_come_as_their_specs_say(system, strategy):
    trace: list[str] = []
    specs = [
        traced("permanent", trace),
        traced("transient", trace, restart="transient"),
        traced("temporary", trace, restart="temporary"),
        traced("last", trace),
    ]
    supervise(system, specs, strategy)
    trace.clear()
    system.address("/top/permanent").tell(Boom())
    reaches(system, "/top/last", incarnation=2)
    assert trace == [
        "fail permanent",
        "stop last",
        "stop temporary",
        "stop transient",
        "start permanent",
        "start transient",
        "start last",
    ]


@pytest.mark.parametrize("strategy", GROUPS)
def test_what_is_sent_to_a_sibling_while_it_is_taken_along_is_not_lost(system, strategy):
    supervise(system, [ChildSpec("a", Counter), ChildSpec("b", Counter)], strategy)
    a, b = system.address("/top/a"), system.address("/top/b")
    a.tell(Boom())
    for _ in range(100):
        b.tell(Add(1))
    reaches(system, "/top/b", incarnation=2)
    before = system.tree().find("/top/b")
    assert before is not None
    total = b.ask(Read(), timeout=5.0)
    assert info(system, "/top/b").handled == 101
    assert 0 <= total <= 100
    assert system.dead_letters == {}


def test_the_budget_belongs_to_the_child_that_fails_and_not_to_those_taken_along(system):
    specs = [ChildSpec("a", Counter, budget=Budget(100, 300)), ChildSpec("b", Counter, budget=Budget(1, 300))]
    supervise(system, specs, Strategy.ONE_FOR_ALL)
    for number in range(5):
        system.address("/top/a").tell(Boom(number))
        reaches(system, "/top/b", incarnation=number + 2)
    system.address("/top/b").tell(Boom())
    reaches(system, "/top/b", incarnation=7)


def test_a_child_that_fails_while_it_waits_to_be_taken_along_spends_nothing(live):
    gate, entered = threading.Event(), threading.Event()

    class Lingers(Counter):
        """Takes its time to say goodbye."""

        def on_stop(self) -> None:
            entered.set()
            assert gate.wait(10.0)

    specs = [
        ChildSpec("a", Counter),
        ChildSpec("b", Counter, budget=Budget(0, 300)),
        ChildSpec("c", Lingers, dispatcher="aside"),
    ]
    supervise(live, specs, Strategy.ONE_FOR_ALL)
    live.fail("/top/a")
    assert entered.wait(5.0)
    live.fail("/top/b")
    reaches(live, "/top/b", CellState.SUSPENDED)
    gate.set()
    reaches(live, "/top/c", incarnation=2)
    assert info(live, "/top/b").state is CellState.RUNNING


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_parked_child_of_a_group_leaves_its_siblings_running(system, strategy):
    supervise(system, [ChildSpec("a", Counter, budget=Budget(0, 300)), ChildSpec("b", Counter)], strategy)
    system.address("/top/a").tell(Boom())
    reaches(system, "/top/a", CellState.PARKED)
    assert (info(system, "/top/b").state, info(system, "/top/b").incarnation) == (CellState.RUNNING, 1)


@pytest.mark.parametrize("strategy", GROUPS)
def test_a_parked_child_stays_parked_when_its_group_restarts(system, strategy):
    specs = [ChildSpec("a", Counter), ChildSpec("p", Counter, budget=Budget(0, 300)), ChildSpec("z", Counter)]
    supervise(system, specs, strategy)
    system.address("/top/p").tell(Boom())
    reaches(system, "/top/p", CellState.PARKED)
    system.address("/top/a").tell(Boom())
    reaches(system, "/top/z", incarnation=2)
    assert (info(system, "/top/p").state, info(system, "/top/p").incarnation) == (CellState.PARKED, 1)


@pytest.mark.parametrize("strategy", GROUPS)
def test_children_of_a_group_that_fail_together_end_up_running(system, strategy):
    names = "abcde"
    supervise(system, [ChildSpec(n, Counter, budget=Budget(50, 300)) for n in names], strategy)
    for number in range(4):
        for name in names:
            system.address(f"/top/{name}").tell(Boom(number))
    for name in names:
        assert system.address(f"/top/{name}").ask(Read(), timeout=5.0) == 0
        reaches(system, f"/top/{name}")
    assert info(system, "/top").incarnation == 1

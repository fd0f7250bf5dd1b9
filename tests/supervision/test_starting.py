"""Starting: from left to right, held up by nobody who need not hold it up, and failing in plain words."""

import asyncio
import threading

import pytest

from ganglion.messages.lifecycle import ActorFailed, ActorStarted, CellState, Failure
from ganglion.supervision import (
    Actor,
    Backoff,
    Budget,
    ChildSpec,
    StartChild,
    StartError,
    StopChild,
    Strategy,
    SupervisionError,
    Supervisor,
    receives,
)
from ganglion.supervision import supervisor as supervisor_module
from tests.supervision.cast import (
    AT_ONCE,
    Add,
    Counter,
    Read,
    Traced,
    eventually,
    info,
    reaches,
    supervise,
    traced,
    vanishes,
)


class Unwilling(Actor[Add]):
    """Raises when it starts, as often as it is told to."""

    def __init__(self, error: BaseException, attempts: list[str], failures: int = 1_000_000) -> None:
        self._error = error
        self._attempts = attempts
        self._failures = failures

    def on_start(self) -> None:
        self._attempts.append("try")
        if len(self._attempts) <= self._failures:
            raise self._error

    def on_failure(self, failure: Failure) -> None:
        self._attempts.append(f"let go after {failure.error}")

    @receives
    def add(self, message: Add) -> None:
        """Never gets here."""


def raises(error):
    def factory():
        raise error

    return factory


def test_children_start_from_left_to_right(system):
    trace: list[str] = []
    supervise(system, [traced(name, trace) for name in "abc"])
    assert trace == ["start a", "start b", "start c"]


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()]
)
def test_a_start_that_raises_anything_at_all_is_a_start_error_for_who_spawned_it(system, error):
    attempts: list[str] = []
    with pytest.raises(StartError, match=f"(?s)/bad.*{type(error).__name__}"):
        system.spawn(lambda: Unwilling(error, attempts), name="bad")
    assert attempts == ["try", f"let go after {type(error).__name__}"]
    assert system.spawn(Counter, name="good").ask(Read(), timeout=5.0) == 0


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_a_factory_that_raises_is_a_start_error(system, error):
    with pytest.raises(StartError, match=type(error).__name__):
        system.spawn(raises(error), name="bad")


def test_a_factory_that_makes_no_actor_is_a_start_error(system):
    with pytest.raises(StartError, match="which is no Actor"):
        system.spawn(object, name="bad")  # type: ignore[arg-type,return-value]


def test_the_name_of_a_failed_start_is_free_at_once(system):
    for _ in range(5):
        with pytest.raises(StartError):
            system.spawn(raises(ValueError("no")), name="again")
    assert system.spawn(Counter, name="again").ask(Read(), timeout=5.0) == 0
    assert system.tree().find("/again") is not None


def test_a_name_that_is_taken_is_a_start_error(system):
    system.spawn(Counter, name="one")
    with pytest.raises(StartError, match="a child 'one' already"):
        system.spawn(Counter, name="one")


def test_a_failed_start_is_told_on_the_event_stream(system):
    probe = system.probe()
    system.events.subscribe(probe.address, ActorFailed, ActorStarted)
    with pytest.raises(StartError):
        system.spawn(raises(ValueError("no")), name="bad")
    failed = probe.expect(ActorFailed)
    assert (failed.path, failed.incarnation, failed.failure.error, failed.failure.text) == (
        "/bad",
        1,
        "ValueError",
        "no",
    )
    system.spawn(Counter, name="good")
    assert probe.expect(ActorStarted) == ActorStarted("/good", 1)


def test_what_is_sent_to_a_reserved_address_waits_until_somebody_starts_there(system):
    early = system.address("/late")
    early.tell(Add(1))
    early.tell(Add(2))
    waiting = early.ask(Read(), block=False)
    address = system.spawn(Counter, name="late")
    address.tell(Add(10))
    assert waiting.get(timeout=5.0) == 3
    assert address.ask(Read(), timeout=5.0) == 13
    assert early is address


def test_a_supervisor_is_ready_once_its_children_are(system):
    trace: list[str] = []
    inner = ChildSpec("inner", lambda: Supervisor([traced("deep", trace)]))
    supervise(system, [inner, traced("after", trace)])
    assert trace == ["start deep", "start after"]


def test_a_start_failure_in_one_for_one_does_not_hold_its_siblings_up(system):
    attempts: list[str] = []
    slow = Backoff(base_s=1e6, cap_s=1e6)
    bad = ChildSpec("bad", lambda: Unwilling(ValueError("no"), attempts))
    supervise(system, [ChildSpec("a", Counter), bad, ChildSpec("b", Counter)], backoff=slow)
    assert [info(system, f"/top/{n}").state for n in ("a", "bad", "b")] == [
        CellState.RUNNING,
        CellState.SUSPENDED,
        CellState.RUNNING,
    ]


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
def test_a_start_failure_in_a_group_is_tried_again_before_the_next_sibling_starts(system, strategy):
    attempts: list[str] = []
    trace: list[str] = []
    bad = ChildSpec("bad", lambda: Unwilling(ValueError("no"), attempts, failures=2))
    supervise(system, [traced("a", trace), bad, traced("b", trace)], strategy)
    assert info(system, "/top/bad").state is CellState.RUNNING
    assert trace[-1] == "start b"
    assert trace.count("start b") == 1


def test_a_child_that_fails_while_its_group_is_still_starting_takes_the_later_ones_along(system):
    trace: list[str] = []

    class Crashes(Traced):
        """Fails on its first message, which it sends itself as it starts."""

        def on_start(self) -> None:
            super().on_start()
            if self.incarnation == 1:
                self._cell.dispatcher.put_control(self._cell, self._cell.crash, "early")

    specs = [ChildSpec("a", lambda: Crashes("a", trace)), traced("b", trace), traced("c", trace)]
    supervise(system, specs, Strategy.REST_FOR_ONE)
    for name in "abc":
        reaches(system, f"/top/{name}")
    assert info(system, "/top/a").incarnation == 2
    assert trace.index("fail a") < len(trace) - 1 - trace[::-1].index("start b")
    assert trace[-3:] == ["start a", "start b", "start c"]


def test_a_supervisor_whose_child_escalates_while_starting_is_a_start_error(system):
    bad = ChildSpec("bad", raises(ValueError("no")), budget=Budget(0, 300), on_exhausted="escalate")
    with pytest.raises(StartError, match=r"(?s)/top.*child 'bad'.*no"):
        supervise(system, [bad])
    assert system.tree().find("/top") is None


def test_a_dynamic_child_is_started_by_message_and_answered_with_its_address(system):
    top = supervise(system, [])
    address = top.ask(StartChild(ChildSpec("new", lambda: Counter(3))), timeout=5.0)
    assert address.ask(Read(), timeout=5.0) == 3
    assert address.path == "/top/new"


def test_a_dynamic_child_that_cannot_start_is_parked_alone(system):
    top = supervise(system, [ChildSpec("a", Counter)])
    top.tell(StartChild(ChildSpec("bad", raises(ValueError("no")))))
    reaches(system, "/top/bad", CellState.PARKED)
    assert info(system, "/top/a").state is CellState.RUNNING


def test_max_children_refuses_the_one_too_many_and_lives_on(system):
    top = system.spawn(ChildSpec("top", lambda: Supervisor([ChildSpec("a", Counter)], max_children=2)))
    top.ask(StartChild(ChildSpec("b", Counter)), timeout=5.0)
    with pytest.raises(SupervisionError, match="max_children=2"):
        top.ask(StartChild(ChildSpec("c", Counter)), timeout=5.0)
    assert top.ask(StopChild("b"), timeout=5.0) is True
    vanishes(system, "/top/b")
    top.ask(StartChild(ChildSpec("c", Counter)), timeout=5.0)
    reaches(system, "/top/c")
    assert info(system, "/top").incarnation == 1


def test_a_refused_start_that_nobody_waits_for_is_a_dead_letter(system):
    top = supervise(system, [ChildSpec("a", Counter)])
    top.tell(StartChild(ChildSpec("a", Counter)))
    eventually(system, lambda: system.dead_letters["StartChild"] == 1)
    assert info(system, "/top").incarnation == 1


def test_two_children_may_not_have_one_name_until_the_first_is_gone(system):
    top = supervise(system, [])
    top.ask(StartChild(ChildSpec("x", Counter)), timeout=5.0)
    with pytest.raises(SupervisionError, match="'x' already"):
        top.ask(StartChild(ChildSpec("x", Counter)), timeout=5.0)
    top.ask(StopChild("x"), timeout=5.0)
    vanishes(system, "/top/x")
    again = top.ask(StartChild(ChildSpec("x", lambda: Counter(9))), timeout=5.0)
    assert again.ask(Read(), timeout=5.0) == 9


class Late(Counter):
    """Takes its time to start, until it is let."""

    def __init__(self, gate: threading.Event, goodbyes: list[str]) -> None:
        super().__init__()
        self._gate = gate
        self._goodbyes = goodbyes

    def on_start(self) -> None:
        assert self._gate.wait(10.0)

    def on_stop(self) -> None:
        self._goodbyes.append(f"stop {self.incarnation}")


def test_a_start_that_is_late_is_a_start_failure_and_never_comes_to_life(live, monkeypatch):
    monkeypatch.setattr(supervisor_module, "START_DEADLINE_S", 0.05)
    gate, goodbyes = threading.Event(), []
    with pytest.raises(StartError, match=r"took over 0\.05 s"):
        live.spawn(ChildSpec("late", lambda: Late(gate, goodbyes), dispatcher="aside", shutdown_s=0.05))
    gate.set()
    eventually(live, lambda: goodbyes == ["stop 1"])
    assert live.tree().find("/late") is None


def test_a_late_start_is_tried_again_and_only_the_new_incarnation_lives(live, monkeypatch):
    monkeypatch.setattr(supervisor_module, "START_DEADLINE_S", 0.05)
    gate, goodbyes = threading.Event(), []
    top = supervise(live, [], backoff=AT_ONCE)
    address = top.ask(StartChild(ChildSpec("late", lambda: Late(gate, goodbyes), dispatcher="aside")), timeout=5.0)
    probe = live.probe()
    live.events.subscribe(probe.address, ActorStarted)
    eventually(live, lambda: address._cell.given_up >= 1)
    gate.set()
    assert probe.expect(ActorStarted).path == "/top/late"
    assert address.ask(Read(), timeout=5.0) == 0
    assert "stop 1" in goodbyes
    assert probe.of(ActorStarted) == [ActorStarted("/top/late", info(live, "/top/late").incarnation)]


def test_spawning_from_inside_an_actor_is_refused_before_it_blocks(system):
    seen: list[str] = []

    class Spawner(Counter):
        """Tries what it may not."""

        def on_start(self) -> None:
            try:
                system.spawn(Counter, name="inner")
            except SupervisionError as error:
                seen.append(type(error).__name__)

    system.spawn(Spawner)
    assert seen == ["AskInsideActor"]

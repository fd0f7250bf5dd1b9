"""Stopping: right to left, at once or behind what waits, within a deadline, and also what is not running."""

import threading
from collections.abc import Callable

import pytest

from ganglion.messages.lifecycle import ActorStopped, CellState, Terminated
from ganglion.supervision import (
    Actor,
    ActorDeadError,
    AskInsideActor,
    Backoff,
    Budget,
    ChildSpec,
    Message,
    StopChild,
    Strategy,
    Supervisor,
    System,
    receives,
)
from tests.supervision.cast import (
    Add,
    Boom,
    Counter,
    Read,
    eventually,
    info,
    reaches,
    supervise,
    traced,
    vanishes,
)

NEVER = Backoff(base_s=1e6, cap_s=1e6)


def test_a_system_stops_from_right_to_left_and_depth_first(system):
    trace: list[str] = []
    inner = ChildSpec("inner", lambda: Supervisor([traced("x", trace), traced("y", trace)]))
    supervise(system, [traced("a", trace), inner, traced("z", trace)])
    system.spawn(traced("last", trace))
    trace.clear()
    assert system.stop() is True
    assert trace == ["stop last", "stop z", "stop y", "stop x", "stop a"]
    assert system.ended.is_set()


def test_stopping_a_system_twice_is_stopping_it_once(system):
    trace: list[str] = []
    system.spawn(traced("a", trace))
    assert (system.stop(), system.stop()) == (True, True)
    assert trace == ["start a", "stop a"]


def test_a_stopped_child_is_gone_for_good_and_its_siblings_stay(system):
    top = supervise(system, [ChildSpec("a", Counter), ChildSpec("b", Counter)])
    assert top.ask(StopChild("a"), timeout=5.0) is True
    vanishes(system, "/top/a")
    assert info(system, "/top/b").state is CellState.RUNNING
    assert top.ask(StopChild("a"), timeout=5.0) is False


def test_an_address_stops_its_actor_and_says_whether_it_was_alive(system):
    address = system.spawn(Counter)
    assert address.is_alive()
    assert (address.stop(timeout=5.0), address.stop(timeout=5.0)) == (True, False)
    assert not address.is_alive()
    vanishes(system, "/counter")


def test_a_stop_overtakes_what_waits_which_becomes_dead_letters_and_failed_asks(system):
    address = system.address("/slow")
    for _ in range(50):
        address.tell(Add())
    pending = address.ask(Read(), block=False)
    assert address.stop(timeout=5.0) is True
    assert system.dead_letters["Add"] == 50
    with pytest.raises(ActorDeadError):
        pending.get(timeout=5.0)


def test_a_stop_with_drain_comes_behind_what_waits(system):
    seen: list[int] = []

    class Slowly(Counter):
        """Writes down what it stood at when it went."""

        def on_stop(self) -> None:
            seen.append(self.total)

    address = system.spawn(Slowly, name="a")
    for _ in range(5_000):
        address.tell(Add())
    assert address.stop(drain=True, timeout=10.0) is True
    assert seen == [5_000]
    assert system.dead_letters == {}


def test_a_drain_that_meets_a_failure_goes_on_in_the_next_incarnation(system):
    seen: list[int] = []

    class Slowly(Counter):
        """Writes down what it stood at when it went."""

        def on_stop(self) -> None:
            seen.append(self.total)

    supervise(system, [ChildSpec("a", Slowly)])
    address = system.address("/top/a")
    address.tell(Boom())
    for _ in range(10):
        address.tell(Add())
    assert address.stop(drain=True, timeout=5.0) is True
    assert seen == [10]


def test_a_drain_of_an_actor_between_two_incarnations_waits_for_the_next(simulation):
    trace: list[str] = []
    supervise(simulation, [traced("a", trace)], backoff=Backoff(base_s=5.0))
    address = simulation.address("/top/a")
    address.tell(Boom())
    address.tell(Add())
    reaches(simulation, "/top/a", CellState.SUSPENDED)
    assert address.stop(drain=True, timeout=10.0) is True
    assert trace == ["start a", "fail a", "start a", "stop a"]
    assert simulation.dead_letters == {}


def test_a_drain_of_an_actor_that_gets_parked_stops_it(system):
    supervise(system, [ChildSpec("a", Counter, budget=Budget(0, 300))])
    address = system.address("/top/a")
    address.tell(Boom())
    assert address.stop(drain=True, timeout=5.0) is True
    vanishes(system, "/top/a")
    assert system.dead_letters == {}


def test_a_goodbye_that_raises_changes_nothing(system):
    class Rude(Counter):
        """Slams the door."""

        def on_stop(self) -> None:
            raise SystemExit(9)

    trace: list[str] = []
    supervise(system, [traced("a", trace), ChildSpec("rude", Rude), traced("z", trace)])
    assert system.stop() is True
    assert trace[-2:] == ["stop z", "stop a"]


def test_a_child_is_stopped_while_it_waits_for_its_restart(system):
    top = supervise(system, [ChildSpec("a", Counter)], backoff=NEVER)
    address = system.address("/top/a")
    address.tell(Boom())
    reaches(system, "/top/a", CellState.SUSPENDED)
    address.tell(Add())
    assert top.ask(StopChild("a"), timeout=5.0) is True
    vanishes(system, "/top/a")
    assert system.dead_letters["Add"] == 1


def test_a_parked_child_is_stopped(system):
    supervise(system, [ChildSpec("a", Counter, budget=Budget(0, 300))])
    system.address("/top/a").tell(Boom())
    reaches(system, "/top/a", CellState.PARKED)
    assert system.address("/top/a").stop(timeout=5.0) is True
    vanishes(system, "/top/a")


def test_parked_and_waiting_children_do_not_hold_up_the_end_of_the_system(system):
    specs = [ChildSpec("parked", Counter, budget=Budget(0, 300)), ChildSpec("waiting", Counter)]
    supervise(system, specs, backoff=NEVER)
    for name, state in (("parked", CellState.PARKED), ("waiting", CellState.SUSPENDED)):
        system.address(f"/top/{name}").tell(Boom())
        reaches(system, f"/top/{name}", state)
    assert system.stop(timeout_s=5.0) is True


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
def test_a_child_that_is_stopped_while_its_group_restarts_does_not_come_back(live, strategy):
    gate, entered = threading.Event(), threading.Event()

    class Lingers(Counter):
        """Takes its time to say goodbye."""

        def on_stop(self) -> None:
            entered.set()
            assert gate.wait(10.0)

    specs = [ChildSpec("a", Counter), ChildSpec("b", Lingers, dispatcher="aside"), ChildSpec("c", Counter)]
    supervise(live, specs, strategy)
    live.address("/top/a").tell(Boom())
    assert entered.wait(5.0)
    stopped = live.address("/top/b").stop(block=False)
    live.address("/top").ask(StopChild("nobody"), timeout=5.0)
    gate.set()
    assert stopped.get(timeout=5.0) is True
    reaches(live, "/top/c", incarnation=2)
    vanishes(live, "/top/b")


def test_a_stop_of_a_child_whose_supervisor_is_parked_still_works(system):
    inner = ChildSpec("inner", lambda: Supervisor([ChildSpec("a", Counter)]), budget=Budget(0, 300))
    supervise(system, [inner])
    system.fail("/top/inner")
    reaches(system, "/top/inner", CellState.PARKED)
    assert system.address("/top/inner/a").stop(timeout=5.0) is True
    vanishes(system, "/top/inner/a")


class Hangs(Actor[Message]):
    """Does not come back from a message until it is let."""

    def __init__(self, gate: threading.Event, entered: threading.Event, trace: list[str]) -> None:
        self._gate = gate
        self._entered = entered
        self._trace = trace

    @receives
    def anything(self, message: Message) -> None:
        self._entered.set()
        assert self._gate.wait(10.0)
        self._trace.append("came back")

    def on_stop(self) -> None:
        self._trace.append("stop")


def test_a_child_that_does_not_stop_within_its_deadline_is_abandoned(live):
    gate, entered, trace = threading.Event(), threading.Event(), []
    probe = live.probe()
    live.events.subscribe(probe.address, ActorStopped)
    spec = ChildSpec("hung", lambda: Hangs(gate, entered, trace), shutdown_s=0.05, dispatcher="aside")
    supervise(live, [ChildSpec("a", Counter), spec])
    hung = live.address("/top/hung")
    live.watch(hung, probe.address)
    hung.tell(Message())
    assert entered.wait(5.0)
    assert hung.stop(timeout=5.0) is True
    assert probe.expect(Terminated).reason == "it did not stop within shutdown_s=0.05"
    assert probe.of(ActorStopped) == [ActorStopped("/top/hung", "it did not stop within shutdown_s=0.05")]
    assert trace == []
    with pytest.raises(ActorDeadError):
        hung.tell(Message())
    assert live.address("/top/a").ask(Read(), timeout=5.0) == 0
    gate.set()
    eventually(live, lambda: trace == ["came back", "stop"])
    assert len(probe.of(ActorStopped)) == 1


def test_a_group_whose_thread_hangs_is_abandoned_and_the_rest_still_stops_in_order():
    system = System(dispatcher="loop")
    gate, entered, trace = threading.Event(), threading.Event(), []
    books = [ChildSpec("hung", lambda: Hangs(gate, entered, trace)), traced("book", trace)]
    arm = ChildSpec("arm", lambda: Supervisor(books), shutdown_s=0.05, dispatcher="arm")
    system.spawn(traced("journal", trace))
    system.spawn(arm)
    system.spawn(traced("monitor", trace))
    hung = system.address("/arm/hung")
    hung.tell(Message())
    assert entered.wait(5.0)
    pending = system.address("/arm/book").ask(Read(), block=False)
    trace.clear()
    stopper = threading.Thread(target=system.stop)
    stopper.start()
    assert system.ended.wait(5.0)
    assert trace == ["stop monitor", "stop journal"]
    with pytest.raises(ActorDeadError):
        hung.tell(Message())
    gate.set()
    stopper.join()
    with pytest.raises(ActorDeadError):
        pending.get(timeout=5.0)
    assert trace[2:] == ["came back", "stop book", "stop"]


def test_a_group_that_takes_its_time_is_not_abandoned_while_its_thread_lives(simulation):
    trace: list[str] = []

    class Lingers(Supervisor):
        """Takes twenty times as long to say goodbye as it is given."""

        def _bring_down(self, final: bool, then: Callable[[], None]) -> None:  # noqa: FBT001 - the cell's hook
            cell, go = self._cell, super()._bring_down
            cell.dispatcher.call_later(100.0, lambda: cell.dispatcher.put_control(cell, go, final, then))

    address = simulation.spawn(ChildSpec("arm", lambda: Lingers([traced("book", trace)]), shutdown_s=5.0))
    assert address.stop(timeout=1_000.0) is True
    assert trace == ["start book", "stop book"]
    assert simulation.clock.monotonic_s() == pytest.approx(100.0)


def test_a_goodbye_that_comes_back_after_it_was_abandoned_does_not_end_anything_twice(live):
    gate, back = threading.Event(), threading.Event()

    class Lingers(Counter):
        """Does not come back from its goodbye until it is let."""

        def on_stop(self) -> None:
            assert gate.wait(10.0)
            back.set()

    probe = live.probe()
    live.events.subscribe(probe.address, ActorStopped)
    supervise(live, [ChildSpec("a", Lingers, shutdown_s=0.02, dispatcher="aside"), ChildSpec("b", Counter)])
    neighbour = live.spawn(Counter, dispatcher="aside")
    assert live.address("/top/a").stop(timeout=5.0) is True
    gate.set()
    assert back.wait(5.0)
    assert neighbour.ask(Read(), timeout=5.0) == 0
    neighbour.stop(timeout=5.0)
    probe.expect(ActorStopped)
    eventually(live, lambda: [event.path for event in probe.of(ActorStopped)] == ["/top/a", "/counter"])


def test_an_abandoned_childs_name_is_free_again(live):
    gate, entered, trace = threading.Event(), threading.Event(), []
    spec = ChildSpec("hung", lambda: Hangs(gate, entered, trace), shutdown_s=0.02, dispatcher="aside")
    address = live.spawn(spec)
    address.tell(Message())
    assert entered.wait(5.0)
    address.stop(timeout=5.0)
    vanishes(live, "/hung")
    assert live.spawn(Counter, name="hung").ask(Read(), timeout=5.0) == 0
    gate.set()


def test_a_child_with_time_enough_is_not_abandoned(live):
    trace: list[str] = []
    supervise(live, [traced("a", trace, shutdown_s=30.0)])
    live.address("/top/a").stop(timeout=5.0)
    assert trace == ["start a", "stop a"]


def test_an_actor_that_would_wait_for_its_own_stop_is_told_so(system):
    seen: list[str] = []

    class Suicidal(Counter):
        """Tries to wait for its own end."""

        def on_start(self) -> None:
            try:
                self.address.stop()
            except AskInsideActor as error:
                seen.append(str(error))

    system.spawn(Suicidal, name="s")
    assert "block=False" in seen[0]


def test_an_actor_can_stop_another_without_waiting(system):
    class Killer(Counter):
        """Stops its neighbour."""

        def on_start(self) -> None:
            system.address("/victim").stop(block=False)

    system.spawn(Counter, name="victim")
    system.spawn(Killer)
    vanishes(system, "/victim")


def test_an_ask_that_a_stopping_system_can_no_longer_serve_is_answered(system):
    address = system.address("/nobody-starts-here")
    address.tell(Add())
    pending = address.ask(Read(), block=False)
    system.stop()
    with pytest.raises(ActorDeadError):
        pending.get(timeout=5.0)
    assert system.dead_letters["Add"] == 1

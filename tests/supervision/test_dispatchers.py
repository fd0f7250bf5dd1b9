"""Who runs actors: fair to timers, awake when it must be, watched, and apart from every other system."""

import asyncio
import threading
import time

import pytest

from ganglion.messages.lifecycle import ActorStuck
from ganglion.supervision import Actor, Budget, ChildSpec, StartChild, System, receives
from ganglion.supervision.clock import RealClock
from ganglion.supervision.dispatchers import LoopDispatcher, ThreadDispatcher, simulated
from ganglion.supervision.dispatchers.base import TURN_CONTROL, TURN_MESSAGES, TURN_SECONDS
from ganglion.supervision.watchdog import Watchdog
from tests.supervision.cast import Add, Boom, Counter, Note, Read, eventually, info, reaches, settle, supervise


class Talkative(Actor[Note]):
    """Keeps itself busy until it is let."""

    def __init__(self, enough: threading.Event) -> None:
        self._enough = enough

    @receives
    def note(self, message: Note) -> None:
        if not self._enough.is_set():
            self.address.tell(message)


def test_a_talkative_actor_does_not_starve_the_timers_and_sockets_of_its_loop():
    system = System(dispatcher="loop")
    enough, late = threading.Event(), []
    talker = system.spawn(lambda: Talkative(enough), name="talker")
    dispatcher = system.core
    assert isinstance(dispatcher, LoopDispatcher)

    async def pulse() -> None:
        for _ in range(50):
            before = time.perf_counter()
            await asyncio.sleep(0)
            late.append(time.perf_counter() - before)

    talker.tell(Note(""))
    asyncio.run_coroutine_threadsafe(pulse(), dispatcher.loop).result(timeout=10.0)
    enough.set()
    system.stop()
    assert sorted(late)[len(late) // 2] < 20 * TURN_SECONDS


def test_a_talkative_actor_does_not_starve_its_neighbours_or_their_timers(live):
    enough, fired = threading.Event(), threading.Event()

    class Patient(Counter):
        """Waits for its timer."""

        def on_start(self) -> None:
            self.after(0.01, Add(1))

        @receives
        def add(self, message: Add) -> None:
            fired.set()

    live.spawn(lambda: Talkative(enough), name="talker").tell(Note(""))
    patient = live.spawn(Patient)
    assert fired.wait(5.0)
    assert patient.ask(Read(), timeout=5.0) == 0
    enough.set()


def test_a_turn_is_at_most_a_thousand_messages_or_a_millisecond(simulation):
    assert (TURN_MESSAGES, TURN_SECONDS) == (1_000, 0.001)
    counter = simulation.spawn(Counter)
    for _ in range(2_500):
        counter.tell(Add())
    left = [simulation.core.drain() for _ in range(3)]
    assert left == [True, True, False]
    assert info(simulation, "/counter").handled == 2_500


def test_a_turn_ends_after_its_time_even_if_few_messages_were_handled(live):
    slow_until = time.perf_counter() + 0.05

    class Slow(Actor[Note]):
        """Computes for a while."""

        @receives
        def note(self, message: Note) -> None:
            while time.perf_counter() < slow_until:
                pass

    slow = live.spawn(Slow)
    counter = live.spawn(Counter)
    for _ in range(200):
        slow.tell(Note(""))
    assert counter.ask(Read(), timeout=5.0) == 0


def test_an_idle_dispatcher_wakes_up_for_each_message(live):
    counter = live.spawn(Counter)
    for number in range(200):
        counter.tell(Add())
        assert settle(live, counter) == number + 1


def test_a_message_that_comes_just_as_a_dispatcher_falls_asleep_wakes_it_again(live, monkeypatch):
    counter = live.spawn(Counter)
    drain, told = live.core.drain, []

    def drain_and_get_one_more(*args: int) -> bool:
        left = drain(*args)
        if not left and len(told) < 3:
            told.append(1)
            counter.tell(Add())
        return left

    monkeypatch.setattr(live.core, "drain", drain_and_get_one_more)
    counter.tell(Add())
    eventually(live, lambda: info(live, "/counter").handled == 4)


def test_a_dispatcher_that_makes_no_progress_is_reported_once_with_whose_turn_it_is():
    system = System(dispatcher="loop", stuck_after_s=0.05)
    gate, entered = threading.Event(), threading.Event()

    class Stuck(Counter):
        """Does not come back until it is let."""

        @receives
        def add(self, message: Add) -> None:
            entered.set()
            assert gate.wait(10.0)

    probe = system.probe()
    system.events.subscribe(probe.address, ActorStuck)
    stuck = system.spawn(Stuck, dispatcher="aside")
    stuck.tell(Add())
    assert entered.wait(5.0)
    stuck.tell(Add())
    event = probe.expect(ActorStuck, timeout_s=5.0)
    assert (event.dispatcher, event.path) == ("aside", "/stuck")
    assert event.seconds >= 0.05
    assert system._watchdog is not None
    for _ in range(5):
        system._watchdog.look()
    probe.address.tell(Note("after all"))
    probe.expect(Note)
    assert len(probe.of(ActorStuck)) == 1
    gate.set()
    assert stuck.ask(Read(), timeout=5.0) == 0
    system.stop()


def test_a_dispatcher_that_was_idle_for_long_is_not_stuck_when_work_comes(simulation):
    watchdog = Watchdog(simulation, stuck_after_s=1.0, hang_s=None)
    probe = simulation.probe()
    simulation.events.subscribe(probe.address, ActorStuck)
    counter = simulation.spawn(Counter)
    watchdog.look()
    simulation.run_for(1_000.0)
    counter.tell(Add())
    watchdog.look()
    simulation.run_until_idle()
    assert probe.received == []


def test_two_systems_in_one_process_do_not_touch_each_other(system):
    other = System(dispatcher="simulated", seed=1)
    mine, theirs = system.spawn(Counter), other.spawn(Counter)
    mine.tell(Add(1))
    theirs.tell(Add(2))
    assert (mine.ask(Read(), timeout=5.0), theirs.ask(Read(), timeout=5.0)) == (1, 2)
    other.stop()
    assert mine.ask(Read(), timeout=5.0) == 1
    assert other.dead_letters == system.dead_letters == {}
    assert not theirs.is_alive()


def test_an_actor_may_tell_one_of_another_system(live):
    other = System(dispatcher="loop")
    counter = other.spawn(Counter)

    class Bridge(Actor[Add]):
        """Passes on."""

        @receives
        def add(self, message: Add) -> None:
            counter.tell(message)

    live.spawn(Bridge).tell(Add(3))
    eventually(live, lambda: counter.ask(Read(), timeout=5.0) == 3)
    other.stop()


def test_a_failure_in_one_system_leaves_the_others_root_alone(system):
    other = System(dispatcher="simulated")
    other.spawn(ChildSpec("c", Counter, on_exhausted="escalate"))
    for number in range(5):
        other.address("/c").tell(Boom(number))
    assert other.wait_for(other.ended.is_set, 100.0)
    assert not system.ended.is_set()
    assert settle(system, system.spawn(Counter)) == 0
    other.stop()


def test_named_dispatchers_are_made_once_and_in_the_simulation_all_are_one(simulation, live):
    assert simulation.dispatcher("arm") is simulation.core
    assert live.dispatcher("arm") is live.dispatcher("arm")
    assert live.dispatcher("arm") is not live.core


def test_a_stopped_system_leaves_no_thread_behind():
    before = set(threading.enumerate())
    system = System(dispatcher="loop")
    system.dispatcher("plain", "thread")
    system.spawn(Counter, dispatcher="plain")
    system.spawn(Counter, name="on-a-loop", dispatcher="loop-2")
    assert len(set(threading.enumerate()) - before) == 4
    system.stop()
    assert set(threading.enumerate()) == before


def test_children_of_one_group_may_live_on_different_dispatchers(live):
    live.dispatcher("plain", "thread")
    specs = [ChildSpec("a", Counter), ChildSpec("b", Counter, dispatcher="plain"), ChildSpec("c", Counter)]
    supervise(live, specs)
    for number in range(3):
        live.address("/top/b").tell(Boom(number))
    reaches(live, "/top/b", incarnation=4)
    assert [settle(live, live.address(f"/top/{name}")) for name in "abc"] == [0, 0, 0]


@pytest.mark.parametrize("kind", ["loop", "thread"])
def test_many_threads_that_tell_at_once_lose_nothing(kind):
    system = System(dispatcher=kind)
    counter = system.spawn(ChildSpec("c", Counter, mailbox=1_000_000))

    def tell() -> None:
        for _ in range(2_000):
            counter.tell(Add())

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.ask(Read(), timeout=10.0) == 8_000
    system.stop()


def test_a_wait_that_never_comes_true_says_so_in_time(system):
    assert system.wait_for(lambda: False, timeout_s=0.02) is False
    assert system.wait_for(lambda: True, timeout_s=0.0) is True


def test_a_child_that_fails_at_every_start_does_not_starve_whom_it_runs_beside(system):
    starts: list[int] = []
    seen: list[int] = []

    class Beside(Counter):
        """Notes how often the other has started when its own message is handled."""

        @receives
        def add(self, message: Add) -> None:
            seen.append(len(starts))

    beside = system.spawn(Beside)

    class Hopeless(Counter):
        """Is started again at once and for ever, and says so once."""

        def on_start(self) -> None:
            starts.append(1)
            if len(starts) == 1:
                beside.tell(Add())
            if len(starts) < 3_000:
                raise ValueError("not yet")

    supervise(system, [ChildSpec("hopeless", Hopeless, budget=Budget(10_000, 300.0))])
    eventually(system, lambda: bool(seen), timeout_s=20.0)
    assert seen[0] < TURN_CONTROL
    reaches(system, "/top/hopeless")


def test_starts_without_end_are_an_error_in_virtual_time_and_no_hang(simulation, monkeypatch):
    monkeypatch.setattr(simulated, "RUNAWAY_CONTROL", 5_000)

    class Hopeless(Counter):
        """Never comes up."""

        def on_start(self) -> None:
            raise ValueError("never")

    group = supervise(simulation, [])
    group.tell(StartChild(ChildSpec("hopeless", Hopeless, budget=Budget(10_000, 300.0))))
    with pytest.raises(RuntimeError, match="fails at every start"):
        simulation.run_until_idle()


def test_what_comes_after_a_long_idle_time_is_not_old(simulation):
    counter = simulation.spawn(Counter)
    simulation.run_for(1_000.0)
    counter.tell(Add())
    assert simulation.core.oldest_age_s() == 0.0
    settle(simulation, counter)


@pytest.mark.parametrize("kind", [LoopDispatcher, ThreadDispatcher])
def test_waiting_is_counted_from_when_an_idle_dispatcher_was_woken(kind):
    class Hours(RealClock):
        """Real time, and the hours that a test adds."""

        added_s = 0.0

        def monotonic_s(self) -> float:
            return super().monotonic_s() + self.added_s

    clock = Hours()
    dispatcher = kind("idle", clock)
    blocked, let_go = threading.Event(), threading.Event()

    class Cell:
        """Holds the dispatcher up, so that the next item waits."""

        path = "/cell"

        def hold(self) -> None:
            blocked.set()
            assert let_go.wait(10.0)

    cell = Cell()
    asleep_by_s = time.monotonic() + 5.0
    while dispatcher.awake and time.monotonic() < asleep_by_s:
        threading.Event().wait(0.001)
    clock.added_s = 3_600.0
    dispatcher.put_control(cell, cell.hold)
    assert blocked.wait(5.0)
    dispatcher.put_control(cell, let_go.set)
    age_s = dispatcher.oldest_age_s()
    let_go.set()
    dispatcher.close()
    assert 0.0 < age_s < 3_600.0

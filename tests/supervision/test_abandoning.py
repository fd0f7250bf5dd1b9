"""A thread that hangs is left to itself: who lived on it lives on elsewhere, and what it does when it wakes is nothing.

Real threads hang on real events here; each is let go before its test ends, and has to come to its end.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from ganglion.messages.lifecycle import ActorStuck, CellState, DeadLetter, Failure, ThreadAbandoned
from ganglion.supervision import (
    Actor,
    ActorHung,
    Address,
    Backoff,
    Budget,
    ChildSpec,
    Fence,
    Fenced,
    Message,
    Request,
    Supervisor,
    System,
    receives,
)
from ganglion.supervision.dispatchers import LoopDispatcher
from ganglion.supervision.watchdog import MOST_ABANDONED, Watchdog
from tests.supervision.cast import (
    AT_ONCE,
    Add,
    Boom,
    Counter,
    Diary,
    Fill,
    Note,
    Price,
    Read,
    eventually,
    info,
    reaches,
    settle,
    supervise,
)

NO_RESTARTS = Budget(restarts=0, within_s=300.0)


class Hang(Message, frozen=True, gc=False):
    """Do not come back until the gate opens; then do something."""

    what: str = ""


class AskedHang(Request[int], frozen=True, gc=False):
    """The same while somebody waits for the answer."""


class Outcome(Message, frozen=True, gc=False):
    """What became of a write."""

    number: int
    evidence: ClassVar[bool] = True


class Gate:
    """Where threads hang, until the test lets them go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.back = threading.Semaphore(0)
        self.open = threading.Event()

    def wait(self) -> None:
        """Hang."""
        self.entered.release()
        assert self.open.wait(20.0)

    def hung(self) -> None:
        """Wait until somebody hangs here."""
        assert self.entered.acquire(timeout=5.0)

    def woken(self, system: System) -> None:
        """Let all go, and wait until the threads that were abandoned have ended."""
        self.open.set()
        assert system.wait_for(lambda: system.quarantine.count == 0, 5.0)


class Hanger(Actor[Hang | AskedHang | Note | Read | Boom]):
    """Hangs on demand, and does afterwards what it is told to do."""

    def __init__(self, gate: Gate, after: dict[str, Callable[["Hanger"], None]] | None = None) -> None:
        self._gate = gate
        self._after = after or {}
        self.notes = 0

    @receives
    def hang(self, message: Hang) -> None:
        self._gate.wait()
        if message.what:
            self._after[message.what](self)

    @receives
    def asked_hang(self, message: AskedHang) -> int:
        self._gate.wait()
        return 1

    @receives
    def note(self, message: Note) -> None:
        self.notes += 1

    @receives
    def read(self, message: Read) -> int:
        return self.notes

    @receives
    def boom(self, message: Boom) -> None:
        raise ValueError(f"boom {message.number}")


@pytest.fixture(params=["loop", "thread"])
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    """A running system that loses patience soon; its arm runs on a dispatcher of each kind."""
    running = System(seed=1, stuck_after_s=0.02, hang_s=0.1)
    running.dispatcher("arm", request.param)
    yield running
    running.stop(timeout_s=10.0)


@pytest.fixture
def gate(system: System) -> Iterator[Gate]:
    """Opened in the end, whatever the test did; no thread stays behind."""
    made = Gate()
    yield made
    made.woken(system)


def hanger(gate: Gate, name: str = "h", **options: Any) -> ChildSpec:
    after = options.pop("after", None)
    return ChildSpec(name, lambda: Hanger(gate, after), dispatcher="arm", **options)


def hung(system: System, gate: Gate, message: Message | None = None, path: str = "/top/h") -> Address[Any]:
    """Have an actor hang its thread, and wait until it lives again on another."""
    address = system.address(path)
    before = info(system, path).incarnation
    address.tell(message or Hang())
    gate.hung()
    reaches(system, path, incarnation=before + 1)
    return address


# ------------------------------------------------------------------ who lived there lives on


def test_a_hung_actor_lives_again_at_its_address_and_handles_what_waited(system, gate):
    supervise(system, [hanger(gate)])
    address = system.address("/top/h")
    address.tell(Hang())
    gate.hung()
    for _ in range(5):
        address.tell(Note(""))
    reaches(system, "/top/h", incarnation=2)
    assert settle(system, address) == 5


def test_it_runs_on_a_thread_of_its_own_and_not_on_the_one_that_hangs(system, gate):
    supervise(system, [hanger(gate)])
    arm = system.dispatcher("arm")
    before, fence = arm._thread, arm.fence
    hung(system, gate)
    assert arm._thread is not before
    assert before.is_alive()
    assert (fence.revoked, arm.fence.revoked) == (True, False)
    gate.woken(system)
    before.join(5.0)
    assert not before.is_alive()


def test_who_lived_beside_it_is_built_anew_without_spending_a_restart(system, gate):
    options = {"dispatcher": "arm", "budget": NO_RESTARTS}
    supervise(system, [hanger(gate), ChildSpec("beside", Counter, **options)])
    hung(system, gate)
    beside = reaches(system, "/top/beside", incarnation=2)
    assert beside.last_failure is not None
    assert beside.last_failure.blameless
    assert "/top/h has not come back from Hang" in beside.last_failure.text


def test_a_whole_branch_on_the_hung_thread_is_built_anew_under_supervisors_that_go_on(system, gate):
    branch = ChildSpec(
        "branch",
        lambda: Supervisor([ChildSpec("leaf", Counter, budget=NO_RESTARTS)], backoff=AT_ONCE),
        dispatcher="arm",
        budget=NO_RESTARTS,
    )
    supervise(system, [branch, hanger(gate)])
    hung(system, gate)
    reaches(system, "/top/branch/leaf", incarnation=2)
    assert info(system, "/top/branch").incarnation == 1
    system.address("/top/branch/leaf").tell(Boom())
    reaches(system, "/top/branch/leaf", CellState.PARKED)  # its supervisor hears and decides as before


def test_the_rest_of_the_system_never_stops(system, gate):
    supervise(system, [hanger(gate), ChildSpec("elsewhere", Counter, dispatcher="other"), ChildSpec("core", Counter)])
    address = system.address("/top/h")
    address.tell(Hang())
    gate.hung()
    for path in ("/top/elsewhere", "/top/core"):
        system.address(path).tell(Add())
        assert settle(system, system.address(path)) == 1
    reaches(system, "/top/h", incarnation=2)
    for path in ("/top/elsewhere", "/top/core"):
        assert settle(system, system.address(path)) == 1
        assert info(system, path).incarnation == 1


def test_subscriptions_and_what_was_told_meanwhile_survive(system, gate):
    pages: list[Message] = []
    supervise(system, [hanger(gate), ChildSpec("diary", lambda: Diary(pages), dispatcher="arm")])
    diary = system.address("/top/diary")
    system.subscribe(system.address("/top/h"), diary, Fill)
    system.address("/top/h").tell(Hang())
    gate.hung()
    for number in range(5):
        diary.tell(Fill(number))
    reaches(system, "/top/diary", incarnation=2)
    eventually(system, lambda: len(pages) == 5)
    assert pages == [Fill(number) for number in range(5)]
    system.address("/top/h")._cell.publish(Fill(99))
    eventually(system, lambda: pages[-1] == Fill(99))


def test_no_message_of_any_thread_is_lost_or_overtaken_while_it_happens(system, gate):
    pages: list[Message] = []
    supervise(system, [hanger(gate), ChildSpec("diary", lambda: Diary(pages), dispatcher="arm")])
    diary, done = system.address("/top/diary"), threading.Event()
    sent = [0] * 3

    def talk(who: int) -> None:
        while not done.is_set():
            if sent[who] - len(pages) < 3_000:
                diary.tell(Fill(1_000_000 * who + sent[who]))
                sent[who] += 1

    threads = [threading.Thread(target=talk, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    try:
        hung(system, gate)
        reaches(system, "/top/diary", incarnation=2)
    finally:
        done.set()
        for thread in threads:
            thread.join(5.0)
    eventually(system, lambda: len(pages) == sum(sent))
    for who in range(3):
        of_one = [page.number % 1_000_000 for page in pages if page.number // 1_000_000 == who]
        assert of_one == list(range(sent[who]))


def test_a_restart_that_was_waited_for_comes_although_its_timer_died_with_the_thread(system, gate):
    branch = ChildSpec(
        "branch", lambda: Supervisor([ChildSpec("leaf", Counter)], backoff=Backoff(base_s=0.3)), dispatcher="arm"
    )
    supervise(system, [branch, hanger(gate)])
    system.address("/top/branch/leaf").tell(Boom())
    reaches(system, "/top/branch/leaf", CellState.SUSPENDED)
    hung(system, gate)
    reaches(system, "/top/branch/leaf", incarnation=2)


def test_an_actor_on_the_systems_own_dispatcher_may_hang_too(gate, system):
    spec = ChildSpec("h", lambda: Hanger(gate))
    supervise(system, [spec, ChildSpec("beside", Counter)])
    hung(system, gate)
    reaches(system, "/top/beside", incarnation=2)
    assert info(system, "/top").incarnation == 1
    assert system.failure is None
    system.spawn(Counter, name="new")


# ------------------------------------------------------------------ what is said


def test_the_failure_says_who_hung_in_which_handler_and_where(system, gate):
    probe = system.probe()
    system.events.subscribe(probe.address, ThreadAbandoned, ActorStuck)
    supervise(system, [hanger(gate)])
    hung(system, gate)
    stuck = probe.expect(ActorStuck)
    told = probe.expect(ThreadAbandoned)
    assert stuck.seconds < told.seconds
    assert (told.dispatcher, told.path, told.handling) == ("arm", "/top/h", "Hang")
    failure = info(system, "/top/h").last_failure
    assert failure is not None
    assert (failure.error, failure.message, failure.stop) == ("ActorHung", "Hang", False)
    assert "/top/h has not come back from Hang" in failure.text
    first, *_, last = told.stack.splitlines()
    assert first.endswith("in Hanger.hang")
    assert "threading.py" in last
    assert failure.traceback == told.stack


def test_an_asker_is_told_that_nobody_will_answer(system, gate):
    supervise(system, [hanger(gate)])
    with pytest.raises(ActorHung, match="/top/h has not come back from AskedHang"):
        system.address("/top/h").ask(AskedHang(), timeout=10.0)
    gate.woken(system)
    assert settle(system, reaches(system, "/top/h", incarnation=2) and system.address("/top/h")) == 0


def test_a_slow_actor_that_does_handle_messages_is_left_alone():
    class Slow(Counter):
        """Takes its time, but comes back."""

        @receives
        def add(self, message: Add) -> None:
            self.total += 1
            turn.wait(0.03)

    turn = threading.Event()
    system = System(seed=1, stuck_after_s=0.1, hang_s=0.2)
    probe = system.probe()
    system.events.subscribe(probe.address, ActorStuck, ThreadAbandoned)
    slow = system.spawn(Slow, dispatcher="own")
    for _ in range(20):
        slow.tell(Add())
    assert slow.ask(Read(), timeout=10.0) == 20
    assert probe.received == []
    system.stop()


def test_a_process_that_was_stopped_itself_finds_nobody_hung(simulation):
    watchdog = Watchdog(simulation, stuck_after_s=1.0, hang_s=2.0)
    probe = simulation.probe()
    simulation.events.subscribe(probe.address, ActorStuck)
    counter = simulation.spawn(Counter)
    watchdog.look()
    counter.tell(Add())
    watchdog.look()
    simulation.clock.move_to(1_000.0)
    watchdog.look()
    simulation.run_until_idle()
    assert probe.received == []


def test_a_dispatcher_that_must_not_be_abandoned_is_only_reported():
    system = System(seed=1, stuck_after_s=0.02, hang_s=0.05)
    system.dispatcher("disk", "thread", abandonable=False)
    gate, probe = Gate(), system.probe()
    system.events.subscribe(probe.address, ActorStuck)
    address = system.spawn(ChildSpec("h", lambda: Hanger(gate), dispatcher="disk"))
    address.tell(Hang())
    probe.expect(ActorStuck)
    assert system._watchdog is not None
    eventually(system, lambda: system._watchdog._seen["disk"].seconds > 0.2)
    assert info(system, "/h").incarnation == 1
    gate.open.set()
    assert settle(system, address) == 0
    system.stop()


# ------------------------------------------------------------------ who hangs again


def test_who_hangs_its_thread_twice_is_parked_and_its_neighbours_go_on(system, gate):
    supervise(system, [hanger(gate), ChildSpec("beside", Counter, dispatcher="arm", budget=NO_RESTARTS)])
    address = hung(system, gate)
    address.tell(Hang())
    gate.hung()
    failure = reaches(system, "/top/h", CellState.PARKED).last_failure
    assert failure is not None
    assert failure.stop
    reaches(system, "/top/beside", incarnation=3)
    beside = system.address("/top/beside")
    beside.tell(Add())
    assert settle(system, beside) == 1


def test_an_operator_who_resumes_it_gives_it_another_chance(system, gate):
    supervise(system, [hanger(gate)])
    address = hung(system, gate)
    address.tell(Hang())
    gate.hung()
    reaches(system, "/top/h", CellState.PARKED)
    assert system.resume("/top/h")
    reaches(system, "/top/h", incarnation=3)
    hung(system, gate)


def test_a_thread_that_hangs_outside_of_any_turn_costs_the_one_who_stands_topmost_there(system, gate):
    looped = system.dispatcher("looped")
    assert isinstance(looped, LoopDispatcher)
    branch = ChildSpec("branch", lambda: Supervisor([ChildSpec("leaf", Counter)], backoff=AT_ONCE), dispatcher=looped)
    supervise(system, [branch])
    looped.loop.call_soon_threadsafe(gate.wait)
    gate.hung()
    branch_info = reaches(system, "/top/branch", incarnation=2)
    reaches(system, "/top/branch/leaf", incarnation=2)
    assert branch_info.last_failure is not None
    assert not branch_info.last_failure.blameless
    assert "it has not come back" in branch_info.last_failure.text


def test_threads_are_not_left_behind_without_end(system, gate, monkeypatch):
    monkeypatch.setattr("ganglion.supervision.watchdog.MOST_ABANDONED", 1)
    assert MOST_ABANDONED > 1
    supervise(system, [hanger(gate)])
    address = hung(system, gate)
    address.tell(Hang())
    gate.hung()
    assert system._watchdog is not None
    eventually(system, lambda: any(seen.given_up for seen in system._watchdog._seen.values()))
    assert info(system, "/top/h").incarnation == 2


# ------------------------------------------------------------------ wherever it hangs


@pytest.mark.parametrize("where", ["factory", "on_start", "on_stop", "on_failure"])
def test_it_may_hang_in_its_factory_and_in_its_hooks(system, gate, where):
    made: list[int] = []

    class Hooked(Counter):
        """Hangs in one place, the first time it comes there."""

        def __init__(self) -> None:
            super().__init__()
            made.append(len(made))
            self._first = len(made) == 1
            self._hang("factory")

        def on_start(self) -> None:
            self._hang("on_start")

        def on_stop(self) -> None:
            self._hang("on_stop")

        def on_failure(self, failure: Failure) -> None:
            self._hang("on_failure")

        def _hang(self, here: str) -> None:
            if here == where and self._first:
                gate.wait()

    sibling = ChildSpec("sibling", Counter, dispatcher="arm")
    supervise(system, [ChildSpec("h", Hooked, dispatcher="arm"), sibling, ChildSpec("far", Counter)])
    address = system.address("/top/h")
    if where == "on_failure":
        address.tell(Boom())
    elif where == "on_stop":
        address.stop(block=False)
    gate.hung()
    assert settle(system, system.address("/top/sibling")) == 0
    if where == "on_stop":
        eventually(system, lambda: not address.is_alive())
    else:
        reaches(system, "/top/h")
        assert settle(system, address) == 0
    gate.woken(system)
    if where != "on_stop":
        address.tell(Add())
        assert settle(system, address) == 1
    assert len(made) == (1 if where == "on_stop" else 2)


# ------------------------------------------------------------------ what it does when it wakes up


def test_what_it_tells_is_dropped_and_counted_but_for_what_became_of_a_write(system, gate):
    probe = system.probe()
    letters = system.probe()
    system.events.subscribe(letters.address, DeadLetter)

    def wake(actor: Hanger) -> None:
        probe.address.tell(Note("late"))
        probe.address.tell(Price("BTC/USDT", 1.0))
        probe.address.tell(Outcome(7))
        actor.publish(Note("published"))
        actor.address.tell(Note("to itself"))
        system.address("/nobody/yet").tell(Note("reserved"))

    supervise(system, [hanger(gate, after={"tell": wake})])
    system.subscribe(system.address("/top/h"), probe.address, Note)
    hung(system, gate, Hang("tell"))
    gate.woken(system)
    assert probe.expect(Outcome) == Outcome(7)
    assert probe.received == [Outcome(7)]
    assert settle(system, system.address("/top/h")) == 0
    assert (system.dead_letters["Note"], system.dead_letters["Price"]) == (4, 1)
    assert letters.expect(DeadLetter).fenced
    assert system.address("/nobody/yet")._cell.stashed() == 0


@pytest.mark.parametrize("what", ["raise", "stop", "after", "watch", "fail"])
def test_nothing_it_does_reaches_the_incarnation_that_took_its_place(system, gate, what):
    def bad(_: Hanger) -> None:
        raise ValueError("too late")

    after = {
        "raise": bad,
        "stop": lambda actor: actor.stop(),
        "after": lambda actor: actor.after(0.0, Note("late")).cancel(),
        "watch": lambda actor: actor.watch(system.address("/nobody")),
        "fail": lambda actor: actor._cell.fail(Failure(error="X", text="late")),
    }
    supervise(system, [hanger(gate, after=after)])
    address = hung(system, gate, Hang(what))
    gate.woken(system)
    assert settle(system, address) == 0
    assert info(system, "/top/h").incarnation == 2
    assert info(system, "/top/h").state is CellState.RUNNING


def test_it_handles_nothing_more(system, gate):
    pages: list[Message] = []
    threads: list[int] = []

    class Noted(Diary):
        """Says on which thread it writes."""

        @receives
        def fill(self, message: Fill) -> None:
            threads.append(threading.get_ident())
            super().fill(message)

    supervise(system, [hanger(gate), ChildSpec("diary", lambda: Noted(pages), dispatcher="arm")])
    old = system.dispatcher("arm").fence.thread
    system.address("/top/h").tell(Hang())
    for number in range(500):
        system.address("/top/diary").tell(Fill(number))
    gate.hung()
    reaches(system, "/top/diary", incarnation=2)
    gate.woken(system)
    eventually(system, lambda: len(pages) == 500)
    assert old not in threads
    assert pages == [Fill(number) for number in range(500)]


def test_its_fence_refuses_a_write_and_says_why(system, gate):
    fences: list[Fence] = []
    refused: list[str] = []

    def write(_: Hanger) -> None:
        try:
            fences[0].check("place BTC/USDT")
        except Fenced as error:
            refused.append(str(error))

    supervise(system, [hanger(gate, after={"write": write})])
    fences.append(system.dispatcher("arm").fence)
    hung(system, gate, Hang("write"))
    gate.woken(system)
    assert len(refused) == 1
    assert refused[0].startswith("place BTC/USDT was not sent: dispatcher 'arm' was abandoned (/top/h has not come")
    system.dispatcher("arm").fence.check("place ETH/USDT")


def test_what_lives_on_it_is_asked_to_say_goodbye(system, gate):
    said = threading.Event()
    supervise(system, [hanger(gate)])
    system.dispatcher("arm").fence.farewells["here"] = said.set
    hung(system, gate)
    assert not said.is_set()
    gate.woken(system)
    assert said.is_set()


def test_messages_take_the_fast_way_again_once_it_has_ended(system, gate):
    supervise(system, [hanger(gate)])
    hung(system, gate)
    assert {dispatcher.watermark for dispatcher in system.dispatchers()} == {-1}
    assert system.dispatcher("made-meanwhile").watermark == -1
    gate.woken(system)
    assert all(dispatcher.watermark > 0 for dispatcher in system.dispatchers())


def test_a_full_mailbox_is_held_to_its_bound_all_the_same_meanwhile(simulation):
    pages: list[Message] = []
    simulation.spawn(ChildSpec("small", lambda: Diary(pages), mailbox=10))
    simulation.quarantine.begin()
    for number in range(100):
        simulation.address("/small").tell(Note(str(number)))
    simulation.run_until_idle()
    simulation.quarantine.end()
    assert pages == [Note(str(number)) for number in range(10)]
    assert simulation.dead_letters == {"Note": 90}

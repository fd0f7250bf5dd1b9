"""The pitfalls of stock pykka, each as it really behaves there and as it behaves here."""

import asyncio
import logging
import threading
import time
from datetime import UTC, datetime

import pykka
import pytest
from freezegun import freeze_time
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars
from structlog.testing import capture_logs

from ganglion.messages.lifecycle import ActorFailed, ActorStarted
from ganglion.supervision import (
    Actor,
    ActorDeadError,
    Address,
    ChildSpec,
    Expired,
    ProtocolError,
    StartError,
    System,
    Timeout,
    receives,
)
from ganglion.supervision.dispatchers import LoopDispatcher
from tests.supervision.cast import (
    Add,
    AskedBoom,
    Boom,
    Counter,
    Note,
    Read,
    eventually,
    info,
    reaches,
    settle,
    supervise,
)


class Stock(pykka.ThreadingActor):
    """A stock actor that does what it is told in words."""

    def __init__(self, log: list[str] | None = None, gate: threading.Event | None = None) -> None:
        super().__init__()
        self.log = log if log is not None else []
        self.gate = gate

    def on_failure(self, *_: object) -> None:
        self.log.append("on_failure")

    def on_receive(self, message: object) -> object:
        self.log.append(str(message))
        if message == "wait" and self.gate is not None:
            self.gate.wait(10.0)
        if message == "boom":
            raise ValueError("boom")
        if message == "exit":
            raise SystemExit(1)
        return message


@pytest.fixture(autouse=True)
def no_stock_left_behind():
    logging.getLogger("pykka").setLevel(logging.CRITICAL + 1)
    yield
    pykka.ActorRegistry.stop_all(timeout=5.0)
    logging.getLogger("pykka").setLevel(logging.NOTSET)


def test_p1_the_same_bug_has_one_fate_whether_told_or_asked(system):
    log: list[str] = []
    asked, told = Stock.start(log), Stock.start()
    with pytest.raises(ValueError, match="boom"):
        asked.ask("boom")
    assert asked.is_alive()
    assert "on_failure" not in log
    told.tell("boom")
    assert told.actor_stopped.wait(5.0)

    supervise(system, [ChildSpec("asked", Counter), ChildSpec("told", Counter)])
    with pytest.raises(ValueError, match="boom"):
        system.address("/top/asked").ask(AskedBoom(), timeout=5.0)
    system.address("/top/told").tell(Boom())
    for name in ("asked", "told"):
        assert reaches(system, f"/top/{name}", incarnation=2).last_failure.error == "ValueError"


def test_p2_a_failed_start_is_told_to_who_started_it(system):
    class Unborn(pykka.ThreadingActor):
        """Fails as it starts."""

        def on_start(self) -> None:
            raise ValueError("no")

    reference = Unborn.start()
    assert reference.actor_stopped.wait(5.0)

    class Failing(Counter):
        """Fails as it starts."""

        def on_start(self) -> None:
            raise ValueError("no")

    with pytest.raises(StartError, match="ValueError: no"):
        system.spawn(Failing)


def test_p3_a_base_exception_stops_nobody_else_and_hangs_no_asker(system):
    supervise(system, [ChildSpec("ours", Counter)])
    ours = system.address("/top/ours")
    bystander, culprit = Stock.start(), Stock.start()
    culprit.tell("exit")
    assert bystander.actor_stopped.wait(5.0)
    assert settle(system, ours) == 0

    class Exits(Counter):
        """Raises SystemExit."""

        @receives
        def add(self, message: Add) -> None:
            raise SystemExit(1)

    stranger = Stock.start()
    supervise(system, [ChildSpec("exits", Exits), ChildSpec("b", Counter)], name="second")
    system.address("/second/exits").tell(Add())
    reaches(system, "/second/exits", incarnation=2)
    assert stranger.is_alive()
    assert settle(system, system.address("/second/b")) == 0


def test_p4_who_has_stopped_waiting_is_not_served_later(live):
    log: list[str] = []
    gate = threading.Event()
    stock = Stock.start(log, gate)
    stock.tell("wait")
    with pytest.raises(pykka.Timeout):
        stock.ask("order", timeout=0.01)
    gate.set()
    stock.stop()
    assert "order" in log

    held = threading.Event()

    class Held(Counter):
        """Waits before it counts."""

        @receives
        def add(self, message: Add) -> None:
            assert held.wait(10.0)

    address = live.spawn(Held, dispatcher="aside")
    address.tell(Add())
    late = address.ask(Read(), block=False, timeout=0.0)
    with pytest.raises(Timeout):
        address.ask(Read(), timeout=0.01)
    held.set()
    with pytest.raises(Expired):
        late.get(timeout=5.0)
    assert live.dead_letters["Read"] >= 1
    assert info(live, "/held").handled <= 1


def test_p5_what_waits_behind_a_failure_is_handled_and_what_waits_behind_a_stop_is_counted(system):
    log: list[str] = []
    gate = threading.Event()
    stock = Stock.start(log, gate)
    for word in ("wait", "boom", "lost", "lost"):
        stock.tell(word)
    gate.set()
    assert stock.actor_stopped.wait(5.0)
    assert "lost" not in log

    address = system.address("/top/c")
    for message in (Boom(), Add(), Add()):
        address.tell(message)
    supervise(system, [ChildSpec("c", Counter)])
    assert settle(system, address) == 2
    address.stop(timeout=5.0)
    with pytest.raises(ActorDeadError):
        address.tell(Add())
    assert system.dead_letters == {"Add": 1}


def test_p6_a_stop_overtakes_the_backlog(system):
    log: list[str] = []
    gate = threading.Event()
    stock = Stock.start(log, gate)
    stock.tell("wait")
    for _ in range(10):
        stock.tell("backlog")
    stopped = stock.stop(block=False)
    gate.set()
    stopped.get(timeout=5.0)
    assert log.count("backlog") == 10

    handled: list[Note] = []

    class StopsItself(Actor[Note]):
        """Is stopped with a backlog."""

        @receives
        def note(self, message: Note) -> None:
            handled.append(message)
            self.address.stop(block=False)

    address = system.address("/busy")
    for number in range(10):
        address.tell(Note(str(number)))
    system.spawn(ChildSpec("busy", StopsItself))
    eventually(system, lambda: system.dead_letters["Note"] == 9)
    assert not address.is_alive()
    assert len(handled) == 1


def test_p7_an_address_follows_its_cell_and_a_cell_is_whole_before_anything_is_sent(system):
    address = system.address("/early")
    address.actor_inbox.put(pykka._envelope.Envelope(Add(1)))
    address.tell(Add(2))
    system.spawn(Counter, name="early")
    address.actor_inbox.put(pykka._envelope.Envelope(Add(4)))
    assert settle(system, address) == 7
    assert address.actor_inbox is address._cell.actor_inbox
    assert address.actor_stopped is address._cell.actor_stopped


def test_p8_actors_are_found_by_path_and_not_in_pykkas_registry(system):
    before = pykka.ActorRegistry.get_all()
    address = system.spawn(Counter)
    assert pykka.ActorRegistry.get_all() == before
    assert system.address("/counter") is address
    with pytest.raises(ProtocolError, match="no proxies"):
        address.proxy()
    assert isinstance(Stock.start().proxy(), pykka.ActorProxy)


def test_p9_in_one_thread_frozen_time_is_coherent_however_deep(simulation):
    seen: list[float] = []

    def deep(level: int) -> float:
        return deep(level - 1) if level else time.time()

    class Looks(Counter):
        """Looks at the clock, shallow and deep."""

        @receives
        def add(self, message: Add) -> None:
            seen.extend([time.time(), deep(3), datetime.now(UTC).timestamp()])

    with freeze_time("2024-02-29 12:00:00"):
        simulation.spawn(Looks).tell(Add())
        simulation.run_until_idle()
        frozen = time.time()
        virtual_s = simulation.clock.monotonic_s()
        simulation.run_for(5.0)
        assert simulation.clock.monotonic_s() == virtual_s + 5.0
    assert seen == [frozen] * 3


def test_p10_what_one_actor_logs_carries_its_own_path_and_nothing_of_its_neighbours(system):
    class Logs(Actor[Note]):
        """Binds what it is doing, and logs it."""

        @receives
        def note(self, message: Note) -> None:
            self.log.bind(doing=message.text).critical("with")
            self.log.critical("without")

    with capture_logs() as entries:
        for name in ("a", "b"):
            system.spawn(Logs, name=name)
        for name in ("a", "b"):
            system.address(f"/{name}").tell(Note(f"work of {name}"))
        eventually(system, lambda: len(entries) >= 4)
    lines = [(entry["path"], entry["event"], entry.get("doing")) for entry in entries]
    assert lines == [
        ("/a", "with", "work of a"),
        ("/a", "without", None),
        ("/b", "with", "work of b"),
        ("/b", "without", None),
    ]


def test_p10_what_a_handler_binds_into_the_context_ends_with_its_turn_and_nothing_of_the_hosts_comes_in(system):
    seen: list[dict[str, object]] = []

    class Binds(Actor[Note]):
        """Looks what is bound, and binds something itself."""

        @receives
        def note(self, message: Note) -> None:
            seen.append(dict(get_contextvars()))
            bind_contextvars(order=message.text)

    with bound_contextvars(host="mine"):
        system.spawn(Binds, name="first")
        system.spawn(Binds, name="second")
        for number, name in enumerate(("first", "second", "first")):
            system.address(f"/{name}").tell(Note(f"order {number}"))
            eventually(system, lambda number=number: len(seen) > number)
        assert dict(get_contextvars()) == {"host": "mine"}
    assert seen == [{}, {}, {}]


def test_p11_a_coroutine_that_awaits_an_answer_does_not_block_its_loop(live):
    async def ticks_while(waiting) -> tuple[int, object]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        asyncio.get_running_loop().call_later(0.03, gate.set)
        threading.Timer(0.06, gate.set).start()
        result = await waiting
        ticking.cancel()
        return ticks, result

    gate = threading.Event()
    stock = Stock.start(gate=gate)
    ticks, result = asyncio.run(ticks_while(stock.ask("wait", block=False)))
    assert (ticks <= 2, result) == (True, "wait")

    gate = threading.Event()

    class Slow(Counter):
        """Answers once it is let."""

        @receives
        def read(self, message: Read) -> int:
            assert gate.wait(10.0)
            return 5

    address = live.spawn(Slow, dispatcher="aside")
    ticks, result = asyncio.run(ticks_while(address.ask(Read(), block=False)))
    assert result == 5
    assert ticks > 10
    answered = address.ask(Read(), block=False)
    eventually(live, lambda: answered.done)

    async def late() -> object:
        return await answered

    assert asyncio.run(late()) == 5


def test_p11_a_burst_from_another_thread_wakes_the_loop_once():
    system = System(dispatcher="loop")
    dispatcher = system.core
    assert isinstance(dispatcher, LoopDispatcher)
    gate, entered = threading.Event(), threading.Event()

    class Held(Counter):
        """Holds the loop until everything was sent."""

        @receives
        def boom(self, message: Boom) -> None:
            entered.set()
            assert gate.wait(10.0)

    address: Address[Add | Boom | Read] = system.spawn(Held)
    wakes: list[int] = []
    real = dispatcher.loop.call_soon_threadsafe
    dispatcher.loop.call_soon_threadsafe = lambda *args: (wakes.append(1), real(*args))[1]  # type: ignore[method-assign]
    address.tell(Boom())
    assert entered.wait(5.0)
    for _ in range(1_000):
        address.tell(Add())
    gate.set()
    assert address.ask(Read(), timeout=5.0) == 1_000
    assert len(wakes) <= 3
    dispatcher.loop.call_soon_threadsafe = real  # type: ignore[method-assign]
    system.stop()


def test_failures_and_restarts_are_events_that_stock_pykka_only_logs(system):
    probe = system.probe()
    supervise(system, [ChildSpec("a", Counter)])
    system.events.subscribe(probe.address, ActorFailed, ActorStarted)
    system.address("/top/a").tell(Boom())
    assert probe.expect(ActorFailed).path == "/top/a"
    assert probe.expect(ActorStarted).incarnation == 2

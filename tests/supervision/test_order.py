"""Order from sender to receiver holds across failures and restarts, and nothing is lost or handled twice."""

from collections import Counter as Tally
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.messages.lifecycle import ActorStarted
from ganglion.supervision import (
    Actor,
    ActorDeadError,
    Address,
    Backoff,
    Budget,
    ChildSpec,
    Message,
    Overflow,
    Request,
    Strategy,
    System,
    receives,
)
from tests.supervision.cast import AT_ONCE, GENEROUS, Boom, eventually, info, reaches, supervise


class Numbered(Message, frozen=True, gc=False):
    """The n-th message of a sender; some of them can't be handled."""

    sender: int
    number: int
    fails: bool = False
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Question(Request[int], frozen=True, gc=False):
    """Answered with its number."""

    sender: int
    number: int


class Go(Message, frozen=True, gc=False):
    """Send everything."""


class Receiver(Actor[Numbered | Question | Boom]):
    """Writes down what it handled, and what it failed at."""

    def __init__(self, handled: list[tuple[int, int]], failed: list[tuple[int, int]]) -> None:
        self._handled = handled
        self._failed = failed

    @receives
    def numbered(self, message: Numbered) -> None:
        if message.fails:
            self._failed.append((message.sender, message.number))
            raise ValueError(f"{message.sender}/{message.number}")
        self._handled.append((message.sender, message.number))

    @receives
    def question(self, message: Question) -> int:
        self._handled.append((message.sender, message.number))
        return message.number

    @receives
    def boom(self, message: Boom) -> None:
        raise ValueError(f"boom {message.number}")


class Sender(Actor[Go]):
    """Sends its numbers, marking some as failing."""

    def __init__(self, sender: int, fails: list[bool], receiver: Address[Numbered]) -> None:
        self._sender = sender
        self._fails = fails
        self._receiver = receiver

    @receives
    def go(self, message: Go) -> None:
        for number, fails in enumerate(self._fails):
            self._receiver.tell(Numbered(self._sender, number, fails))


def in_order(handled: list[tuple[int, int]]) -> bool:
    """Each sender's numbers only rise."""
    last: dict[int, int] = {}
    for sender, number in handled:
        if number <= last.get(sender, -1):
            return False
        last[sender] = number
    return True


@settings(max_examples=400)
@given(
    plans=st.lists(st.lists(st.booleans(), max_size=20), min_size=1, max_size=4),
    strategy=st.sampled_from(Strategy),
    backoff=st.sampled_from([AT_ONCE, Backoff(base_s=1.0)]),
    crashes=st.lists(st.integers(0, 60), max_size=5),
)
def test_each_senders_messages_are_handled_in_order_across_any_failures(plans, strategy, backoff, crashes):
    system = System(dispatcher="simulated", seed=3)
    handled: list[tuple[int, int]] = []
    failed: list[tuple[int, int]] = []
    receiver = system.address("/top/receiver")
    specs = [ChildSpec("receiver", lambda: Receiver(handled, failed), budget=GENEROUS)]
    specs += [
        ChildSpec(f"sender-{i}", lambda i=i, plan=plan: Sender(i, plan, receiver)) for i, plan in enumerate(plans)
    ]
    supervise(system, specs, strategy, backoff)
    for i in range(len(plans)):
        system.address(f"/top/sender-{i}").tell(Go())
    for step in range(61):
        if step in crashes:
            system.fail("/top/receiver")
        system.core.step()
    system.run_for(3_000.0)
    told = Tally((i, n) for i, plan in enumerate(plans) for n in range(len(plan)))
    assert in_order(handled)
    assert in_order(failed)
    assert Tally(handled) + Tally(failed) == told
    assert system.dead_letters == {}
    system.stop()


@settings(max_examples=400)
@given(
    kinds=st.lists(st.sampled_from(["tell", "fail", "ask", "crash", "step", "wait"]), max_size=40),
    budget=st.sampled_from([Budget(2, 300.0), GENEROUS]),
    ending=st.sampled_from(["run", "stop", "drain", "system"]),
)
def test_every_message_is_handled_once_or_failed_once_or_a_dead_letter_and_every_ask_is_answered(kinds, budget, ending):
    system = System(dispatcher="simulated", seed=4)
    handled: list[tuple[int, int]] = []
    failed: list[tuple[int, int]] = []
    spec = ChildSpec("r", lambda: Receiver(handled, failed), budget=budget)
    supervise(system, [spec], backoff=Backoff(base_s=0.5))
    address = system.address("/top/r")
    told, asked = 0, []
    for number, kind in enumerate(kinds):
        if kind in ("tell", "fail"):
            address.tell(Numbered(0, number, kind == "fail"))
            told += 1
        elif kind == "ask":
            asked.append(address.ask(Question(0, number), block=False))
            told += 1
        elif kind == "crash":
            system.fail("/top/r")
        elif kind == "step":
            system.core.step()
        else:
            system.run_for(0.2)
    finish(system, address, ending)
    outcomes = Tally(handled) + Tally(failed)
    assert not outcomes or max(outcomes.values()) == 1
    assert in_order(handled)
    assert len(handled) + len(failed) + sum(system.dead_letters.values()) == told
    assert all(reply.done for reply in asked)
    for reply in asked:
        try:
            assert (0, reply.get(timeout=0)) in handled
        except ActorDeadError:
            continue


def finish(system: System, address: Address[Numbered], ending: str) -> None:
    """End it in one of four ways; a parked actor keeps facts until the end of the system."""
    if ending == "run":
        system.run_for(10_000.0)
    elif ending != "system":
        address.stop(drain=ending == "drain", timeout=5_000.0)
    system.stop()


def test_the_stash_comes_before_what_is_queued_and_keeps_its_own_order(simulation):
    handled: list[tuple[int, int]] = []
    failed: list[tuple[int, int]] = []
    spec = ChildSpec("r", lambda: Receiver(handled, failed), budget=GENEROUS)
    supervise(simulation, [spec], backoff=Backoff(base_s=10.0, cap_s=10.0))
    address = simulation.address("/top/r")
    address.tell(Boom())
    for number in range(5):
        address.tell(Numbered(0, number))
    replies = [address.ask(Question(0, number), block=False) for number in range(5, 8)]
    simulation.run_until_idle()
    assert info(simulation, "/top/r").queued == 8
    simulation.run_for(10.1)
    assert handled == [(0, number) for number in range(8)]
    assert [reply.get(timeout=0) for reply in replies] == [5, 6, 7]


def test_what_comes_while_the_stash_returns_is_behind_it(simulation):
    handled: list[tuple[int, int]] = []
    failed: list[tuple[int, int]] = []
    supervise(simulation, [ChildSpec("r", lambda: Receiver(handled, failed), budget=GENEROUS)])
    address = simulation.address("/top/r")
    probe = simulation.probe()
    simulation.events.subscribe(probe.address, ActorStarted)
    for round_ in range(20):
        address.tell(Numbered(0, 10 * round_, fails=True))
        for number in range(1, 10):
            address.tell(Numbered(0, 10 * round_ + number))
            simulation.core.step()
    simulation.run_until_idle()
    assert handled == [(0, 10 * r + n) for r in range(20) for n in range(1, 10)]


def test_an_ask_that_meets_a_restart_is_answered_by_the_next_incarnation(system):
    handled: list[tuple[int, int]] = []
    failed: list[tuple[int, int]] = []
    supervise(system, [ChildSpec("r", lambda: Receiver(handled, failed))])
    address = system.address("/top/r")
    address.tell(Boom())
    assert address.ask(Question(0, 5), timeout=5.0) == 5
    reaches(system, "/top/r", incarnation=2)


@pytest.mark.parametrize("own", [False, True])
def test_order_and_count_hold_between_threads_too(live, own):
    handled: list[tuple[int, int]] = []
    failed: list[tuple[int, int]] = []
    receiver = live.address("/top/receiver")
    senders, messages = 4, 400
    plans = [[number % 37 == i for number in range(messages)] for i in range(senders)]
    specs = [
        ChildSpec("receiver", lambda: Receiver(handled, failed), budget=GENEROUS, dispatcher="own" if own else None)
    ]
    specs += [
        ChildSpec(f"sender-{i}", lambda i=i: Sender(i, plans[i], receiver), dispatcher=f"sender-{i % 2}")
        for i in range(senders)
    ]
    supervise(live, specs)
    for i in range(senders):
        live.address(f"/top/sender-{i}").tell(Go())
    eventually(live, lambda: len(handled) + len(failed) == senders * messages, 20.0)
    assert in_order(handled)
    assert in_order(failed)
    assert max((Tally(handled) + Tally(failed)).values()) == 1
    assert sorted(failed) == [(i, n) for i in range(senders) for n in range(messages) if plans[i][n]]
    assert live.dead_letters == {}

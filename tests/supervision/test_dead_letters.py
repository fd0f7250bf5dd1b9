"""Messages that nobody will handle, watchers, subscribers and the event stream."""

import logging

import pytest
import structlog
from structlog.testing import capture_logs

from ganglion.messages.lifecycle import ActorFailed, ActorStarted, ActorStopped, DeadLetter, Terminated
from ganglion.supervision import (
    Actor,
    ActorDeadError,
    Address,
    ChildSpec,
    Message,
    ProtocolError,
    Refusal,
    Request,
    receives,
)
from tests.supervision.cast import (
    Add,
    Boom,
    Counter,
    Diary,
    End,
    Fill,
    Note,
    Price,
    Read,
    eventually,
    info,
    reaches,
    settle,
    supervise,
    vanishes,
)


class Forwarder(Actor[Note]):
    """Tells somebody else."""

    def __init__(self, to: Address[Note], errors: list[Exception]) -> None:
        self._to = to
        self._errors = errors

    @receives
    def note(self, message: Note) -> None:
        try:
            self._to.tell(message)
        except ActorDeadError as error:
            self._errors.append(error)


def test_a_tell_to_a_dead_actor_is_a_dead_letter_inside_and_an_error_outside(system):
    dead = system.spawn(lambda: Diary([]), name="d")
    dead.stop(timeout=5.0)
    errors: list[Exception] = []
    forwarder = system.spawn(lambda: Forwarder(dead, errors), name="f")
    forwarder.tell(Note("from inside"))
    eventually(system, lambda: system.dead_letters["Note"] == 1)
    assert errors == []
    with pytest.raises(ActorDeadError, match="/d has stopped; Note was not handled"):
        dead.tell(Note("from outside"))
    with pytest.raises(ActorDeadError):
        dead.tell(Price("BTC", 1.0))
    with pytest.raises(ActorDeadError):
        dead.tell(Price("BTC", 2.0))
    assert system.dead_letters == {"Note": 2, "Price": 2}


def test_asking_a_dead_actor_is_an_error_at_once(system):
    dead = system.spawn(Counter)
    dead.stop(timeout=5.0)
    with pytest.raises(ActorDeadError, match="/counter has stopped"):
        dead.ask(Read(), timeout=5.0)


def test_dead_letters_are_counted_by_type_and_told_on_the_event_stream(system):
    probe = system.probe()
    system.events.subscribe(probe.address, DeadLetter)
    address = system.spawn(Counter)
    address.tell(Note("what?"))  # type: ignore[arg-type]
    letter = probe.expect(DeadLetter)
    assert letter == DeadLetter("/counter", "Note", "not in the actor's protocol")
    assert system.tree().dead_letters == {"Note": 1}
    assert settle(system, address) == 0


def test_a_refused_tell_is_a_dead_letter_and_a_refused_ask_an_error_and_no_failure(system):
    class Sell(Request[int], frozen=True, gc=False):
        """Always refused."""

    class Shop(Actor[Sell]):
        """Never sells."""

        @receives
        def sell(self, message: Sell) -> int:
            raise Refusal("not today")

    shop = system.spawn(Shop)
    shop.tell(Sell())
    with pytest.raises(Refusal, match="not today"):
        shop.ask(Sell(), timeout=5.0)
    assert system.dead_letters == {"Sell": 1}
    assert info(system, "/shop").incarnation == 1


def test_a_watcher_is_told_when_the_watched_has_stopped_for_good(system):
    probe = system.probe()
    supervise(system, [ChildSpec("a", Counter)])
    address = system.address("/top/a")
    system.watch(address, probe.address)
    system.watch(address, probe.address)
    address.tell(Boom())
    reaches(system, "/top/a", incarnation=2)
    assert probe.received == []
    address.stop(timeout=5.0)
    assert probe.expect(Terminated).path == "/top/a"
    probe.address.tell(Note("after"))
    probe.expect(Note)
    assert len(probe.of(Terminated)) == 1


def test_who_watches_too_late_is_told_at_once(system):
    probe = system.probe()
    address = system.spawn(Counter)
    address.stop(timeout=5.0)
    system.watch(address, probe.address)
    assert probe.expect(Terminated) == Terminated("/counter", "stopped before it was watched")


def test_an_actor_watches_another(system):
    seen: list[str] = []

    class Watcher(Actor[Terminated]):
        """Waits for the end of somebody."""

        def __init__(self, of: Address[Add]) -> None:
            self._of = of

        def on_start(self) -> None:
            self.watch(self._of)

        @receives
        def terminated(self, message: Terminated) -> None:
            seen.append(message.path)

    counter = system.spawn(ChildSpec("c", Counter, restart="transient"))
    system.spawn(lambda: Watcher(counter), name="w")
    counter.tell(End())
    eventually(system, lambda: seen == ["/c"])


def test_a_watcher_that_is_gone_itself_hurts_nobody(system):
    probe = system.probe()
    address = system.spawn(Counter)
    system.watch(address, probe.address)
    probe.address.stop(timeout=5.0)
    assert address.stop(timeout=5.0) is True


class Publisher(Actor[Note | Boom]):
    """Publishes what it is told."""

    @receives
    def note(self, message: Note) -> None:
        self.publish(message)

    @receives
    def boom(self, message: Boom) -> None:
        raise ValueError("boom")


def test_subscriptions_belong_to_the_cell_and_survive_restarts(system):
    probe = system.probe()
    supervise(system, [ChildSpec("p", Publisher)])
    publisher = system.address("/top/p")
    system.subscribe(publisher, probe.address, Note)
    system.subscribe(publisher, probe.address, Note)
    publisher.tell(Note("first"))
    publisher.tell(Boom())
    publisher.tell(Note("second"))
    assert [probe.expect(Note).text for _ in range(2)] == ["first", "second"]
    assert len(probe.received) == 2


def test_a_subscription_can_be_made_before_the_publisher_starts(system):
    probe = system.probe()
    system.subscribe(system.address("/publisher"), probe.address, Note)
    system.spawn(Publisher).tell(Note("hello"))
    assert probe.expect(Note) == Note("hello")


def test_a_subscriber_hears_only_the_types_it_asked_for(system):
    probe = system.probe()
    publisher = system.spawn(Publisher)
    system.subscribe(publisher, probe.address, Fill)
    publisher.tell(Note("not yours"))
    probe.address.tell(Fill(1))
    probe.expect(Fill)
    assert probe.received == [Fill(1)]


def test_a_publisher_knows_which_types_somebody_hears(system):
    heard: list[tuple[bool, bool]] = []

    class Asks(Actor[Note]):
        @receives
        def note(self, message: Note) -> None:
            heard.append((self.is_heard(Note), self.is_heard(Fill)))

    publisher = system.spawn(Asks)
    publisher.tell(Note("before"))
    eventually(system, lambda: len(heard) == 1)
    system.subscribe(publisher, system.probe().address, Note)
    publisher.tell(Note("after"))
    eventually(system, lambda: len(heard) == 2)
    assert heard == [(False, False), (True, False)]


def test_a_stopped_subscriber_is_forgotten_and_makes_no_dead_letters(system):
    pages: list[Message] = []
    publisher = system.spawn(Publisher)
    reader = system.spawn(lambda: Diary(pages), name="reader")
    system.subscribe(publisher, reader, Note)
    publisher.tell(Note("one"))
    eventually(system, lambda: pages == [Note("one")])
    reader.stop(timeout=5.0)
    probe = system.probe()
    system.subscribe(publisher, probe.address, Note)
    publisher.tell(Note("two"))
    probe.expect(Note)
    assert system.dead_letters == {}


def test_the_event_stream_tells_a_whole_life(system):
    probe = system.probe()
    system.events.subscribe(probe.address, ActorStarted, ActorFailed, ActorStopped)
    system.events.subscribe(probe.address, ActorStarted)
    supervise(system, [ChildSpec("a", Counter)])
    system.address("/top/a").tell(Boom())
    reaches(system, "/top/a", incarnation=2)
    system.address("/top/a").stop(timeout=5.0)
    probe.expect(ActorStopped)
    assert [(type(event).__name__, event.path) for event in probe.received] == [
        ("ActorStarted", "/top/a"),
        ("ActorStarted", "/top"),
        ("ActorFailed", "/top/a"),
        ("ActorStarted", "/top/a"),
        ("ActorStopped", "/top/a"),
    ]


def test_a_dead_subscriber_of_events_is_forgotten(system):
    probe = system.probe()
    system.events.subscribe(probe.address, ActorStarted)
    probe.address.stop(timeout=5.0)
    system.spawn(Counter)
    eventually(system, lambda: system.events._subscribers[ActorStarted] == ())


def test_unsubscribing_from_events_ends_them(system):
    probe = system.probe()
    system.events.subscribe(probe.address, ActorStarted)
    system.events.unsubscribe(probe.address)
    system.spawn(Counter)
    probe.address.tell(Note("end"))
    probe.expect(Note)
    assert probe.received == [Note("end")]


def test_a_probe_that_waits_in_vain_says_what_came_instead(simulation):
    probe = simulation.probe()
    probe.address.tell(Note("this"))
    with pytest.raises(Exception, match="no Fill within 1 s; last came: Note"):
        probe.expect(Fill, timeout_s=1.0)


def test_an_address_does_not_travel_in_messages_and_makes_no_proxy(system):
    import copy
    import pickle

    address = system.spawn(Counter)
    with pytest.raises(TypeError, match="send its path instead"):
        pickle.dumps(address)
    with pytest.raises(TypeError, match="send its path instead"):
        copy.deepcopy(address)
    with pytest.raises(ProtocolError, match="no proxies"):
        address.proxy()
    vanishes(system, "/nobody")


def test_what_waits_in_a_part_that_is_stopped_on_purpose_is_counted_and_no_warning(system):
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    with capture_logs() as said:
        group = supervise(system, [ChildSpec("d", lambda: Diary([]))])
        child = system.address(f"{group.path}/d")
        group.stop(timeout=5.0)
        forwarder = system.spawn(lambda: Forwarder(child, []), name="f")
        forwarder.tell(Note("to one whose supervisor is gone"))
        eventually(system, lambda: system.dead_letters["Note"] == 1)
        system.spawn(Counter).tell(Note("not in its protocol"))
        eventually(system, lambda: system.dead_letters["Note"] == 2)
    letters = [(entry["log_level"], entry["path"]) for entry in said if entry["event"].startswith("dead letter")]
    assert letters == [("debug", child.path), ("warning", "/counter")]

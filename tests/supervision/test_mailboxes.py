"""What becomes of a message whose receiver has too much waiting, by its type's own policy."""

import threading

import pytest

from ganglion.messages.lifecycle import CellState, DeadLetter, Overflowed
from ganglion.supervision import Actor, Backoff, Budget, ChildSpec, MailboxFull, Message, System, receives
from tests.supervision.cast import (
    Add,
    Boom,
    Command,
    Counter,
    Diary,
    Fill,
    Note,
    Price,
    Read,
    eventually,
    info,
    reaches,
    supervise,
)

BOUND = 10


class Careful(Actor[Note | Fill | Overflowed | Boom]):
    """Wants to know what it missed."""

    def __init__(self, pages: list[Message]) -> None:
        self._pages = pages

    @receives
    def note(self, message: Note) -> None:
        self._pages.append(message)

    @receives
    def fill(self, message: Fill) -> None:
        self._pages.append(message)

    @receives
    def overflowed(self, message: Overflowed) -> None:
        self._pages.append(message)

    @receives
    def boom(self, message: Boom) -> None:
        raise ValueError("boom")


def test_what_may_be_dropped_is_dropped_beyond_the_bound_and_counted(simulation):
    pages: list[Message] = []
    address = simulation.spawn(ChildSpec("d", lambda: Diary(pages), mailbox=BOUND))
    for number in range(25):
        address.tell(Note(str(number)))
    simulation.run_until_idle()
    assert pages == [Note(str(number)) for number in range(BOUND)]
    assert simulation.dead_letters == {"Note": 15}


def test_the_receiver_is_told_once_how_many_were_dropped_behind_what_waits(simulation):
    pages: list[Message] = []
    address = simulation.spawn(ChildSpec("d", lambda: Careful(pages), mailbox=BOUND))
    for _ in range(2):
        for _ in range(25):
            address.tell(Note("x"))
        simulation.run_until_idle()
    told = [page for page in pages if isinstance(page, Overflowed)]
    assert told == [Overflowed("Note", 15)] * 2
    assert pages.index(told[0]) == BOUND


def test_a_fact_about_money_is_kept_beyond_the_bound(simulation):
    pages: list[Message] = []
    address = simulation.spawn(ChildSpec("d", lambda: Diary(pages), mailbox=BOUND))
    for number in range(100):
        address.tell(Note("x"))
        address.tell(Fill(number))
    simulation.run_until_idle()
    assert [page for page in pages if isinstance(page, Fill)] == [Fill(number) for number in range(100)]
    assert simulation.dead_letters["Note"] > 80


def test_a_refused_command_is_answered_by_its_spec(simulation):
    pages: list[Message] = []
    refused: list[tuple[Message, str]] = []
    spec = ChildSpec("d", lambda: Diary(pages), mailbox=BOUND, refuse=lambda m, why: refused.append((m, why)))
    address = simulation.spawn(spec)
    for number in range(BOUND + 2):
        address.tell(Command(number))
    simulation.run_until_idle()
    assert refused == [(Command(10), "/d: its mailbox is full"), (Command(11), "/d: its mailbox is full")]
    assert [page.number for page in pages if isinstance(page, Command)] == list(range(BOUND))
    assert simulation.dead_letters == {}


def test_a_refused_command_without_an_answer_is_a_dead_letter_never_silence(simulation):
    address = simulation.spawn(ChildSpec("d", lambda: Diary([]), mailbox=BOUND))
    for number in range(BOUND + 2):
        address.tell(Command(number))
    assert simulation.dead_letters == {"Command": 2}


def test_a_refusal_that_raises_hurts_neither_the_sender_nor_the_count(simulation):
    def refuse(message: Message, why: str) -> None:
        raise RuntimeError("nobody home")

    address = simulation.spawn(ChildSpec("d", lambda: Diary([]), mailbox=BOUND, refuse=refuse))
    for number in range(BOUND + 1):
        address.tell(Command(number))
    assert simulation.dead_letters == {"Command": 1}


def test_an_ask_beyond_the_bound_is_answered_at_once_with_mailbox_full(simulation):
    address = simulation.spawn(ChildSpec("c", Counter, mailbox=BOUND))
    for _ in range(BOUND):
        address.tell(Add())
    with pytest.raises(MailboxFull, match="10 messages wait, Read was refused"):
        address.ask(Read(), timeout=1.0)
    simulation.run_until_idle()
    assert address.ask(Read(), timeout=1.0) == BOUND


def test_the_bound_of_one_cell_is_not_anothers(simulation):
    tight = simulation.spawn(ChildSpec("tight", Counter, mailbox=BOUND))
    wide = simulation.spawn(ChildSpec("wide", Counter))
    for _ in range(1_000):
        tight.tell(Add())
        wide.tell(Add())
    simulation.run_until_idle()
    assert (tight.ask(Read(), timeout=1.0), wide.ask(Read(), timeout=1.0)) == (BOUND, 1_000)


def test_queue_and_stash_share_one_bound(simulation):
    pages: list[Message] = []
    spec = ChildSpec("d", lambda: Diary(pages), mailbox=BOUND)
    supervise(simulation, [spec], backoff=Backoff(base_s=5.0))
    address = simulation.address("/top/d")
    address.tell(Boom())
    for number in range(7):
        address.tell(Note(str(number)))
    simulation.run_until_idle()
    for number in range(7, 25):
        address.tell(Note(str(number)))
    address.tell(Fill(1))
    simulation.run_until_idle()
    assert info(simulation, "/top/d").queued == BOUND + 1
    assert simulation.dead_letters == {"Note": 15}
    reaches(simulation, "/top/d", incarnation=2)
    simulation.run_until_idle()
    assert pages == [*(Note(str(number)) for number in range(10)), Fill(1)]


def test_a_place_that_nobody_has_claimed_yet_is_bounded_too(simulation):
    address = simulation.address("/later")
    for number in range(10_005):
        address.tell(Note(str(number)))
    address.tell(Fill(1))
    assert simulation.dead_letters == {"Note": 5}
    assert address._cell.stashed() == 10_001


def test_a_parked_actor_keeps_facts_and_lets_go_of_the_rest_with_an_answer(simulation):
    pages: list[Message] = []
    refused: list[Message] = []
    spec = ChildSpec(
        "d", lambda: Diary(pages), budget=Budget(0, 300), refuse=lambda message, why: refused.append(message)
    )
    supervise(simulation, [spec])
    address = simulation.address("/top/d")
    address.tell(Boom())
    for message in (Note("in the queue"), Fill(1), Command(1), Price("BTC", 1.0)):
        address.tell(message)
    reaches(simulation, "/top/d", CellState.PARKED)
    simulation.run_until_idle()
    for message in (Note("parked"), Fill(2), Command(2), Price("BTC", 2.0)):
        address.tell(message)
    simulation.run_until_idle()
    assert simulation.dead_letters == {"Note": 2, "Price": 2}
    assert refused == [Command(1), Command(2)]
    simulation.resume("/top/d")
    simulation.run_until_idle()
    address.tell(Price("BTC", 3.0))
    simulation.run_until_idle()
    assert pages == [Fill(1), Fill(2), Price("BTC", 3.0)]


def test_a_receiver_that_was_parked_is_told_of_drops_again_later(simulation):
    pages: list[Message] = []
    spec = ChildSpec("d", lambda: Careful(pages), mailbox=BOUND, budget=Budget(0, 300))
    supervise(simulation, [spec])
    address = simulation.address("/top/d")
    address.tell(Boom())
    for _ in range(20):
        address.tell(Note("x"))
    reaches(simulation, "/top/d", CellState.PARKED)
    simulation.resume("/top/d")
    simulation.run_until_idle()
    for _ in range(20):
        address.tell(Note("y"))
    simulation.run_until_idle()
    assert [type(page).__name__ for page in pages].count("Overflowed") >= 1
    assert pages[-1] == Overflowed("Note", 10)


def test_overflow_under_threads_loses_nothing_uncounted(live):
    handled: list[Message] = []
    gate = threading.Event()

    class Slow(Careful):
        """Waits until everything was sent."""

        def on_start(self) -> None:
            assert gate.wait(10.0)

    address = live.address("/slow")
    starter = threading.Thread(
        target=lambda: live.spawn(ChildSpec("slow", lambda: Slow(handled), mailbox=50, dispatcher="aside"))
    )
    starter.start()
    eventually(live, lambda: live.tree().find("/slow") is not None)

    def flood() -> None:
        for number in range(500):
            address.tell(Note(str(number)))
            address.tell(Fill(number))

    threads = [threading.Thread(target=flood) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.set()
    starter.join()
    eventually(live, lambda: info(live, "/slow").queued == 0)
    address.stop(drain=True, timeout=10.0)
    notes = sum(isinstance(page, Note) for page in handled)
    dropped = sum(page.count for page in handled if isinstance(page, Overflowed))
    assert sum(isinstance(page, Fill) for page in handled) == 1_500
    assert notes + live.dead_letters["Note"] == 1_500
    assert dropped <= live.dead_letters["Note"]


def test_a_storm_of_dead_letters_does_not_feed_on_itself(simulation):
    probe_spec = ChildSpec("listener", lambda: Listener([]), mailbox=5)
    listener = simulation.spawn(probe_spec)
    simulation.events.subscribe(listener, DeadLetter)
    address = simulation.spawn(ChildSpec("d", lambda: Diary([]), mailbox=BOUND))
    for _ in range(200):
        address.tell(Note("x"))
    simulation.run_until_idle()
    assert simulation.dead_letters["Note"] == 190
    assert simulation.dead_letters["DeadLetter"] <= 190


class Listener(Actor[DeadLetter]):
    """Hears of dead letters."""

    def __init__(self, heard: list[DeadLetter]) -> None:
        self._heard = heard

    @receives
    def dead_letter(self, message: DeadLetter) -> None:
        self._heard.append(message)


def test_a_full_system_recovers_once_the_crowd_is_gone():
    system = System(dispatcher="simulated")
    address = system.spawn(ChildSpec("c", Counter, mailbox=BOUND))
    for _ in range(50):
        for _ in range(BOUND):
            address.tell(Add())
        system.run_until_idle()
    assert address.ask(Read(), timeout=1.0) == 50 * BOUND
    assert system.dead_letters == {}
    system.stop()

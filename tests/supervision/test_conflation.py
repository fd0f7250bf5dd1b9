"""Conflated messages: only the newest of each key waits, with one token in the queue, also between threads."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from ganglion.messages.lifecycle import Tick
from ganglion.supervision import Actor, Backoff, ChildSpec, Message, System, receives
from ganglion.supervision.mailbox import Slot
from tests.supervision.cast import Counter, Diary, Note, Price, eventually, info, reaches, supervise


def test_only_the_newest_of_each_key_is_handled(simulation):
    pages: list[Message] = []
    address = simulation.spawn(lambda: Diary(pages), name="d")
    for number in range(100):
        address.tell(Price("BTC", float(number)))
        address.tell(Price("ETH", float(-number)))
    assert info(simulation, "/d").queued == 2
    simulation.run_until_idle()
    assert pages == [Price("BTC", 99.0), Price("ETH", -99.0)]
    assert simulation.dead_letters == {}


def test_the_same_message_told_again_is_handled_again(simulation):
    pages: list[Message] = []
    address = simulation.spawn(lambda: Diary(pages), name="d")
    price = Price("BTC", 1.0)
    for _ in range(3):
        address.tell(price)
        simulation.run_until_idle()
    assert pages == [price] * 3


def test_a_conflated_message_that_waits_for_a_restart_is_the_newest_by_then(simulation):
    pages: list[Message] = []
    supervise(simulation, [ChildSpec("d", lambda: Diary(pages))], backoff=Backoff(base_s=5.0))
    address = simulation.address("/top/d")
    simulation.fail("/top/d")
    for number in range(50):
        address.tell(Price("BTC", float(number)))
        simulation.run_until_idle()
    reaches(simulation, "/top/d", incarnation=2)
    simulation.run_until_idle()
    assert pages == [Price("BTC", 49.0)]


def test_a_conflated_message_never_overflows(simulation):
    pages: list[Message] = []
    address = simulation.spawn(ChildSpec("d", lambda: Diary(pages), mailbox=3))
    for number in range(3):
        address.tell(Note(str(number)))
    address.tell(Price("BTC", 1.0))
    simulation.run_until_idle()
    assert pages[-1] == Price("BTC", 1.0)


def test_a_handler_that_fails_at_a_conflated_message_fails_at_that_fact(simulation):
    class Picky(Actor[Price]):
        """Can't handle any."""

        @receives
        def price(self, message: Price) -> None:
            raise KeyError(message.symbol)

    supervise(simulation, [ChildSpec("p", Picky)])
    simulation.address("/top/p").tell(Price("BTC", 1.0))
    failure = reaches(simulation, "/top/p", incarnation=2).last_failure
    assert failure is not None
    assert (failure.error, failure.message, failure.fact[:6]) == ("KeyError", "Price", "Price:")


def test_a_foreign_conflated_message_is_a_dead_letter_and_not_a_failure(simulation):
    address = simulation.address("/c")
    address.tell(Price("BTC", 1.0))
    simulation.spawn(Counter, name="c")
    address.tell(Price("BTC", 2.0))
    other = simulation.spawn(lambda: Diary([]), name="d")
    other.tell(Tick("x"))
    simulation.run_until_idle()
    assert simulation.dead_letters == {"Price": 2, "Tick": 1}
    assert (info(simulation, "/c").incarnation, info(simulation, "/d").incarnation) == (1, 1)


def test_a_probe_receives_conflated_messages_too(system):
    probe = system.probe()
    probe.address.tell(Price("BTC", 1.0))
    assert probe.expect(Price) == Price("BTC", 1.0)


def test_the_newest_is_never_lost_between_threads(live):
    pages: list[Price] = []

    class Reader(Actor[Price]):
        """Keeps what it saw."""

        @receives
        def price(self, message: Price) -> None:
            pages.append(message)

    address = live.address("/reader")
    live.spawn(Reader, dispatcher="aside")
    barrier = threading.Barrier(4)

    def tell(symbol: str) -> None:
        barrier.wait(5.0)
        for number in range(3_000):
            address.tell(Price(symbol, float(number)))

    threads = [threading.Thread(target=tell, args=(symbol,)) for symbol in ("A", "B", "C", "D")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def last(symbol: str) -> float:
        return max((page.value for page in list(pages) if page.symbol == symbol), default=-1.0)

    for symbol in "ABCD":
        eventually(live, lambda symbol=symbol: last(symbol) == 2_999.0)
        values = [page.value for page in pages if page.symbol == symbol]
        assert values == sorted(set(values))


def test_the_slots_of_a_cell_are_made_once_whoever_comes_first():
    for _ in range(30):
        system = System(dispatcher="simulated")
        address = system.spawn(lambda: Diary([]), name="d")
        barrier = threading.Barrier(4)

        def tell(symbol: str, address=address, barrier=barrier) -> None:
            barrier.wait(5.0)
            address.tell(Price(symbol, 1.0))

        threads = [threading.Thread(target=tell, args=(symbol,)) for symbol in "ABCD"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert system.run_until_idle() == 4
        assert info(system, "/d").handled == 4
        system.stop()


@given(st.lists(st.sampled_from(["offer", "take"]), max_size=50))
def test_a_slot_hands_out_the_newest_once_and_asks_for_a_token_only_when_none_is_queued(steps):
    slot, offered, taken, tokens = Slot(), 0, [], 0
    for step in steps:
        if step == "offer":
            offered += 1
            slot.box = (Price("BTC", float(offered)),)
            if not slot.queued:
                slot.queued = True
                tokens += 1
        elif tokens:
            tokens -= 1
            message = slot.take()
            assert message == Price("BTC", float(offered))
            taken.append(offered)
        assert tokens in (0, 1)
    assert taken == sorted(set(taken))
    assert (not offered) or tokens == 1 or taken[-1] == offered


def test_an_offer_in_the_middle_of_a_take_is_not_lost():
    slot = Slot()
    slot.box, slot.queued = (Price("BTC", 1.0),), True
    slot.queued = False  # the taker's first step
    box = slot.box
    slot.box, slot.queued = (Price("BTC", 2.0),), True  # the offer between its steps, which queues a token
    slot.taken = box  # the taker's last step
    assert slot.take() == Price("BTC", 2.0)
    assert slot.take() is None

"""The order book actor: when it is whole, what it says when it is not, and how it asks for help."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.actors.market.order_book.actor import HELD_DELTAS, OrderBookActor
from ganglion.actors.market.order_book.book import OrderBook
from ganglion.messages.lifecycle import Overflowed
from ganglion.messages.market import BookDelta, BookInvalid, BookSnapshot, Levels, ResyncBook, TopOfBook
from ganglion.supervision import Address, ChildSpec, Probe, System

BIDS: Levels = ((99.0, 1.0), (98.0, 2.0))
ASKS: Levels = ((101.0, 1.0), (102.0, 2.0))


class Scene:
    """A book actor between a probe that plays the exchange and one that plays a mode."""

    def __init__(self, system: System, **options: object) -> None:
        self.system = system
        self.venue: Probe = system.probe("venue")
        self.mode: Probe = system.probe("mode")
        spec = ChildSpec(
            "book",
            lambda: OrderBookActor("x", "A/B", self.venue.address, **{"heartbeat_s": 99.0, **options}),  # type: ignore[arg-type]
            mailbox=5_000,
        )
        self.book: Address[object] = system.address("/book")
        system.subscribe(self.book, self.mode.address, TopOfBook, BookInvalid)
        system.spawn(spec)
        system.run_until_idle()

    @property
    def now_s(self) -> float:
        return self.system.clock.monotonic_s()

    def snapshot(self, bids: Levels = BIDS, asks: Levels = ASKS, sequence: int = 10) -> None:
        self.book.tell(BookSnapshot("x", "A/B", bids, asks, sequence, self.now_s))
        self.system.run_until_idle()

    def delta(self, previous: int, sequence: int, bids: Levels = (), asks: Levels = (), age_s: float = 0.0) -> None:
        message = BookDelta("x", "A/B", bids, asks, previous, sequence, self.now_s - age_s)
        self.book.tell(message)
        self.system.run_until_idle()

    @property
    def told(self) -> list[str | tuple[float, float]]:
        """What a mode was told: best prices, or the kind of doubt."""
        return [
            (m.bid, m.ask) if isinstance(m, TopOfBook) else m.reason.partition(":")[0]
            for m in self.mode.received
            if isinstance(m, TopOfBook | BookInvalid)
        ]

    @property
    def asked(self) -> list[str]:
        return [m.reason.partition(":")[0] for m in self.venue.of(ResyncBook)]


@pytest.fixture
def scene(system: System) -> Scene:
    return Scene(system)


@pytest.fixture
def whole(scene: Scene) -> Scene:
    scene.snapshot()
    scene.mode.received.clear()
    return scene


def test_a_book_is_invalid_until_its_first_snapshot(scene: Scene):
    scene.delta(3, 4, bids=((50.0, 1.0),))
    assert scene.told == ["starting"]
    scene.snapshot()
    assert scene.told == ["starting", (99.0, 101.0)]


def test_a_first_start_leaves_the_exchange_its_time_and_then_asks(scene: Scene):
    scene.system.run_for(4.9)
    assert scene.asked == []
    scene.system.run_for(0.2)
    assert scene.asked == ["starting"]


def test_top_of_book_carries_prices_sizes_sequence_and_arrival(scene: Scene):
    scene.system.run_for(1.5)
    scene.snapshot()
    assert scene.mode.expect(TopOfBook) == TopOfBook("x", "A/B", 99.0, 1.0, 101.0, 1.0, 10, 1.5)


def test_only_a_change_of_a_best_level_is_told(whole: Scene):
    whole.delta(10, 11, bids=((98.0, 7.0),), asks=((103.0, 1.0),))
    assert whole.told == []
    whole.delta(11, 12, bids=((99.0, 7.0),))
    whole.delta(12, 13, asks=((100.5, 1.0),))
    assert whole.told == [(99.0, 101.0), (99.0, 100.5)]


def test_a_snapshot_that_says_the_same_again_is_not_told(whole: Scene):
    whole.snapshot(sequence=20)
    assert whole.told == []


def test_an_old_delta_is_ignored(whole: Scene):
    whole.delta(8, 9, bids=((100.0, 1.0),))
    assert whole.told == []
    assert whole.asked == []


def test_a_gap_makes_the_book_invalid_and_asks_at_once(whole: Scene):
    whole.delta(11, 12, bids=((100.0, 1.0),))
    assert whole.told == ["gap"]
    assert whole.asked == ["gap"]


def test_deltas_after_a_gap_are_held_and_applied_on_top_of_the_snapshot(whole: Scene):
    whole.delta(11, 12, bids=((100.0, 1.0),))
    whole.delta(12, 13, asks=((100.5, 1.0),))
    assert whole.told == ["gap"]
    whole.snapshot(sequence=11)
    assert whole.told == ["gap", (100.0, 100.5)]
    whole.delta(13, 14, bids=((100.25, 1.0),))
    assert whole.told[-1] == (100.25, 100.5)


def test_a_snapshot_older_than_what_is_held_is_a_gap_again(whole: Scene):
    whole.delta(15, 16, bids=((100.0, 1.0),))
    whole.snapshot(sequence=12)
    assert whole.told == ["gap"]
    whole.snapshot(sequence=15)
    assert whole.told == ["gap", (100.0, 101.0)]


def test_more_deltas_than_can_be_held_still_end_in_a_whole_book(whole: Scene):
    for number in range(20, 20 + HELD_DELTAS + 10):
        whole.delta(number, number + 1)
    whole.snapshot(sequence=20 + HELD_DELTAS)
    assert whole.told == ["gap", (99.0, 101.0)]


def test_a_crossed_book_is_invalid_until_the_next_snapshot(whole: Scene):
    whole.delta(10, 11, bids=((101.0, 1.0),))
    whole.delta(11, 12, bids=((101.0, 0.0),))
    assert whole.told == ["crossed"]
    assert whole.asked == ["crossed"]
    whole.snapshot(sequence=12)
    assert whole.told == ["crossed", (99.0, 101.0)]


def test_a_crossed_snapshot_is_no_cure(whole: Scene):
    whole.delta(11, 12)
    whole.snapshot(bids=((102.0, 1.0),), sequence=12)
    assert whole.told == ["gap", "crossed"]


def test_a_side_without_levels_is_doubted_and_the_next_level_ends_it(whole: Scene):
    whole.delta(10, 11, asks=((101.0, 0.0), (102.0, 0.0)))
    assert whole.told == ["one-sided"]
    whole.delta(11, 12, asks=((104.0, 1.0),))
    assert whole.told == ["one-sided", (99.0, 104.0)]


def test_an_empty_snapshot_is_doubted(whole: Scene):
    whole.snapshot((), (), sequence=0)
    assert whole.told == ["one-sided"]


def test_a_book_without_updates_for_five_seconds_is_stale(whole: Scene):
    whole.system.run_for(4.9)
    assert whole.told == []
    whole.system.run_for(0.2)
    assert whole.told == ["stale"]
    assert whole.asked == ["stale"]


def test_best_prices_that_stand_are_repeated_with_the_first_change_after_a_heartbeat(system: System):
    scene = Scene(system, heartbeat_s=1.0)
    scene.snapshot()
    scene.mode.received.clear()
    for number in range(10, 14):
        scene.system.run_for(0.5)
        scene.delta(number, number + 1, bids=((98.0, float(number)),))
    assert [(top.bid, top.received_s) for top in scene.mode.of(TopOfBook)] == [(99.0, 1.0), (99.0, 2.0)]


def test_best_prices_that_were_told_a_moment_ago_are_not_repeated_before_a_heartbeat_after(system: System):
    scene = Scene(system, heartbeat_s=1.0)
    scene.snapshot()
    scene.system.run_for(0.75)
    scene.delta(10, 11, bids=((99.0, 7.0),))
    scene.mode.received.clear()
    scene.system.run_for(0.9)
    scene.delta(11, 12, bids=((98.0, 1.0),))
    assert scene.mode.of(TopOfBook) == []
    scene.system.run_for(0.2)
    scene.delta(12, 13, bids=((98.0, 2.0),))
    assert [top.bid_size for top in scene.mode.of(TopOfBook)] == [7.0]


def test_a_change_that_is_already_known_repeats_nothing(system: System):
    scene = Scene(system, heartbeat_s=1.0)
    scene.snapshot()
    scene.mode.received.clear()
    scene.system.run_for(2.0)
    scene.delta(8, 9, bids=((98.0, 2.0),))
    assert scene.mode.of(TopOfBook) == []


def test_a_stale_book_repeats_nothing(system: System):
    scene = Scene(system, heartbeat_s=1.0)
    scene.snapshot()
    scene.system.run_for(5.1)
    scene.mode.received.clear()
    scene.system.run_for(30.0)
    assert scene.told == []


def test_updates_keep_a_book_from_going_stale(whole: Scene):
    for number in range(10, 20):
        whole.system.run_for(3.0)
        whole.delta(number, number + 1)
    assert whole.told == []
    whole.system.run_for(5.1)
    assert whole.told == ["stale"]


def test_the_next_update_makes_a_stale_book_valid_even_if_nothing_changed(whole: Scene):
    whole.system.run_for(6.0)
    whole.delta(10, 11)
    assert whole.told == ["stale", (99.0, 101.0)]


def test_a_delta_that_arrived_long_ago_does_not_make_a_stale_book_valid(whole: Scene):
    whole.system.run_for(6.0)
    whole.delta(10, 11, bids=((100.0, 1.0),), age_s=5.5)
    assert whole.told == ["stale"]
    whole.delta(11, 12)
    assert whole.told == ["stale", (100.0, 101.0)]


def test_a_snapshot_that_arrived_long_ago_is_stale_at_once(whole: Scene):
    whole.system.run_for(6.0)
    whole.book.tell(BookSnapshot("x", "A/B", BIDS, ASKS, 20, 0.5))
    whole.system.run_until_idle()
    assert whole.told == ["stale"]


def test_a_stale_book_goes_stale_again_after_it_was_valid(whole: Scene):
    for _ in range(3):
        whole.system.run_for(6.0)
        whole.snapshot()
    assert whole.told == ["stale", (99.0, 101.0)] * 3


def test_a_quiet_market_is_asked_for_at_once_every_time(whole: Scene):
    whole.system.run_for(120.0)
    whole.snapshot()
    for _ in range(10):
        before = len(whole.asked)
        whole.system.run_for(5.01)
        assert len(whole.asked) == before + 1
        whole.snapshot()


def test_one_timer_follows_the_age_however_often_the_book_was_lost(whole: Scene):
    def waiting() -> int:
        return sum(timer.action is not None for *_, timer in whole.system.core._timers)

    before = waiting()
    for number in range(20, 100, 2):
        whole.delta(number, number + 1)
        whole.snapshot(sequence=number + 1)
        whole.system.run_for(0.05)
    assert waiting() == before


def test_an_overflow_makes_the_book_invalid_until_a_snapshot(whole: Scene):
    whole.book.tell(Overflowed("BookDelta", 7))
    whole.delta(10, 11, bids=((100.0, 1.0),))
    assert whole.told == ["overflowed"]
    assert whole.asked == ["overflowed"]
    whole.snapshot(sequence=11)
    assert whole.told == ["overflowed", (99.0, 101.0)]


def test_a_flood_over_the_mailbox_ends_in_a_request_for_a_snapshot(whole: Scene):
    for number in range(10, 6_000):
        whole.book.tell(BookDelta("x", "A/B", (), (), number, number + 1, whole.now_s))
    whole.system.run_until_idle()
    assert whole.told[0] in {"overflowed", "gap"}
    assert whole.asked


def test_a_disconnected_book_is_invalid_until_the_next_snapshot(whole: Scene):
    whole.book.tell(BookInvalid("x", "A/B", "disconnected: closing code 1006"))
    whole.delta(10, 11, bids=((100.0, 1.0),))
    assert whole.told == ["disconnected"]
    assert whole.asked == [], "the exchange knows, and sends a snapshot when it is back"
    whole.snapshot(sequence=12)
    assert whole.told == ["disconnected", (99.0, 101.0)]


def test_after_a_disconnect_the_numbering_may_start_again_below_what_was_held(whole: Scene):
    whole.delta(70, 71)
    whole.book.tell(BookInvalid("x", "A/B", "disconnected: the venue was restarted"))
    whole.snapshot(sequence=3)
    assert whole.told == ["gap", "disconnected", (99.0, 101.0)]


def test_a_venue_that_never_answers_is_asked_ever_more_rarely(whole: Scene):
    whole.delta(11, 12)
    whole.system.run_for(1.0 + 2 + 4 + 8 + 16 + 0.5)
    assert len(whole.asked) == 6
    whole.system.run_for(300.0)
    assert len(whole.asked) == 16, "every 30 s from then on"


def test_a_venue_whose_stream_never_fits_is_not_hammered(whole: Scene):
    """Each snapshot is followed by a gap at once: ten minutes of that are a few dozen requests."""
    sequence, seen = 100, 0
    for _ in range(6_000):
        whole.delta(sequence + 5, sequence + 6)
        sequence += 10
        if len(whole.asked) > seen:
            seen = len(whole.asked)
            whole.snapshot(sequence=sequence)
        whole.system.run_for(0.1)
    assert 10 <= len(whole.asked) <= 30


def test_after_a_minute_without_a_loss_the_next_gap_asks_at_once_again(whole: Scene):
    sequence = 10
    for _ in range(4):
        whole.delta(sequence + 1, sequence + 2)
        whole.system.run_for(20.0)
        sequence += 10
        whole.snapshot(sequence=sequence)
    for _ in range(70):
        whole.system.run_for(1.0)
        whole.delta(sequence, sequence + 1)
        sequence += 1
    before = len(whole.asked)
    whole.delta(sequence + 1, sequence + 2)
    assert len(whole.asked) == before + 1
    whole.system.run_for(1.1)
    assert len(whole.asked) == before + 2


def test_a_crash_is_told_to_modes_and_the_next_incarnation_asks_at_once(whole: Scene):
    whole.system.fail("/book", "on purpose")
    whole.system.run_for(1.0)
    assert whole.told == ["failed", "starting"]
    assert whole.asked[0] == "starting"
    whole.snapshot()
    assert whole.told[-1] == (99.0, 101.0)


def test_venues_without_numbers_apply_every_delta_and_hold_none(scene: Scene):
    scene.delta(0, 0, bids=((500.0, 1.0),))
    scene.snapshot(sequence=0)
    scene.delta(0, 0, bids=((100.0, 1.0),))
    assert scene.told == ["starting", (99.0, 101.0), (100.0, 101.0)]


prices = st.integers(1, 12).map(float)
changes = st.lists(
    st.tuples(
        st.lists(st.tuples(prices, st.sampled_from([0.0, 1.0, 2.0])), max_size=4).map(tuple),
        st.lists(st.tuples(prices, st.sampled_from([0.0, 1.0, 2.0])), max_size=4).map(tuple),
        st.sampled_from(["deliver", "deliver", "deliver", "lose", "repeat", "snapshot", "crash"]),
    ),
    max_size=30,
)


@settings(max_examples=60)
@given(changes)
def test_whatever_is_lost_repeated_or_late_every_top_told_is_the_venues_own(
    happened: list[tuple[Levels, Levels, str]],
):
    system = System(dispatcher="simulated")
    scene = Scene(system)
    truth = OrderBook()
    truth.apply_snapshot(BookSnapshot("x", "A/B", (), (), 1, 0.0))
    tops: dict[int, tuple[float, float, float, float]] = {}
    for number, (bids, asks, fate) in enumerate(happened, start=1):
        truth.apply_delta(BookDelta("x", "A/B", bids, asks, number, number + 1, 0.0))
        tops[number + 1] = (truth.bid, truth.bid_size, truth.ask, truth.ask_size)
        if fate == "snapshot":
            scene.snapshot(*truth.depth(), sequence=number + 1)
        elif fate == "crash":
            system.fail("/book", "on purpose")
            system.run_until_idle()
        if fate in {"deliver", "repeat"}:
            scene.delta(number, number + 1, bids, asks)
        if fate == "repeat":
            scene.delta(number, number + 1, bids, asks)
    system.stop()
    for told in scene.mode.of(TopOfBook):
        assert (told.bid, told.bid_size, told.ask, told.ask_size) == tops[told.sequence]
        assert 0.0 < told.bid < told.ask

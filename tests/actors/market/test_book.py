"""The order book as a plain value: sequence rules, best prices, depth, against a naive model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.actors.market.order_book.book import Applied, OrderBook
from ganglion.messages.market import BookDelta, BookSnapshot, Levels

TICK = 0.25
prices = st.integers(1, 40).map(lambda n: n * TICK)
sizes = st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.0, 3.5])
levels = st.lists(st.tuples(prices, sizes), max_size=12).map(tuple)


def snapshot(bids: Levels = ((99.0, 1.0),), asks: Levels = ((101.0, 2.0),), sequence: int = 10):
    return BookSnapshot("x", "A/B", bids, asks, sequence, 1.0)


def delta(bids: Levels = (), asks: Levels = (), previous: int = 10, sequence: int = 11):
    return BookDelta("x", "A/B", bids, asks, previous, sequence, 2.0)


def book(**of: object) -> OrderBook:
    made = OrderBook()
    made.apply_snapshot(snapshot(**of))
    return made


def test_a_snapshot_sets_the_best_prices_whatever_order_its_levels_have():
    made = book(bids=((98.0, 1.0), (99.0, 3.0), (97.0, 1.0)), asks=((103.0, 1.0), (101.0, 4.0)))
    assert (made.bid, made.bid_size, made.ask, made.ask_size) == (99.0, 3.0, 101.0, 4.0)


def test_levels_without_size_in_a_snapshot_are_no_levels():
    assert book(bids=((99.0, 0.0), (98.0, 1.0))).bid == 98.0


def test_a_delta_that_follows_the_book_is_applied():
    made = book()
    assert made.apply_delta(delta(bids=((100.0, 5.0),))) is Applied.TOP
    assert (made.bid, made.bid_size, made.sequence, made.received_s) == (100.0, 5.0, 11, 2.0)


def test_a_changed_size_at_the_best_price_is_a_change_of_the_top():
    assert book().apply_delta(delta(asks=((101.0, 7.0),))) is Applied.TOP


def test_a_change_behind_the_best_prices_is_no_change_of_the_top():
    made = book()
    assert made.apply_delta(delta(bids=((90.0, 5.0),), asks=((110.0, 1.0),))) is Applied.DEEPER
    assert made.depth()[0] == ((99.0, 1.0), (90.0, 5.0))


def test_removing_the_best_level_uncovers_the_next():
    made = book(asks=((101.0, 2.0), (102.0, 3.0)))
    assert made.apply_delta(delta(asks=((101.0, 0.0),))) is Applied.TOP
    assert (made.ask, made.ask_size) == (102.0, 3.0)


def test_removing_a_level_that_is_not_there_changes_nothing():
    made = book()
    assert made.apply_delta(delta(bids=((42.0, 0.0),))) is Applied.DEEPER
    assert made.levels == (1, 1)


@pytest.mark.parametrize(("previous", "sequence"), [(8, 9), (9, 10), (5, 10)])
def test_a_delta_at_or_below_the_snapshots_sequence_is_old(previous: int, sequence: int):
    made = book()
    late = delta(bids=((100.0, 5.0),), previous=previous, sequence=sequence)
    assert made.apply_delta(late) is Applied.OLD
    assert (made.bid, made.sequence, made.received_s) == (99.0, 10, 1.0)


def test_a_delta_that_begins_after_the_book_is_a_gap_and_changes_nothing():
    made = book()
    gap = delta(bids=((100.0, 5.0),), previous=11, sequence=12)
    assert made.apply_delta(gap) is Applied.GAP
    assert (made.bid, made.sequence) == (99.0, 10)


def test_a_delta_that_spans_the_snapshot_is_applied():
    made = book()
    spanning = delta(bids=((100.0, 5.0),), previous=7, sequence=12)
    assert made.apply_delta(spanning) is Applied.TOP
    assert (made.bid, made.sequence) == (100.0, 12)


def test_a_delta_that_follows_ours_with_a_lower_number_restarts_the_numbering():
    made = book()
    assert made.apply_delta(delta(previous=10, sequence=3)) is Applied.DEEPER
    assert made.sequence == 3


def test_a_venue_without_numbers_applies_every_delta():
    made = book(sequence=0)
    assert made.apply_delta(delta(bids=((100.0, 1.0),), previous=0, sequence=0)) is Applied.TOP


@pytest.mark.parametrize(("previous", "sequence"), [(0, 0), (0, 5), (3, 4)])
def test_a_delta_before_the_first_snapshot_is_a_gap(previous: int, sequence: int):
    made = OrderBook()
    assert made.apply_delta(delta(previous=previous, sequence=sequence)) is Applied.GAP


def test_a_bid_at_the_ask_is_crossed():
    made = book()
    assert made.apply_delta(delta(bids=((101.0, 1.0),))) is Applied.CROSSED
    assert made.crossed


def test_a_side_without_levels_is_one_sided_and_has_no_best_price():
    made = book()
    assert made.apply_delta(delta(bids=((99.0, 0.0),))) is Applied.ONE_SIDED
    assert (made.bid, made.bid_size, made.ask) == (0.0, 0.0, 101.0)
    assert not made.crossed


def test_a_later_snapshot_replaces_everything_even_with_a_lower_number():
    made = book()
    made.apply_snapshot(snapshot(bids=((50.0, 1.0),), asks=((60.0, 1.0),), sequence=2))
    assert made.depth() == (((50.0, 1.0),), ((60.0, 1.0),))
    assert made.sequence == 2


def test_depth_is_cut_best_first():
    made = book(bids=((97.0, 1.0), (98.0, 2.0), (99.0, 3.0)))
    assert made.depth(2) == (((99.0, 3.0), (98.0, 2.0)), ((101.0, 2.0),))
    assert made.depth(0) == ((), ())


def test_a_bounded_book_forgets_the_farthest_levels():
    made = OrderBook(max_levels=2)
    made.apply_snapshot(snapshot(bids=((97.0, 1.0), (98.0, 2.0), (99.0, 3.0))))
    made.apply_delta(delta(asks=((103.0, 1.0), (102.0, 1.0))))
    assert made.depth() == (((99.0, 3.0), (98.0, 2.0)), ((101.0, 2.0), (102.0, 1.0)))


def test_a_bound_below_one_level_is_refused():
    with pytest.raises(ValueError, match="at least 1 level"):
        OrderBook(max_levels=0)


class Naive:
    """Two dicts, sorted whenever somebody looks."""

    def __init__(self, first: BookSnapshot, bound: int | None) -> None:
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self.bound = bound
        self.change(first.bids, first.asks)

    def change(self, bids: Levels, asks: Levels) -> None:
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, size in changes:
                side[price] = size
        self.bids = self.kept(self.bids, best_first=True)
        self.asks = self.kept(self.asks, best_first=False)

    def kept(self, side: dict[float, float], *, best_first: bool) -> dict[float, float]:
        living = sorted(((p, s) for p, s in side.items() if s > 0), reverse=best_first)
        return dict(living[: self.bound])

    def depth(self) -> tuple[Levels, Levels]:
        return tuple(self.bids.items()), tuple(self.asks.items())


@given(
    st.tuples(levels, levels),
    st.lists(st.tuples(levels, levels), max_size=8),
    st.sampled_from([None, 1, 3, 100]),
)
def test_any_run_of_deltas_leaves_what_a_naive_book_holds(
    first: tuple[Levels, Levels], changes: list[tuple[Levels, Levels]], bound: int | None
):
    start = snapshot(*first, sequence=1)
    made, naive = OrderBook(bound), Naive(start, bound)
    applied = made.apply_snapshot(start)
    top_before = (0.0, 0.0, 0.0, 0.0)
    for number, (bids, asks) in enumerate([((), ()), *changes]):
        if number:
            applied = made.apply_delta(delta(bids, asks, previous=number, sequence=number + 1))
            naive.change(bids, asks)
        assert made.depth() == naive.depth()
        known_bids, known_asks = naive.depth()
        bid = known_bids[0] if known_bids else (0.0, 0.0)
        ask = known_asks[0] if known_asks else (0.0, 0.0)
        top = (made.bid, made.bid_size, made.ask, made.ask_size)
        assert top == (*bid, *ask)
        if not known_bids or not known_asks:
            assert applied is Applied.ONE_SIDED
        elif bid[0] >= ask[0]:
            assert applied is Applied.CROSSED
        else:
            assert applied is (Applied.TOP if top != top_before else Applied.DEEPER)
        top_before = top


@given(st.lists(st.tuples(levels, levels), min_size=1, max_size=8), st.data())
def test_a_snapshot_cut_anywhere_plus_the_deltas_around_it_is_the_book_of_all_deltas(
    changes: list[tuple[Levels, Levels]], data: st.DataObject
):
    """The venue's snapshot may lie before, between or inside deltas (numbers in steps, as Binance's U and u)."""
    whole = OrderBook()
    whole.apply_snapshot(snapshot((), (), sequence=0))
    deltas = [delta(b, a, previous=10 * n, sequence=10 * n + 10) for n, (b, a) in enumerate(changes)]
    cut = data.draw(st.integers(0, len(deltas)))
    part_of_next = data.draw(st.integers(0, 9)) if cut < len(deltas) else 0
    for applied in deltas[:cut]:
        whole.apply_delta(applied)
    bids, asks = whole.depth()
    joined = OrderBook()
    joined.apply_snapshot(snapshot(bids, asks, sequence=10 * cut + part_of_next))
    for each in deltas[cut:]:
        whole.apply_delta(each)
    outcomes = [joined.apply_delta(each) for each in deltas[data.draw(st.integers(0, cut)) :]]
    assert Applied.GAP not in outcomes
    assert joined.depth() == whole.depth()
    assert joined.sequence == whole.sequence or not deltas[cut:]

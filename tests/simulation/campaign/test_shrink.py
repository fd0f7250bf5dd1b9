"""Delta debugging: what is left shows the same violation, and nothing in it is needless."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.simulation.campaign import Outcome, Recipe, Violated, ddmin, shrink
from ganglion.simulation.faults import Fault, FaultKind


@given(st.data())
def test_ddmin_finds_exactly_the_items_that_are_needed(data):
    items = tuple(range(data.draw(st.integers(0, 60))))
    needed = data.draw(st.sets(st.sampled_from(items))) if items else set()
    assert ddmin(items, needed.issubset) == tuple(sorted(needed))


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 60))
def test_what_ddmin_leaves_shows_it_and_without_any_one_would_not(items, least):
    def shows(some):
        return sum(some) >= least

    if shows(items):
        left = ddmin(items, shows)
        assert shows(left)
        assert all(not shows(left[:index] + left[index + 1 :]) for index in range(len(left)))


def fault(index):
    return Fault(at_s=index * 10.0, kind=FaultKind.KILL, steps=index)


class Toy:
    """A world that violates I3 when certain faults are there, it runs long enough, and delivery deviates so."""

    def __init__(self, count, needed, needs_s=0.0, deviations=(), needed_deviations=(), other=None):
        self.plan = tuple(fault(index) for index in range(count))
        self.needed = {fault(index) for index in needed}
        self.needs_s = needs_s
        self.deviations = tuple(deviations)
        self.needed_deviations = set(needed_deviations)
        self.other = other
        self.ran = []

    def __call__(self, recipe):
        self.ran.append(recipe)
        faults = self.plan if recipe.faults is None else recipe.faults
        deviations = self.deviations if recipe.deviations is None else recipe.deviations
        shown = (
            self.needed <= set(faults) and recipe.seconds >= self.needs_s and self.needed_deviations <= set(deviations)
        )
        found = []
        if self.other is not None and len(faults) < self.other:
            found.append(Violated(invariant="I6", text="another"))
        if shown:
            found.append(Violated(invariant="I3", text="two orders", at_s=max(self.needs_s, 0.0)))
        return Outcome(recipe=recipe, violations=tuple(found), faults=faults, deviations=deviations)


@given(st.data())
def test_a_shrunk_recipe_has_the_needed_faults_time_and_deviations_and_no_more(data):
    count = data.draw(st.integers(0, 40))
    needed = data.draw(st.sets(st.integers(0, count - 1), max_size=4)) if count else set()
    needs_s = max([index * 10.0 for index in needed], default=0) + data.draw(st.floats(1, 900))
    deviations = [(step, 1) for step in range(data.draw(st.integers(0, 20)))]
    needed_deviations = data.draw(st.sets(st.sampled_from(deviations), max_size=3)) if deviations else set()
    toy = Toy(count, needed, needs_s, deviations, needed_deviations)
    result = shrink(toy(Recipe(seed=7)), toy, budget=10_000)
    assert result.reproduced
    assert not result.exhausted
    assert set(result.recipe.faults) == toy.needed
    assert needs_s <= result.recipe.seconds <= needs_s * 1.02 + 1
    if deviations:
        assert set(result.recipe.deviations) == needed_deviations
    assert result.recipe.violated.invariant == "I3"
    assert toy(msgspec.structs.replace(result.recipe, violated=None)).shows("I3")


def test_another_invariant_is_not_taken_for_the_same():
    toy = Toy(12, {2, 9}, needs_s=200, other=5)
    result = shrink(toy(Recipe(seed=7)), toy)
    assert set(result.recipe.faults) == toy.needed
    assert result.recipe.violated.invariant == "I3"


def test_the_budget_is_kept_and_the_best_so_far_is_given():
    toy = Toy(40, {3, 30}, needs_s=400)
    outcome = toy(Recipe(seed=7))
    toy.ran.clear()
    result = shrink(outcome, toy, budget=6)
    assert len(toy.ran) == result.runs == 6
    assert result.exhausted
    assert toy.needed <= set(result.recipe.faults)
    assert len(result.recipe.faults) < 40


def test_what_does_not_show_again_is_left_as_it_was():
    toy = Toy(3, {1})
    outcome = toy(Recipe(seed=7, seconds=60))
    result = shrink(outcome, Toy(3, {1}, needs_s=1e9))
    assert not result.reproduced
    assert (result.runs, result.outcome) == (1, outcome)


def test_no_recipe_is_run_twice():
    toy = Toy(16, {3, 9}, needs_s=120, deviations=[(1, 1), (2, 1)])
    outcome = toy(Recipe(seed=7))
    toy.ran.clear()
    shrink(outcome, toy)
    assert len({recipe.to_json() for recipe in toy.ran}) == len(toy.ran)


def test_every_run_is_told_and_the_best_only_gets_smaller():
    toy = Toy(16, {3, 9}, needs_s=120)
    told = []
    result = shrink(toy(Recipe(seed=7)), toy, progress=told.append)
    assert [progress.runs for progress in told] == list(range(1, result.runs + 1))
    assert [progress.faults for progress in told] == sorted((progress.faults for progress in told), reverse=True)


def test_nothing_is_shrunk_that_violated_nothing():
    with pytest.raises(ValueError, match="violated nothing"):
        shrink(Outcome(recipe=Recipe(seed=7)), Toy(1, {0}))

"""Makes a recipe that shows a violation smaller: fewest faults, shortest time, fewest deviations from FIFO.

Delta debugging (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002). A pure function over
`run`: whoever calls it decides how worlds are run. A smaller recipe counts only where it violates the same invariant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from ganglion.simulation.campaign.recipe import Outcome, Recipe
from ganglion.simulation.faults.fault import Fault

T = TypeVar("T")
Run = Callable[[Recipe], Outcome]
TIME_GRAIN_S = 1.0
"""The time is not searched finer than that, nor than a hundredth of itself."""


@dataclass(frozen=True)
class Progress:
    """How far a shrinking is."""

    runs: int
    budget: int
    phase: str
    faults: int
    seconds: float
    deviations: int


@dataclass(frozen=True)
class Shrunk:
    """What came of it."""

    recipe: Recipe
    """The smallest that was found; the original where it did not show the violation again."""
    outcome: Outcome
    runs: int
    reproduced: bool
    """Whether the original, with its faults spelled out, showed the violation again."""
    exhausted: bool
    """Whether the budget ended it, so that it may not be the smallest."""


class _OutOfBudget(Exception):
    """No run is left."""


def shrink(
    outcome: Outcome, run: Run, *, budget: int = 200, progress: Callable[[Progress], None] | None = None
) -> Shrunk:
    """Look for the smallest recipe that violates what `outcome` violated first.

    Args:
        outcome: of a run with a violation.
        run: runs a recipe; it must be as deterministic as a world is.
        budget: how many runs at most.
        progress: told after each run.

    Raises:
        ValueError: the outcome shows no violation.
    """
    if outcome.violation is None:
        raise ValueError(f"seed {outcome.recipe.seed} violated nothing: there is nothing to shrink")
    shrinker = _Shrinker(outcome, outcome.violation.invariant, run, budget, progress)
    try:
        shrinker.go()
    except _OutOfBudget:
        shrinker.exhausted = True
    best = shrinker.best
    recipe = msgspec.structs.replace(best.recipe, violated=best.shows(shrinker.invariant))
    return Shrunk(recipe, best, shrinker.runs, shrinker.reproduced, shrinker.exhausted)


def ddmin(items: Sequence[T], shows: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """The smallest part of `items` that still shows it, 1-minimal: without any one of them it would not.

    `items` themselves are taken to show it; order is kept. `shows` may raise to stop the search.
    """
    left = tuple(items)
    parts = 2
    while left:
        size = math.ceil(len(left) / parts)
        starts = range(0, len(left), size)
        # Complements alone: a world without one chunk says more than a world with that chunk only.
        for start in starts:
            smaller = left[:start] + left[start + size :]
            if shows(smaller):
                left, parts = smaller, max(parts - 1, 2)
                break
        else:
            if size == 1:
                return left
            parts = min(parts * 2, len(left))
    return left


class _Shrinker:
    """One shrinking: what is the best so far, and what it has cost."""

    def __init__(
        self, outcome: Outcome, invariant: str, run: Run, budget: int, progress: Callable[[Progress], None] | None
    ) -> None:
        self.best = outcome
        self.invariant = invariant
        self.runs = 0
        self.reproduced = False
        self.exhausted = False
        self._run = run
        self._budget = budget
        self._progress = progress
        self._phase = "again"
        self._known: dict[bytes, bool] = {}

    def go(self) -> None:
        spelled = msgspec.structs.replace(self.best.recipe, faults=self.best.faults, violated=None, note="")
        self.reproduced = self._try(spelled)
        if not self.reproduced:
            return
        self._cut_time()
        self._fewer_faults()
        self._shorter()
        self._fewer_deviations()
        # With fewer deviations or less time a fault may have become needless; most are known, so this is cheap.
        self._fewer_faults()

    def _cut_time(self) -> None:
        """All that follows the violation goes in one step, so that the many runs after it are short ones."""
        self._phase = "time"
        seen = self.best.shows(self.invariant)
        recipe = self.best.recipe
        if seen is not None and seen.at_s < recipe.seconds:
            faults = tuple(fault for fault in recipe.faults or () if fault.at_s <= seen.at_s)
            self._try(msgspec.structs.replace(recipe, seconds=seen.at_s, faults=faults))

    def _fewer_faults(self) -> None:
        self._phase = "faults"

        def shows(faults: tuple[Fault, ...]) -> bool:
            return self._try(msgspec.structs.replace(self.best.recipe, faults=faults))

        ddmin(self.best.recipe.faults or (), shows)

    def _shorter(self) -> None:
        self._phase = "time"
        low, high = 0.0, self.best.recipe.seconds
        while high - low > max(TIME_GRAIN_S, high / 100):
            middle = round((low + high) / 2, 3)
            if self._try(msgspec.structs.replace(self.best.recipe, seconds=middle)):
                high = middle
            else:
                low = middle

    def _fewer_deviations(self) -> None:
        self._phase = "order"
        happened = self.best.deviations
        if not happened or not self._try(msgspec.structs.replace(self.best.recipe, deviations=happened)):
            return

        def shows(deviations: tuple[tuple[int, int], ...]) -> bool:
            return self._try(msgspec.structs.replace(self.best.recipe, deviations=deviations))

        if not shows(()):
            ddmin(happened, shows)

    def _try(self, recipe: Recipe) -> bool:
        """Whether a recipe shows the violation; if so it is the best from now on."""
        key = recipe.to_json()
        known = self._known.get(key)
        if known is not None:
            return known
        if self.runs >= self._budget:
            raise _OutOfBudget
        self.runs += 1
        outcome = self._run(recipe)
        shown = self._known[key] = outcome.shows(self.invariant) is not None
        if shown:
            self.best = outcome
        if self._progress is not None:
            best = self.best.recipe
            # As it would be spelled out, where it is not yet.
            faults = self.best.faults if best.faults is None else best.faults
            deviations = self.best.deviations if best.deviations is None else best.deviations
            told = Progress(self.runs, self._budget, self._phase, len(faults), best.seconds, len(deviations))
            self._progress(told)
        return shown

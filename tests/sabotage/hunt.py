"""Hunts one sabotage: worlds of the default campaign, seed by seed, until one shows it; then made as small as it goes.

A seed counts where it violates something with the sabotage, and nothing without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from ganglion.simulation.campaign import Outcome, Recipe, Runner, Violated, run_all, shrink
from ganglion.simulation.campaign.recipe import DIED
from ganglion.simulation.faults.fault import ALL, FaultKind
from tests.sabotage.breaking import Sabotage
from tests.sabotage.worlds import STRUCK_NAME, WHOLE, maker_of

SHORTEST_S = 15.0


@dataclass(frozen=True)
class Hunt:
    """What came of hunting one sabotage."""

    sabotage: Sabotage
    seeds: int
    """How many were needed, or tried in vain."""
    struck: int
    """How often the sabotage made a difference, in all of them."""
    wall_s: float
    violated: Violated | None = None
    recipe: Recipe | None = None
    """The shrunk one."""
    faults: int = 0
    """Of the seed, before it was shrunk."""
    runs: int = 0
    """That shrinking took."""


@dataclass(frozen=True)
class Terms:
    """How to hunt."""

    seeds: int = 60
    first: int = 1
    seconds: float = 1800.0
    jobs: int = 1
    budget: int = 80
    kinds: tuple[FaultKind, ...] = ALL
    p_active: float = 0.25


def hunt(sabotage: Sabotage, terms: Terms, tell: Callable[[str], None]) -> Hunt:
    """Hunt one; `tell` hears how far it is."""
    began_s, struck, tried = time.monotonic(), 0, 0
    with Runner(maker_of(WHOLE)) as whole:
        for outcome in _outcomes(sabotage, terms):
            tried += 1
            struck += outcome.coverage.get(STRUCK_NAME, 0)
            tell(f"{tried} of {terms.seeds} seeds, struck {struck} times")
            struck_here = outcome.coverage.get(STRUCK_NAME, 0)
            if outcome.violation is None or outcome.violation.invariant == DIED or not struck_here:
                continue
            spelled = msgspec.structs.replace(outcome.recipe, faults=outcome.faults)
            if whole(spelled).violations:
                tell(f"seed {outcome.recipe.seed} violates something without any sabotage")
                continue
            return _shrunk(sabotage, outcome, whole, terms, Hunt(sabotage, tried, struck, began_s), tell)
    return Hunt(sabotage, tried, struck, time.monotonic() - began_s)


def _outcomes(sabotage: Sabotage, terms: Terms) -> Iterator[Outcome]:
    """Outcomes in the order of their seeds, whichever is done first."""
    recipes = (
        Recipe(seed=seed, seconds=terms.seconds, kinds=terms.kinds, p_active=terms.p_active)
        for seed in range(terms.first, terms.first + terms.seeds)
    )
    done: dict[int, Outcome] = {}
    wanted = terms.first
    for outcome in run_all(recipes, maker_of(sabotage.name), jobs=terms.jobs):
        done[outcome.recipe.seed] = outcome
        while wanted in done:
            yield done.pop(wanted)
            wanted += 1


def _sooner(outcome: Outcome, broken: Runner, tell: Callable[[str], None]) -> Outcome:
    """A shorter world where the end alone shows it: each run of the shrinking would take as long as the first."""
    violated, recipe = outcome.violations[0], outcome.recipe
    if violated.at_s < recipe.seconds:
        return outcome
    seconds = SHORTEST_S
    while seconds < recipe.seconds:
        tell(f"trying {seconds:g} s")
        faults = tuple(fault for fault in outcome.faults if fault.at_s <= seconds)
        tried = broken(msgspec.structs.replace(recipe, seconds=seconds, faults=faults))
        if tried.shows(violated.invariant):
            return tried
        seconds *= 2
    return outcome


def _shrunk(
    sabotage: Sabotage, outcome: Outcome, whole: Runner, terms: Terms, so_far: Hunt, tell: Callable[[str], None]
) -> Hunt:
    with Runner(maker_of(sabotage.name)) as broken:
        small = shrink(
            _sooner(outcome, broken, tell),
            broken,
            budget=terms.budget,
            progress=lambda at: tell(f"shrinking: run {at.runs}, {at.faults} faults, {at.seconds:g} s"),
        )
    proven = small.reproduced and not whole(small.recipe).violations
    return Hunt(
        sabotage,
        so_far.seeds,
        so_far.struck,
        time.monotonic() - so_far.wall_s,
        outcome.violation,
        msgspec.structs.replace(small.recipe, note=sabotage.name) if proven else None,
        len(outcome.faults),
        small.runs,
    )

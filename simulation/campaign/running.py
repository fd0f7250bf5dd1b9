"""Runs one recipe from its beginning to its verdict: safety, heal, liveness.

Called in the campaign's worker processes, by the shrinker and by `replay`. It knows a world by its face alone.
"""

from __future__ import annotations

import importlib
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ganglion.simulation.campaign.recipe import BROKE, Outcome, Recipe, Violated
from ganglion.simulation.faults.fault import Fault

SLICE_S = 10.0
"""Virtual seconds between two looks for violations: what follows the first tells nothing new."""


class SeenViolation(Protocol):
    """A violation, as a world keeps it."""

    @property
    def invariant(self) -> str:
        """`I1` to `I15`."""
        ...

    @property
    def account(self) -> str:
        """Whose."""
        ...

    @property
    def text(self) -> str:
        """The figures."""
        ...

    @property
    def at_s(self) -> float:
        """When it was seen, virtual seconds."""
        ...

    @property
    def step(self) -> int:
        """The message before which it was seen."""
        ...


Watch = Callable[[int, float, str, object], None]
"""Told of each message before it is handled: step, virtual seconds, path of the actor, message."""


class RunnableWorld(Protocol):
    """What a campaign asks of a world; `simulation.world.World` is one."""

    watch: Watch | None
    """Who is told of each step."""

    @property
    def now_s(self) -> float:
        """Virtual seconds since it began."""
        ...

    @property
    def steps(self) -> int:
        """Messages handled."""
        ...

    @property
    def book_events(self) -> int:
        """Changes of books that venues told."""
        ...

    @property
    def violations(self) -> Sequence[SeenViolation]:
        """So far."""
        ...

    @property
    def trace_hash(self) -> str:
        """Of everything that happened."""
        ...

    @property
    def coverage(self) -> Mapping[str, int]:
        """`sometimes` counters, zeros included."""
        ...

    @property
    def plan(self) -> tuple[Fault, ...]:
        """Its faults."""
        ...

    @property
    def deviations(self) -> tuple[tuple[int, int], ...]:
        """From first-in-first-out, as (step, index)."""
        ...

    def run(self, *, seconds: float, until_step: int | None = None) -> object:
        """Let virtual time pass, with faults; not beyond a step."""
        ...

    def heal(self) -> object:
        """No fault any more."""
        ...

    def settle(self) -> object:
        """Let it come to rest, and judge."""
        ...


MakeWorld = Callable[[Recipe], RunnableWorld]
Begun = Callable[[RunnableWorld], None]


def find_maker(name: str) -> MakeWorld:
    """The maker of worlds that a dotted name means, `package.module:function`.

    Raises:
        ImportError, AttributeError: there is none.
    """
    module, _, function = name.partition(":")
    found: MakeWorld = getattr(importlib.import_module(module), function)
    return found


def run_recipe(
    recipe: Recipe, make: MakeWorld, *, begun: Begun | None = None, until_step: int | None = None
) -> Outcome:
    """Make a recipe's world, run it until its first violation or to its end, and tell what came of it.

    An exception that leaves the world is a finding like any other: its invariant is `BROKE`.

    Args:
        recipe: what to run.
        make: makes its world.
        begun: told of the world before it runs, to watch it.
        until_step: end there, without heal and settle.
    """
    began_s = time.perf_counter()
    try:
        world = make(recipe)
    except Exception as error:  # noqa: BLE001 - a world that can't be made is this recipe's outcome
        return Outcome(
            recipe=recipe,
            made=False,
            violations=(_broke(error, 0.0, 0),),
            trace=traceback.format_exc(),
            wall_s=time.perf_counter() - began_s,
        )
    broke: tuple[Violated, ...] = ()
    trace = ""
    try:
        if begun is not None:
            begun(world)
        _phases(world, recipe.seconds, until_step)
    except Exception as error:  # noqa: BLE001 - as above
        broke, trace = (_broke(error, world.now_s, world.steps),), traceback.format_exc()
    found = tuple(
        Violated(
            invariant=seen.invariant,
            account=seen.account,
            text=seen.text,
            at_s=round(seen.at_s, 3),
            step=seen.step,
        )
        for seen in world.violations
    )
    return Outcome(
        recipe=recipe,
        violations=found + broke,
        faults=world.plan,
        deviations=world.deviations,
        coverage=dict(world.coverage),
        steps=world.steps,
        book_events=world.book_events,
        virtual_s=world.now_s,
        wall_s=time.perf_counter() - began_s,
        trace_hash=world.trace_hash,
        trace=trace,
    )


def _phases(world: RunnableWorld, seconds: float, until_step: int | None) -> None:
    left_s = seconds
    while left_s > 0:
        slice_s = min(SLICE_S, left_s)
        world.run(seconds=slice_s, until_step=until_step)
        left_s -= slice_s
        if world.violations or (until_step is not None and world.steps >= until_step):
            return
    world.heal()
    world.settle()


def _broke(error: Exception, at_s: float, step: int) -> Violated:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())
    text = f"{type(error).__name__}: {said} ({frame.filename.rpartition('/')[2]}:{frame.lineno} in {frame.name})"
    return Violated(invariant=BROKE, text=text, at_s=round(at_s, 3), step=step)

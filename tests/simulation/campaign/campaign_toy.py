"""A world without a market, for campaigns: its violations depend on its seed and its faults alone.

It stands on the path of worker processes by its bare name.
"""

import os
import sys
import time
from dataclasses import dataclass, field

from ganglion.simulation.campaign import Recipe
from ganglion.simulation.choices import Choices
from ganglion.simulation.faults import Sites

SITES = Sites(("alpha", "beta"), ("/bot/a", "/bot/b"), ("/bot",))
DIES, HANGS, RAISES, VIOLATES = 13, 17, 19, 23


@dataclass
class Seen:
    invariant: str
    account: str
    text: str
    at_s: float
    step: int


@dataclass
class ToyWorld:
    """Counts a step a second; violates I3 at 100 s for one seed."""

    recipe: Recipe
    now_s: float = 0.0
    steps: int = 0
    healed: bool = False
    watch: object = None
    violations: list = field(default_factory=list)
    trace_hash: str = "cafe"

    def __post_init__(self):
        self.plan = self.recipe.what_goes_wrong().draw(Choices(self.recipe.seed), self.recipe.seconds, SITES)
        self.deviations = ((3, 1),)

    @property
    def book_events(self):
        return self.steps // 10

    @property
    def coverage(self):
        return {"never": 0, **{f"fault:{fault.kind}": 1 for fault in self.plan}}

    def run(self, *, seconds, until_step=None):
        seed = self.recipe.seed
        if seed == DIES:
            os._exit(7)
        if seed == HANGS:
            sys.stderr.write("the toy hangs\n")
            time.sleep(3600)
        self.now_s += seconds
        for step in range(self.steps, self.steps + int(seconds)):
            if self.watch is not None:
                self.watch(step, float(step), "/bot/alpha/books", {"step": step})
        self.steps += int(seconds)
        if seed == RAISES:
            raise RuntimeError("the toy broke")
        if seed == VIOLATES and self.now_s >= 100 and not self.violations:
            self.violations.append(Seen("I3", "alpha", "two orders of one intent", self.now_s, self.steps))

    def heal(self):
        self.healed = True

    def settle(self):
        assert self.healed


def make(recipe):
    return ToyWorld(recipe)


def make_badly(recipe):
    raise RuntimeError("the toy broke before it began")


def make_nothing(recipe):
    raise ValueError("no such venue")

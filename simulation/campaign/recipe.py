"""Recipes: everything that makes one simulated world again, as a JSON file; and what came of running one.

Data only. `chaos` runs recipes, `shrink` makes smaller ones, the corpus keeps them, `replay` steps through one.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Self

import msgspec

from ganglion.simulation.faults.fault import ALL, Fault, FaultKind
from ganglion.simulation.faults.swarm import Faults

BROKE = "BROKE"
"""The invariant of an outcome whose world ended with an exception instead of a verdict."""
DIED = "DIED"
"""The invariant of an outcome whose process died, or did not come to an end."""
MOST_SEED = 2**64 - 1
"""Recipes go to worker processes as MessagePack, whose integers end there."""
MOST_S = 10_000 * 3600.0
"""Virtual seconds of the longest world: more than a year."""


class RecipeError(ValueError):
    """A file is no recipe; the text says which and why."""


class Violated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One violation that a run met."""

    invariant: str
    """`I1` to `I15`, `BROKE` or `DIED`."""
    text: str
    account: str = ""
    at_s: float = 0.0
    """When it was seen, virtual seconds since the world began."""
    step: int = 0

    def __str__(self) -> str:
        """One line."""
        where = f" {self.account}" if self.account else ""
        return f"{self.invariant}{where} at {self.at_s:.3f} s, step {self.step}: {self.text}"


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one world is made, and how long it runs."""

    seed: int
    seconds: float = 1800.0
    """Of the safety phase, virtual; heal and settle follow."""
    config: str = ""
    """The text of a bot.toml; "" for the default campaign's."""
    source: str = ""
    """The file that it was: what it refers to stands beside it. A recipe's own file has it relative to its folder."""
    faults: tuple[Fault, ...] | None = None
    """Exactly these; None: drawn from the seed, by `kinds` and `p_active`."""
    kinds: tuple[FaultKind, ...] = ALL
    p_active: float = 0.25
    deviations: tuple[tuple[int, int], ...] | None = None
    """Where delivery leaves first-in-first-out, as (step, index); None: as the seed has it."""
    violated: Violated | None = None
    """What it showed when it was written."""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers that no world can have.

        Raises:
            ValueError: with the number and what it may be.
        """
        if not 0 <= self.seed <= MOST_SEED:
            raise ValueError(f"seed {self.seed} is not from 0 to {MOST_SEED}")
        if not 0 <= self.seconds <= MOST_S:  # as NaN is not either
            raise ValueError(f"seconds {self.seconds:g} are not from 0 to {MOST_S:.0f}")
        if not 0 <= self.p_active <= 1:
            raise ValueError(f"p_active {self.p_active:g} is no chance from 0 to 1")
        for fault in self.faults or ():
            if not (0 <= fault.at_s < math.inf and 0 <= fault.seconds < math.inf):
                raise ValueError(
                    f"{fault.kind} at_s {fault.at_s:g} for {fault.seconds:g} seconds is no time of a world"
                )

    def what_goes_wrong(self) -> Faults:
        """The faults, as a world takes them."""
        if self.faults is not None:
            return Faults.of(self.faults)
        return Faults.swarm(self.kinds, self.p_active)

    def to_json(self) -> bytes:
        """For people too: indented, with a newline at its end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @classmethod
    def from_json(cls, data: bytes, source: str = "the recipe") -> Self:
        """Read one.

        Raises:
            RecipeError: it is none.
        """
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise RecipeError(f"{source} is no recipe of a simulated world: {error}") from None

    def stored_in(self, folder: Path) -> Self:
        """As its file in a folder has it: `source` relative to the folder, so that both can be moved together."""
        if not self.source:
            return self
        return msgspec.structs.replace(self, source=os.path.relpath(self.source, folder.resolve()))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a recipe's file; its `source` is absolute from then on, wherever the process is.

        Raises:
            RecipeError: it is none.
            OSError: it can't be read.
        """
        recipe = cls.from_json(path.read_bytes(), str(path))
        if not recipe.config:
            return recipe
        # Written by hand it may name no source: its configuration is its own, and the file itself is what to name.
        source = os.path.normpath(path.parent.resolve() / (recipe.source or path.name))
        return msgspec.structs.replace(recipe, source=source)

    def write(self, path: Path) -> None:
        """Write it, wholly or not at all.

        Raises:
            OSError: it can't be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        partial.write_bytes(self.stored_in(path.parent).to_json())
        partial.replace(path)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one recipe."""

    recipe: Recipe
    made: bool = True
    """Whether its world could be made at all."""
    violations: tuple[Violated, ...] = ()
    faults: tuple[Fault, ...] = ()
    """The plan that the world had."""
    deviations: tuple[tuple[int, int], ...] = ()
    """That happened."""
    coverage: dict[str, int] = msgspec.field(default_factory=dict)
    """`sometimes` counters; those that were never met stand with 0."""
    steps: int = 0
    """Messages handled."""
    book_events: int = 0
    """Changes of books that venues told."""
    virtual_s: float = 0.0
    wall_s: float = 0.0
    trace_hash: str = ""
    parts: dict[str, int] = msgspec.field(default_factory=dict)
    """Samples of where the time went, by part."""
    trace: str = ""
    """Of the exception that ended the world, where one did."""

    @property
    def violation(self) -> Violated | None:
        """The first one."""
        return self.violations[0] if self.violations else None

    def shows(self, invariant: str) -> Violated | None:
        """The first violation of an invariant."""
        return next((violated for violated in self.violations if violated.invariant == invariant), None)

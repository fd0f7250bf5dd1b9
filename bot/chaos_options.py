"""What `ganglion chaos` was told: the recipes of its seeds, and the commands that make one or the rest of them again.

`chaos_cli` and `replay_cli` fill it in, `chaos` runs it. It reads and writes nothing.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from ganglion.simulation.campaign import LIMIT_S, Recipe
from ganglion.simulation.faults import ALL, FaultKind

DEFAULT_HOURS = 0.5
DEFAULT_CORPUS = Path("chaos-corpus")
P_ACTIVE = 0.25
"""The chance that a kind of fault is in a world."""
FULL_SEEDS = 1000
"""A default campaign that long must meet everything."""


@dataclass(frozen=True)
class ChaosOptions:
    """What `ganglion chaos` was told."""

    config: Path | None = None
    text: str = ""
    """The configuration's; "" for the default one."""
    seeds: int = FULL_SEEDS
    first: int = 0
    jobs: int | None = None
    """Processes; None: one for each core."""
    hours: float = DEFAULT_HOURS
    limit_s: float = LIMIT_S
    """Real seconds that one world may take."""
    kinds: tuple[FaultKind, ...] = ALL
    kinds_text: str = ""
    report: Path | None = None
    corpus: Path | None = None
    shrink: bool = True

    @property
    def full(self) -> bool:
        """Whether it is a whole default campaign, which must meet everything that there is to meet."""
        longest = self.seeds >= FULL_SEEDS and self.hours >= DEFAULT_HOURS
        return self.config is None and longest and set(self.kinds) == set(ALL)

    def recipe(self, seed: int) -> Recipe:
        """One seed of it."""
        return Recipe(
            seed=seed,
            seconds=self.hours * 3600,
            config=self.text,
            # Absolute: what the configuration refers to is found wherever the recipe is run.
            source="" if self.config is None else str(self.config.parent.resolve() / self.config.name),
            kinds=self.kinds,
            # Whoever names kinds wants to meet them: they are in every world.
            p_active=1.0 if self.names_kinds else P_ACTIVE,
        )

    @property
    def names_kinds(self) -> bool:
        """Whether kinds were named, and not only left out."""
        names = [name.strip() for name in self.kinds_text.split(",") if name.strip()]
        return any(not name.startswith("-") for name in names)

    def replay_line(self, seed: int) -> str:
        """The command that replays one of its seeds."""
        return shlex.join(["ganglion", "replay", str(seed), *self._config_said(), *self._world_said()])

    def rest_line(self, seed: int) -> str:
        """The command that goes on from a seed, with everything else as it was said."""
        said = ["ganglion", "chaos", *self._config_said()]
        said += ["--seed", str(seed), "--seeds", str(self.first + self.seeds - seed), *self._world_said()]
        said += [] if self.jobs is None else ["--jobs", str(self.jobs)]
        said += [] if self.limit_s == LIMIT_S else ["--limit", _number(self.limit_s)]
        said += [] if self.corpus in {None, DEFAULT_CORPUS} else ["--corpus", str(self.corpus)]
        said += [] if self.report is None else ["--report", str(self.report)]
        said += [] if self.shrink else ["--no-shrink"]
        return shlex.join(said)

    def _config_said(self) -> list[str]:
        return [] if self.config is None else [str(self.config)]

    def _world_said(self) -> list[str]:
        """What makes other worlds of the same seeds."""
        said = [] if self.hours == DEFAULT_HOURS else ["--hours", _number(self.hours)]
        return said + ([f"--kinds={self.kinds_text}"] if self.kinds_text else [])


def _number(value: float) -> str:
    """A number so that reading it gives the same one: a world of other seconds is another world."""
    return repr(value).removesuffix(".0")

"""Worlds of the default campaign with the code broken in one way, for a campaign's workers: `worlds:make_NAME`.

The code is whole between the calls of a world's face, so that two worlds of one process can be broken differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganglion.bot.recipes import make_from_recipe
from ganglion.simulation.campaign import Recipe
from ganglion.simulation.campaign.running import Watch
from tests.sabotage.breaking import STRUCK, Sabotage
from tests.sabotage.catalogue import BY_NAME

WHOLE = "nothing"
"""Breaks nothing: for what is violated without any sabotage."""
SETTLE_S = 400.0
"""Long enough for an arm that was parked and rests for 300 s; shrinking has no time for more."""
STRUCK_NAME = "sabotage struck"


class BrokenWorld:
    """A world, and what is broken in it whenever it runs."""

    def __init__(self, sabotage: Sabotage, recipe: Recipe) -> None:
        self._sabotage = sabotage
        STRUCK.clear()
        with sabotage.applied():
            self._world = make_from_recipe(recipe)
        self.watch: Watch | None = None

    def run(self, *, seconds: float, until_step: int | None = None) -> object:
        """See `RunnableWorld`, for all that follows."""
        self._world.watch = self.watch
        with self._sabotage.applied():
            return self._world.run(seconds=seconds, until_step=until_step)

    def heal(self) -> object:
        with self._sabotage.applied():
            return self._world.heal()

    def settle(self) -> object:
        with self._sabotage.applied():
            return self._world.settle(SETTLE_S)

    @property
    def coverage(self) -> Mapping[str, int]:
        return {**self._world.coverage, STRUCK_NAME: STRUCK["times"]}

    def __getattr__(self, name: str) -> Any:
        """All else is the world's own."""
        return getattr(self._world, name)


def maker_of(name: str) -> str:
    """The dotted name of the maker of a sabotage's worlds."""
    return f"{__name__}:make_{name}"


def __getattr__(name: str) -> Callable[[Recipe], BrokenWorld]:
    """`make_NAME` for each sabotage; a campaign knows makers by dotted names only."""
    wanted = name.removeprefix("make_")
    if wanted == name or (wanted != WHOLE and wanted not in BY_NAME):
        raise AttributeError(name)
    sabotage = BY_NAME.get(wanted) or Sabotage(WHOLE, "Nothing.", ())
    return lambda recipe: BrokenWorld(sabotage, recipe)

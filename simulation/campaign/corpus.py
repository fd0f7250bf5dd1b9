"""A folder of recipes that once showed a violation: a campaign runs them first, for ever.

Files only; they are meant to be committed beside the tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ganglion.simulation.campaign.recipe import Recipe


class Corpus:
    """The recipes of one folder, which need not be there before the first is added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def recipes(self) -> Iterator[tuple[Path, Recipe]]:
        """Every recipe by its file's name.

        Raises:
            RecipeError: a file ends with .json and is none.
            OSError: a file can't be read.
        """
        for path in sorted(self.folder.glob("*.json")):
            yield path, Recipe.read(path)

    def add(self, recipe: Recipe) -> Path:
        """Keep one; the same recipe has the same name, so it is kept once.

        Raises:
            OSError: it can't be written.
        """
        # The name is made of what the file holds: the same wherever the folder is.
        path = self.folder / name_of(recipe.stored_in(self.folder))
        recipe.write(path)
        return path


def name_of(recipe: Recipe) -> str:
    """What a recipe's file is called: the invariant, the seed, and a digest of the rest."""
    digest = hashlib.blake2s(recipe.to_json(), digest_size=4).hexdigest()
    invariant = recipe.violated.invariant if recipe.violated else "ok"
    return f"{invariant}-seed{recipe.seed}-{digest}.json"

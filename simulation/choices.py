"""Every choice of a simulated world, drawn from one seed: one generator per label.

Because each label has its own, taking one kind of choice away (a fault, a venue) shifts no other. Whoever draws often
keeps the generator that `of` gives.
"""

from __future__ import annotations

import random


class Choices:
    """Where a world's chance comes from."""

    def __init__(self, seed: int) -> None:
        """Take the world's seed."""
        self.seed = seed
        self._generators: dict[str, random.Random] = {}

    def of(self, label: str) -> random.Random:
        """The generator of a label; the same seed and label give the same draws in every process."""
        generator = self._generators.get(label)
        if generator is None:
            # A string seed goes through SHA-512, never through `hash`.
            generator = self._generators[label] = random.Random(f"{self.seed}:{label}")
        return generator

    def pick(self, label: str, n: int) -> int:
        """One of 0 to n - 1."""
        return self.of(label).randrange(n)

    def chance(self, label: str, p: float) -> bool:
        """Whether something of probability `p` happens; nothing is drawn for 0."""
        return p > 0 and self.of(label).random() < p

"""In which order the messages of a world are delivered: first in, first out, but where a fault or a recipe says so."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

DEVIATES = 0.25
"""While delivery is out of order: how often the next message is not the first."""


class DeliveryOrder:
    """Decides which message is next, and remembers where that was not the first."""

    def __init__(self, dice: Random, given: Mapping[int, int] | None) -> None:
        """Take what draws, or which deviations were given: index by step."""
        self.deviations: list[tuple[int, int]] = []
        self.on = False
        self._dice = dice
        self._given = given

    @property
    def wanted(self) -> bool:
        """Whether anybody has to be asked."""
        return self.on or bool(self._given)

    def choose(self, step: int, waiting: int) -> int:
        """The place of the message that comes next."""
        if self._given is not None:
            index = min(self._given.get(step, 0), waiting - 1)
        elif self.on and self._dice.random() < DEVIATES:
            index = 1 + self._dice.randrange(waiting - 1)
        else:
            index = 0
        if index:
            self.deviations.append((step, index))
        return index

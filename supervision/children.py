"""What a supervisor knows of its children: where each stands, and which have something to be done about them.

Bookkeeping only: what is done, and in which order, stands in supervisor.py.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ganglion.supervision.policy import ChildSpec, History

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell
    from ganglion.supervision.dispatchers.base import Timer
    from ganglion.supervision.reply import Reply


class Phase(enum.Enum):
    """Where a child stands, as its supervisor knows it."""

    WAITING = "waiting"
    """To be started: now, after a backoff, or when its turn in the order comes."""
    STARTING = "starting"
    UP = "up"
    GOING_DOWN = "going_down"
    PARKED = "parked"
    DOWN = "down"
    """Let go because its supervisor goes down; the cell stays."""
    GONE = "gone"


class Child:
    """What a supervisor knows of one child."""

    __slots__ = (
        "action", "attempted", "cell", "due_s", "final", "history", "leaving", "not_before_s", "order", "phase",
        "problem", "progress_s", "spec", "step", "timer", "waiter",
    )  # fmt: skip

    def __init__(self, spec: ChildSpec, cell: Cell, order: int) -> None:
        """Begin as one to be started."""
        self.order = order
        """Its place in the starting order."""
        self.spec = spec
        self.cell = cell
        self.phase = Phase.WAITING
        self.history = History()
        self.not_before_s = 0.0
        self.leaving = False
        """To be brought down (then up again, unless `final`)."""
        self.final = False
        self.attempted = False
        self.step = 0
        """Counts phases, so that an old deadline can be told from the present one."""
        self.progress_s = 0.0
        """Where its dispatcher's progress stood when it was told to go."""
        self.timer: Timer | None = None
        """What is to happen if it stays where it stands."""
        self.due_s = 0.0
        self.action: Callable[[Child], None] | None = None
        """When that is, and what: a timer dies with its thread."""
        self.waiter: Reply | None = None
        """Who waits for it to be ready."""
        self.problem = "it was stopped before it was ready"
        """What to tell who waits, if it never is."""

    def enter(self, phase: Phase) -> None:
        """Move on."""
        self.phase = phase
        self.step += 1
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Pending:
    """Children with something to be done about them, in starting order: a settled one costs nothing to look past."""

    __slots__ = ("_children", "_sorted")

    def __init__(self) -> None:
        """Start with none."""
        self._children: dict[int, Child] = {}
        self._sorted = True

    def add(self, child: Child) -> None:
        """Add one, twice is once."""
        if self._children and child.order < next(reversed(self._children)):
            self._sorted = False
        self._children[child.order] = child

    def remove(self, child: Child) -> None:
        """Remove one, if it is in here."""
        self._children.pop(child.order, None)

    def first_to_last(self) -> Iterator[Child]:
        """Go from left to right; nothing may be added or removed meanwhile."""
        if not self._sorted:
            self._children = dict(sorted(self._children.items()))
            self._sorted = True
        return iter(self._children.values())

    def last_to_first(self) -> list[Child]:
        """List from right to left."""
        return sorted(self._children.values(), key=lambda child: -child.order)

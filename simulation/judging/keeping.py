"""Judges I12 and I13 over restarts: a new actor begins, and what came for it meanwhile is the first it gets, in order.

The process of a world lets it see each message from a crash on. Only messages that may never be dropped are judged:
the others may make room, and tokens of timers and slots stand for what another incarnation is no more concerned with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from ganglion.messages.base import Message, Overflow
from ganglion.messages.lifecycle import CellState, Violation
from ganglion.supervision.cell import Cell

GOING = frozenset({CellState.STOPPING, CellState.STOPPED})


class Keeping:
    """What waits for the actors of one life."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        """Begin with what waits by now."""
        cells = tuple(cells)
        self._actors = {cell: (cell.incarnation, cell.actor) for cell in cells}
        self._waiting: dict[Cell, deque[Message]] = {}
        for cell in cells:
            kept = deque(item[1] for item in cell._stash or () if _judged(item[1]))  # noqa: SLF001 - it looks inside
            if kept:
                self._waiting[cell] = kept

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def step(self, cell: Cell, message: Any) -> Violation | None:
        """A message is taken out of the run queue for this cell."""
        if cell.state in GOING:
            self._waiting.pop(cell, None)
            return None
        if cell.state is CellState.RUNNING and self._is_old(cell):
            return Violation("I13", "", f"{cell.path} has restarted with the very actor that failed, and what it began")
        if not _judged(message):
            return None
        waiting = self._waiting.get(cell)
        if cell.state is not CellState.RUNNING:
            if waiting is None:
                waiting = self._waiting[cell] = deque()
            elif waiting[0] is message:
                waiting.popleft()  # it was on its way to one that has failed in its turn, and waits again
            waiting.append(message)
            return None
        if waiting is None:
            return None
        first = waiting.popleft()
        if first is not message:
            del self._waiting[cell]
            name, got = type(first).__name__, type(message).__name__
            text = f"{name} waited for the restart of {cell.path}, and {got} came first: it is lost or out of place"
            return Violation("I12", "", text)
        if not waiting:
            del self._waiting[cell]
        return None

    def _is_old(self, cell: Cell) -> bool:
        incarnation, actor = self._actors.get(cell, (cell.incarnation, None))
        if incarnation == cell.incarnation:
            return False
        self._actors[cell] = cell.incarnation, cell.actor
        return actor is not None and actor is cell.actor


def _judged(message: object) -> bool:
    return isinstance(message, Message) and message.overflow is Overflow.KEEP

"""Who waits on whom, as text: what a Timeout or a Deadlock of an `ask` in the simulation says to people.

Called by reply.py once nothing more can happen, on the asker's own thread. It looks at cells, queue and timers and
changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ganglion.messages.base import Message
from ganglion.messages.lifecycle import CellState
from ganglion.supervision.mailbox import Due, Slot

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell
    from ganglion.supervision.dispatchers.base import Item
    from ganglion.supervision.dispatchers.simulated import SimulatedDispatcher
    from ganglion.supervision.reply import Reply

MOST = 5
"""Of each list: whoever reads it looks for one cause."""
_HERE = Path(__file__).parent
_AWAY = (CellState.RESERVED, CellState.STARTING, CellState.SUSPENDED, CellState.PARKED, CellState.STOPPING)


def waiting_text(dispatcher: SimulatedDispatcher, reply: Reply) -> str:
    """The asker, whom it asked for what, where that message is, who is away and why, and which timers are next."""
    found = _where(dispatcher, reply)
    parts = [_asker(), _asked(dispatcher, found)]
    away = _away(dispatcher, found[0] if found is not None else None)
    parts.append(f"away: {_listed(away)}" if away else "every actor can receive")
    timers = [_timer(when_s, action) for when_s, action in dispatcher.timers()]
    parts.append(f"next timers: {_listed(timers)}" if timers else "no timer is set")
    return "; ".join(parts)


def _listed(items: list[str]) -> str:
    more = len(items) - MOST
    return ", ".join(items[:MOST]) + (f" and {more} more" if more > 0 else "")


# ------------------------------------------------------------------ who asked, and whom


def _asker() -> str:
    """The nearest caller that is no part of this room."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to the caller
    while frame is not None and Path(frame.f_code.co_filename).parent in (_HERE, _HERE / "dispatchers"):
        frame = frame.f_back
    if frame is None:
        return "asked from outside"
    code = frame.f_code
    return f"asked by {code.co_qualname} ({Path(code.co_filename).name}:{frame.f_lineno})"


def _where(dispatcher: SimulatedDispatcher, reply: Reply) -> tuple[Cell, Any, str] | None:
    """Whose message it is that this reply belongs to, the message, and where it waits."""
    for item in dispatcher.queue:
        if item[2] is reply:
            return item[0], item[1], "it stands in the run queue"
    for cell in dispatcher.suspended_cells():
        for place, item in enumerate(_stash_of(cell), 1):
            if item[2] is reply:
                return cell, item[1], f"it is stashed there, number {place} of {cell.stashed()}"
    return None


def _asked(dispatcher: SimulatedDispatcher, found: tuple[Cell, Any, str] | None) -> str:
    if found is None:
        held = [_cell(cell) for cell in dispatcher.suspended_cells()]
        return f"what was asked waits nowhere, it was taken and not answered; waiting: {_listed(held) or 'nobody'}"
    cell, message, where = found
    return f"waiting: {_cell(cell)} for {type(message).__name__}, {where}"


# ------------------------------------------------------------------ who is away


def _away(dispatcher: SimulatedDispatcher, asked: Cell | None) -> list[str]:
    """Cells that can't receive, the asked one first, with the failure that keeps each."""
    held = dispatcher.suspended_cells()
    system = asked.system if asked is not None else (held[0].system if held else None)
    known = held if system is None else system.cells()
    away = [cell for cell in known if cell.state in _AWAY and (cell.state is not CellState.RESERVED or cell.stashed())]
    away.sort(key=lambda cell: (cell is not asked, cell.path))
    return [_cell(cell, why=True) for cell in away]


def _cell(cell: Cell, *, why: bool = False) -> str:
    if not why:
        return f"{cell.path} ({cell.state.value}, {cell.stashed()} stashed)"
    text = f"{cell.path} ({cell.state.value}, {_stash(cell)})"
    if cell.state is CellState.RESERVED:
        return f"{text}: nothing was ever started there"
    failure = cell.failure
    return text if failure is None else f"{text}: {failure.error}: {failure.text}"


def _stash(cell: Cell) -> str:
    names: dict[str, int] = {}
    for item in _stash_of(cell):
        name = _name_of(item[1])
        names[name] = names.get(name, 0) + 1
    listed = [name if count == 1 else f"{count} x {name}" for name, count in names.items()]
    return f"{cell.stashed()} stashed" + (f": {_listed(listed)}" if listed else "")


def _stash_of(cell: Cell) -> tuple[Item, ...]:
    return tuple(cell._stash or ())  # noqa: SLF001 - read only, by the same room


def _name_of(message: object) -> str:
    if isinstance(message, Slot):
        message = message.box[0]
    elif isinstance(message, Due):
        message = message.message
    return type(message).__name__


# ------------------------------------------------------------------ what time will bring


def _timer(when_s: float, action: Callable[[], None]) -> str:
    """A timer by what its action holds: an actor's own message, or a supervisor's business with its children."""
    from ganglion.supervision.cell import Cell  # noqa: PLC0415 - cells need replies, which need this

    inside = list(_enclosed(action))
    cell = next((value for value in inside if isinstance(value, Cell)), None)
    message = next((value.message for value in inside if isinstance(value, Due)), None)
    at = f"at {when_s:.3f} s"
    if cell is None:
        return f"{at} {getattr(action, '__qualname__', type(action).__name__)}"
    if message is None:
        return f"{at} {cell.path} looks after its children"
    return f"{at} {_said(message)} to {cell.path}"


def _said(message: Message) -> str:
    key = getattr(message, "key", "")
    return f"{type(message).__name__}({key})" if key else type(message).__name__


def _enclosed(action: Callable[[], None]) -> Iterator[object]:
    for holder in getattr(action, "__closure__", None) or ():
        yield holder.cell_contents

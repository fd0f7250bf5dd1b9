"""Leaves a thread that hangs to itself, and brings the actors that lived on it up again on another.

`abandon` is called by the watchdog, on its own thread; what it does to cells runs on the dispatcher's new one. Cells
keep their addresses, queues, stashes and subscribers; supervisors go on as they are; every other actor is built anew by
its supervisor. Who hung the thread spends its budget, and is parked if it does it again; the others are blameless.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from ganglion.messages.lifecycle import Failure, ThreadAbandoned
from ganglion.supervision.dispatchers.base import Dispatcher, Progress, name_of
from ganglion.supervision.errors import ActorHung
from ganglion.supervision.failure import MAX_FRAMES, say
from ganglion.supervision.mailbox import Due, Slot
from ganglion.supervision.reply import Reply
from ganglion.supervision.supervisor import Supervisor

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell
    from ganglion.supervision.system import System

HANGS_ALLOWED = 1
"""An actor that hangs its thread more often is parked until an operator resumes it."""
_MESSAGES = Dispatcher._drain_chunk.__code__  # noqa: SLF001 - whose frame knows the message
_CONTROL = Dispatcher._run_control.__code__  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class Hang:
    """What a thread was doing when it was left."""

    dispatcher: str
    cell: Cell | None
    """Whose turn it was; None outside of any."""
    handling: str
    """Type name of a message, or what else it was doing."""
    reply: Reply | None
    """Who waits for the answer."""
    seconds: float
    stack: str

    @property
    def path(self) -> str:
        """Where the actor that hung it stands; empty where none is known."""
        return self.cell.path if self.cell is not None else ""

    @property
    def text(self) -> str:
        """What happened, for people."""
        who = f"{self.path} has not come back from {self.handling}" if self.cell is not None else "it has not come back"
        return f"{who} for {self.seconds:.0f} s; thread {self.dispatcher!r} was abandoned"


def abandon(system: System, dispatcher: Dispatcher, seen: Progress, seconds: float) -> bool:
    """Leave a dispatcher's thread to itself, unless it has come back since `seen`. True if it was left."""
    if not any(cell.dispatcher is dispatcher for cell in system.cells()):
        return False  # something else runs on it, which nobody could build anew
    hang = _look_at(dispatcher, seconds)
    fence = dispatcher.fence
    fence.on_end = system.quarantine.end
    system.quarantine.begin()
    if not dispatcher.abandon(seen, hang.text, lambda: _take_over(system, dispatcher, hang)):
        fence.on_end = None
        system.quarantine.end()
        return False
    log = structlog.get_logger()
    say(log, "error", "thread abandoned", dispatcher=hang.dispatcher, path=hang.path, handling=hang.handling)
    system.events.publish(
        ThreadAbandoned(hang.dispatcher, hang.path, hang.handling, round(seconds, 3), hang.stack),
    )
    return True


def _look_at(dispatcher: Dispatcher, seconds: float) -> Hang:
    """Read off the hung thread's frames what it is doing: nothing of that is written down while it does it."""
    handling, reply = "", None
    lines: list[str] = []
    for frame in _frames(sys._current_frames().get(dispatcher.fence.thread)):  # noqa: SLF001 - there is no other way
        if frame.f_code is _MESSAGES:
            handling, reply = _name(frame.f_locals.get("message")), frame.f_locals.get("reply")
            break
        if frame.f_code is _CONTROL:
            handling = getattr(frame.f_locals.get("action"), "__name__", "a start or stop")
            break
        lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}")
    stack = "\n".join(reversed(lines[:MAX_FRAMES]))
    cell = dispatcher.current if handling else None
    return Hang(dispatcher.name, cell, handling, reply, seconds, stack)


def _frames(innermost: FrameType | None) -> Iterator[FrameType]:
    while innermost is not None:
        yield innermost
        innermost = innermost.f_back


def _name(message: object) -> str:
    if isinstance(message, Slot):
        message = message.taken[0]
    elif isinstance(message, Due):
        message = message.message
    return name_of(message)


# ------------------------------------------------------------------ on the new thread


def _take_over(system: System, dispatcher: Dispatcher, hang: Hang) -> None:
    """Have every actor of an abandoned thread built anew, but for supervisors that did not hang it."""
    if hang.reply is not None and not hang.reply.done:
        hang.reply.set_exception((ActorHung, ActorHung(hang.text), None))
    cells = [cell for cell in system.cells() if cell.dispatcher is dispatcher]
    guilty = [hang.cell] if hang.cell is not None else _topmost(cells)
    below = {child.path for cell in guilty for child in _below(cell)}
    beside = Failure(error=ActorHung.__name__, text=f"beside it, {hang.text}", blameless=True)
    for cell in cells:
        if cell in guilty:
            continue
        if isinstance(cell.actor, Supervisor) and cell.path not in below:
            cell.actor.set_timers_again()
        elif cell.actor is not None:
            cell.lost(beside)
    for cell in guilty:
        for child in _below(cell):
            if child.dispatcher is not dispatcher:
                child.dispatcher.put_control(child, child.suspend)
        # Its supervisor, on another thread, may have given up a start that hangs, and ordered the next.
        ordered = any(action == cell.incarnate for _, action, _ in list(dispatcher.control))
        cell.lost(_failure(hang, cell), report=not ordered)


def _failure(hang: Hang, cell: Cell) -> Failure:
    return Failure(
        error=ActorHung.__name__,
        text=hang.text,
        traceback=hang.stack,
        message=hang.handling,
        bases=("SupervisionError", "Exception"),
        stop=hang.cell is not None and cell.hangs >= HANGS_ALLOWED,
    )


def _topmost(cells: list[Cell]) -> list[Cell]:
    """Whom to blame for a hang outside of any turn: an arm's supervisor. Not the root, which nobody could replace."""
    return [
        cell
        for cell in cells
        if isinstance(cell.actor, Supervisor)
        and cell.parent is not None
        and cell.parent.dispatcher is not cell.dispatcher
    ]


def _below(cell: Cell) -> Iterator[Cell]:
    for child in list(cell.children.values()):
        yield child
        yield from _below(child)

"""I13: no actor's state changes outside its own turn, and no two actors share state that can change.

The world calls `OwnerCheck.around` with a step instead of taking it, at sampled steps: all running actors are looked
at, one message is handled, all are looked at again. Reads only, computes nothing lazily, and keeps nothing.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import structlog

from ganglion.messages.base import Message
from ganglion.messages.lifecycle import CellState, Violation
from ganglion.simulation.judging.walker import Picture, take
from ganglion.supervision import Address, System
from ganglion.supervision.cell import Cell
from ganglion.supervision.clock import RealClock, VirtualClock
from ganglion.supervision.dispatchers.base import Dispatcher
from ganglion.supervision.dispatchers.thread import HeapTimer
from ganglion.supervision.mailbox import Due, Slot
from ganglion.supervision.probe import Probe
from ganglion.supervision.reply import Reply


class Shared(NamedTuple):
    """A type that actors hold and do not own."""

    name: str
    """Of the class."""
    why: str


_STOPS: tuple[type, ...] = (
    Address,
    Cell,
    System,
    Dispatcher,
    Reply,
    Probe,
    HeapTimer,
    RealClock,
    VirtualClock,
    logging.Logger,
    structlog.BoundLoggerBase,
)
"""The machinery between actors: whoever stands behind it is looked at on his own account."""

SHARED: tuple[Shared, ...] = (
    Shared("BoundLoggerLazyProxy", "a logger: writing a line is no state"),
    Shared("SimulatedVenue", "the venue's port: requests under way come back when the world's time says so"),
    Shared("Trace", "the fingerprint of a run, which notes what everybody asks of venues"),
    Shared("SimulatedExchange", "the venue itself, which the world moves"),
    Shared("MemoryDisk", "the disk: the world lets it break while nobody looks"),
)
"""Types that change outside their holder's turn on purpose; everything else is judged."""


class OwnerCheck:
    """Judges I13 in one system."""

    def __init__(self, system: System, shared: Sequence[Shared] = SHARED) -> None:
        """Take the system, and which types are no actor's own."""
        self._system = system
        self._shared = {entry.name for entry in shared}
        self._stops_by_type: dict[type, bool] = {}

    # -------------------------------------------------------------- one turn

    def around(self, step: Callable[[], object]) -> Violation | None:
        """Take one step (handle one message, or let time go to the next timer) and judge what changed in whom.

        A step before which orders of supervisors wait is taken and not judged: it may start and stop anybody.
        """
        core = self._system.core
        if core.control:
            step()
            return None
        waited = list(core.queue)
        before = [
            (cell, cell.handled, cell.incarnation, cell.actor, take(cell.actor, self._stops))
            for cell in self._running()
        ]
        step()
        told = _taken(waited, {id(item) for item in core.queue})
        for cell, handled, incarnation, actor, picture in before:
            own_turn = cell.handled != handled or cell.state is not CellState.RUNNING or cell.path in told
            if own_turn or cell.incarnation != incarnation or cell.actor is not actor:
                continue
            change = next(picture.changes(), None)
            if change is not None:
                return _outside(cell, change, told)
        return None

    def _running(self) -> list[Cell]:
        return [cell for cell in self._system.cells() if cell.state is CellState.RUNNING and cell.actor is not None]

    def _stops(self, thing: object) -> bool:
        kind = type(thing)
        known = self._stops_by_type.get(kind)
        if known is None:
            known = issubclass(kind, _STOPS) or any(klass.__name__ in self._shared for klass in kind.__mro__)
            self._stops_by_type[kind] = known
        return known

    # -------------------------------------------------------------- state of two

    def shared_state(self) -> list[Violation]:
        """What can change and is reached from two actors; to be asked once a world, when all have started."""
        owners: dict[int, tuple[Cell, Picture, int]] = {}
        found: list[Violation] = []
        for cell in self._running():
            picture = take(cell.actor, self._stops)
            told: set[int] = set()
            for number, node in enumerate(picture.nodes):
                other = owners.setdefault(id(node.thing), (cell, picture, number))
                if other[0] is cell:
                    continue
                told.add(number)
                if node.parent in told:
                    continue  # it belongs to what was told
                theirs = other[1]
                found.append(
                    Violation(
                        "I13",
                        _account(cell.path),
                        f"{other[0].path}: {theirs.path_of(theirs.nodes[other[2]])} and {cell.path}: "
                        f"{picture.path_of(node)} are one {type(node.thing).__name__}, which can change: tell it in a "
                        "message, or give each its own",
                    )
                )
        return found


def _taken(waited: list[Any], left: set[int]) -> dict[str, str]:
    """What was handled: message names by path."""
    return {item[0].path: _name_of(item[1]) for item in waited if id(item) not in left}


def _name_of(message: object) -> str:
    if isinstance(message, Slot):
        message = message.taken[0]
    elif isinstance(message, Due):
        message = message.message
    return type(message).__name__ if isinstance(message, Message) else "a token"


def _outside(cell: Cell, change: str, told: dict[str, str]) -> Violation:
    turns = ", ".join(f"{path} handled {name}" for path, name in told.items()) or "a timer fired"
    text = f"{cell.path}: {change}; it changed while {turns}, and only in its own turn may it change"
    return Violation("I13", _account(cell.path), text)


def _account(path: str) -> str:
    """The part of the bot that a path belongs to: `alpha` of `/bot/alpha/portfolio`."""
    steps = path.strip("/").split("/")
    return steps[1] if len(steps) > 1 else steps[0]


def sampled(seed: int, every: int) -> Callable[[], bool]:
    """A rule that says of each step whether to look around it: about one in `every`, the same for the same seed."""
    chance = random.Random(f"owners:{seed}")
    left = 0

    def now() -> bool:
        nonlocal left
        left -= 1
        if left > 0:
            return False
        left = chance.randint(1, 2 * every - 1)
        return True

    return now

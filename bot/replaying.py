"""Tells a simulated world step by step: each message before it is handled, faults as they begin, violations.

`replay_cli` chooses what is told; the world itself knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console
from rich.markup import escape

from ganglion.actors.trading.money import plain
from ganglion.bot.errors import ExitCode
from ganglion.bot.projection.telling import intent_text
from ganglion.bot.tree import BOT
from ganglion.messages import orders
from ganglion.simulation.campaign.running import RunnableWorld
from ganglion.simulation.faults import fault_text

SHORT = 150
"""Characters of a message's content."""
ORDER_LINE = tuple(
    kind for kind in vars(orders).values() if isinstance(kind, type) and kind.__module__ == orders.__name__
)
"""Messages about orders: what is told unless all is asked for."""
LISTENERS = ("/observer", *(f"{BOT}/{name}" for name in ("monitor", "collector", "treasury", "recorder", "warden")))
"""They hear copies of what others are told: left out unless all is asked for."""


class Detail(IntEnum):
    """How much is told."""

    QUIET = 0
    """Faults and violations."""
    ORDERS = 1
    """Messages about orders too."""
    STEPS = 2
    """Every message."""


class Teller:
    """Prints what happens in a world; hand `begin` to `run_recipe`."""

    def __init__(self, out: Console, detail: Detail, first_step: int = 0) -> None:
        """Take where to print, how much, and from which step on messages are told."""
        self._out = out
        self._detail = detail
        self._first_step = first_step
        self._world: RunnableWorld | None = None
        self._faults = 0
        self._violations = 0

    def begin(self, world: RunnableWorld) -> None:
        """Watch a world."""
        self._world = world
        world.watch = self._step

    def finish(self) -> None:
        """Tell what came after the last step."""
        if self._world is not None:
            self._tell_beside(self._world, self._world.now_s, self._world.steps)

    @contextmanager
    def ending_at_ctrl_c(self) -> Iterator[None]:
        """Let Ctrl-C end the process at once, with a word on where it was.

        Raised as an exception it would be taken for a crash of the actor that handles a message just then, and a mode
        that blocks would go on after it.
        """

        def end(_: int, frame: FrameType | None) -> None:
            world = self._world
            at = f" at step {world.steps}, {world.now_s:.3f} s" if world is not None else ""
            code = frame.f_code if frame is not None else None
            where = f", in {code.co_name} of {Path(code.co_filename).name}" if code is not None else ""
            with suppress(RuntimeError):  # it was in the middle of a write
                sys.stdout.flush()
            os.write(2, f"interrupted{at}{where}\n".encode())
            os._exit(ExitCode.INTERRUPTED)

        before = signal.signal(signal.SIGINT, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _step(self, step: int, now_s: float, path: str, message: object) -> None:
        world = self._world
        if world is None:
            return
        self._tell_beside(world, now_s, step)
        if self._detail == Detail.QUIET or step < self._first_step:
            return
        if self._detail == Detail.STEPS or (isinstance(message, ORDER_LINE) and path not in LISTENERS):
            said = escape(f"{path:<34}  {type(message).__name__}  {short(message)}".rstrip())
            self._out.print(f"{step:>8}  {now_s:>11.3f} s  {said}")

    def _tell_beside(self, world: RunnableWorld, now_s: float, step: int) -> None:
        plan = world.plan
        while self._faults < len(plan) and plan[self._faults].at_s <= now_s:
            said = escape(fault_text(plan[self._faults]))
            self._out.print(f"{step:>8}  {now_s:>11.3f} s  [yellow]FAULT[/yellow]  {said}")
            self._faults += 1
        for violation in world.violations[self._violations :]:
            said = escape(f"VIOLATION  {violation.invariant} {violation.account}: {violation.text}")
            self._out.print(f"{step:>8}  {now_s:>11.3f} s  [red]{said}[/red]")
            self._violations += 1


def short(message: object, most: int = SHORT) -> str:
    """The content of a message for one line; fields at their defaults are left out."""
    if isinstance(message, orders.OrderUpdate):
        text = _update(message)
    elif isinstance(message, msgspec.Struct):
        said = []
        for field in msgspec.structs.fields(type(message)):
            value = getattr(message, field.name)
            if value is not None and value != field.default:
                said.append(f"{field.name}={_value(value)}")
        text = " ".join(said)
    else:
        text = _value(message)
    return text if len(text) <= most else text[: most - 1] + "…"


def _update(update: orders.OrderUpdate) -> str:
    """What became of an order, the state first."""
    filled = f", {plain(update.filled)} of {plain(update.amount)} filled" if update.filled else ""
    why = f": {update.reason}" if update.reason else ""
    return f"{update.client_id} is {update.state}{filled}{why} ({update.mode}: {update.side} {update.symbol})"


def _value(value: object) -> str:
    match value:
        case Decimal():
            return plain(value)
        case Enum():
            return str(value.value)
        case str():
            return " ".join(value.split())
        case float():
            return f"{value:g}"
        case orders.Intent():
            return f"({intent_text(value)})"
        case msgspec.Struct():
            return f"{type(value).__name__}({short(value, 80)})"
        case tuple() | list():
            inside = ", ".join(_value(inner) for inner in value[:3])
            return f"[{inside}{f', … {len(value)} in all' if len(value) > 3 else ''}]"
        case _:
            return str(value)

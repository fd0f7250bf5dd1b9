"""A run queue that knows who sent what: it can deliver out of order, hold messages back, and crash a sender.

The simulation's faults at the delivery edge. It takes the place of a `SimulatedDispatcher`'s queue; order per sender
and receiver, which is all that actors may rely on, is kept whatever it does. Every message that is handled is a
numbered step, told to `on_step`. While it does nothing of that, which is nearly always, it costs little more than a
deque: who sent what is remembered only from `disturbed` on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from ganglion.messages.lifecycle import CellState
from ganglion.supervision.errors import InjectedFailure
from ganglion.supervision.mailbox import Slot

if TYPE_CHECKING:
    from ganglion.supervision.cell import Cell
    from ganglion.supervision.dispatchers.base import Item
    from ganglion.supervision.dispatchers.simulated import SimulatedDispatcher

WINDOW = 16
"""How far a message may be taken out of turn."""
_popleft = deque.popleft
_STASHED = object()
"""Stands for every sender: what was stashed was sent before all that waits for the same cell."""


Tap: TypeAlias = "Callable[[Deliveries], Callable[[], Item]]"


class Deliveries(deque["Item"]):
    """The run queue of a simulated dispatcher under faults."""

    dispatcher: SimulatedDispatcher

    def __init__(self) -> None:
        """Deliver in order, until told otherwise."""
        super().__init__()
        self.steps = 0
        """Messages that were taken out so far."""
        self._on_step: Callable[[int, Cell, Any], None] | None = None
        self._tap: Tap | None = None
        self._choose: Callable[[int, int], int] | None = None
        self._senders: deque[object] = deque()
        """Who sent what waits; empty while nothing is disturbed."""
        self._held: dict[str, list[tuple[Item, object]]] = {}
        self._crash: tuple[str, int] | None = None
        self.disturbed = True
        self._settle()

    # -------------------------------------------------------------- who is told

    @property
    def on_step(self) -> Callable[[int, Cell, Any], None] | None:
        """Told of each message that is taken: its number, receiver and message."""
        return self._on_step

    @on_step.setter
    def on_step(self, on_step: Callable[[int, Cell, Any], None] | None) -> None:
        self._on_step, self._tap = on_step, None
        self._settle_taking()

    def tapped_by(self, tap: Tap) -> None:
        """Let messages be taken by what `tap` makes of this queue, in place of `popleft` and `on_step`, in one frame.

        Only while nothing is disturbed; it must count `steps`. Both are paid for every message of a world.
        """
        self._tap = tap
        self._settle_taking()

    def _settle_taking(self) -> None:
        if self._tap is not None and not self.disturbed:
            self.popleft = self._tap(self)  # type: ignore[method-assign]
        elif "popleft" in self.__dict__:
            del self.popleft

    # -------------------------------------------------------------- faults

    @property
    def choose(self) -> Callable[[int, int], int] | None:
        """Given a step and how many messages may be taken: which; 0 is the first. None always takes the first."""
        return self._choose

    @choose.setter
    def choose(self, choose: Callable[[int, int], int] | None) -> None:
        self._choose = choose
        self._settle()

    def _settle(self) -> None:
        """Begin to remember who sends what, or stop it."""
        disturbed = self._choose is not None or bool(self._held) or self._crash is not None
        if disturbed == self.disturbed:
            return
        self.disturbed = disturbed
        if disturbed:
            # Of what waits already nobody knows the sender: it keeps its order.
            self._senders.extend([_STASHED] * len(self))
            del self.append
        else:
            self._senders.clear()
            self.append = super().append  # type: ignore[method-assign, assignment]
        self._settle_taking()

    def hold(self, path: str) -> None:
        """Keep back what is sent to a cell from now on."""
        self._held.setdefault(path, [])
        self._settle()

    def release(self, path: str) -> None:
        """Let what was kept back for a cell go, in its order."""
        for item, sender in self._held.pop(path, ()):
            super().append(item)
            self._senders.append(sender)
        self._settle()

    def release_all(self) -> None:
        """Let everything go."""
        for path in list(self._held):
            self.release(path)

    def crash_at_send(self, path: str, count: int) -> None:
        """Crash a cell's actor in the middle of a handler: at its `count`-th send from now on."""
        self._crash = (path, max(1, count))
        self._settle()

    @property
    def crashing(self) -> bool:
        """Whether somebody will crash at a send."""
        return self._crash is not None

    def forget_crash(self) -> None:
        """Crash nobody any more."""
        self._crash = None
        self._settle()

    # -------------------------------------------------------------- the queue

    def append(self, item: Item) -> None:
        """Queue a message of whoever has its turn."""
        sender = self.dispatcher.current
        if self._crash is not None and sender is not None:
            self._count_down(sender, item)
        if self._held and item[0].path in self._held:
            self._held[item[0].path].append((item, sender))
            return
        super().append(item)
        self._senders.append(sender)

    def extendleft(self, items: Iterable[Item]) -> None:
        """Put what was stashed to the front."""
        for item in items:
            super().appendleft(item)
            if self.disturbed:
                self._senders.appendleft(_STASHED)

    def popleft(self) -> Item:
        """Take the next message."""
        item = self._take() if self.disturbed else _popleft(self)
        self.steps += 1
        if self._on_step is not None:
            self._on_step(self.steps, item[0], item[1])
        return item

    def _take(self) -> Item:
        choose = self._choose
        index = 0
        if choose is not None and len(self) > 1:
            index = self._allowed(choose(self.steps, min(len(self), WINDOW)))
        if index:
            item = self[index]
            del self[index], self._senders[index]
        else:
            item = super().popleft()
            self._senders.popleft()
        return item

    def clear(self) -> None:
        """Drop everything, what was kept back as well."""
        super().clear()
        self._senders.clear()
        self._held.clear()
        self._settle()

    def _allowed(self, index: int) -> int:
        """The wanted message, or the oldest that its sender has told the same cell before it."""
        index = min(index, len(self) - 1)
        cell, sender = self[index][0], self._senders[index]
        for earlier in range(index):
            if self[earlier][0] is cell and self._senders[earlier] in (sender, _STASHED):
                return earlier
        return index

    def _count_down(self, sender: Cell, item: Item) -> None:
        # A slot's token is not counted: its message is in the slot already, and would never be taken.
        if self._crash is None or sender.path != self._crash[0] or isinstance(item[1], Slot):
            return
        if sender.state is not CellState.RUNNING:
            return  # what its failure is told by is no handler of its own
        path, left = self._crash
        if left > 1:
            self._crash = (path, left - 1)
            return
        self.forget_crash()
        raise InjectedFailure(f"crashed in the middle of its handler, as it told {item[0].path}")

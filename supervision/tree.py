"""The tree as a value: what `System.tree()` returns, for the dashboard, the summary and tests."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ganglion.messages.lifecycle import CellState, Failure


class CellInfo(msgspec.Struct, frozen=True):
    """One place in the tree at one instant."""

    path: str
    actor: str
    """The actor's class name; empty where none runs."""
    state: CellState
    incarnation: int
    restarts: int
    last_failure: Failure | None
    queued: int
    """Messages that wait for it, run queue and stash."""
    handled: int
    children: tuple[CellInfo, ...] = ()

    def walk(self) -> Iterator[CellInfo]:
        """Go through this place and everything below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


class DispatcherInfo(msgspec.Struct, frozen=True):
    """One dispatcher at one instant."""

    name: str
    queued: int
    handled: int
    oldest_age_s: float
    """Time since its last progress, if anything waits."""


class Tree(msgspec.Struct, frozen=True):
    """A whole system at one instant."""

    root: CellInfo
    dispatchers: tuple[DispatcherInfo, ...]
    dead_letters: dict[str, int]
    """By type of message, since the system started."""

    def find(self, path: str) -> CellInfo | None:
        """Return the place with this path."""
        return next((info for info in self.root.walk() if info.path == path), None)

    @property
    def restarts(self) -> int:
        """Restarts of all actors, since the system started."""
        return sum(info.restarts for info in self.root.walk())

    def __str__(self) -> str:
        """Draw it as indented text."""
        lines = []
        for info in self.root.walk():
            depth = info.path.rstrip("/").count("/")
            name = info.path.rpartition("/")[2] or "/"
            lines.append(f"{'  ' * depth}{name} {info.state.value} restarts={info.restarts} queued={info.queued}")
        return "\n".join(lines)

"""The disk of a simulated bot: what a `MemoryDisk` can suffer, and a power cut in the middle of a write."""

from __future__ import annotations

import random

from ganglion.simulation.disk import MemoryDisk


class PowerCutError(Exception):
    """The power went while bytes were written and not yet synced; nobody in the process may see it for long."""


class WorldDisk(MemoryDisk):
    """A disk that outlives the processes that use it."""

    def __init__(self) -> None:
        super().__init__()
        self.dark = False
        """The power is gone; the process must be killed before its next turn."""
        self.lost_promised = False
        """The power took bytes that the disk had called durable: what was in them, no journal can know."""
        self._promised: dict[str, int] = {}
        """Bytes from the start of each file that it calls durable."""
        self._syncs_left: int | None = None

    def cut_power_at(self, count: int) -> None:
        """Let the power go at the `count`-th sync from now, when its bytes are written and not yet durable."""
        self._syncs_left = max(1, count)

    @property
    def armed(self) -> bool:
        """A power cut waits for its sync."""
        return self._syncs_left is not None

    def mend(self) -> None:
        """Everything works again, and no power cut waits."""
        self.trouble.room = None
        self.trouble.lost_sync = self.trouble.broken = self.trouble.read_only = False
        self.dark, self._syncs_left = False, None

    def sync(self, name: str) -> None:
        """Make durable, unless the power goes."""
        if self._syncs_left is not None:
            self._syncs_left -= 1
            if self._syncs_left == 0:
                self._syncs_left, self.dark = None, True
        if self.dark:
            raise PowerCutError("the power went in the middle of a write")
        super().sync(name)
        self._promised[name] = len(self._file(name).data)

    def create(self, name: str, data: bytes) -> None:
        """A new file."""
        super().create(name, data)
        self._promised[name] = len(data)

    def truncate(self, name: str, size: int) -> None:
        """Cut a file."""
        super().truncate(name, size)
        self._promised[name] = min(size, self._promised.get(name, 0))

    def rename(self, name: str, to: str) -> None:
        """Move a file."""
        super().rename(name, to)
        self._promised[to] = self._promised.pop(name, 0)

    def power_loss(self, chance: random.Random) -> None:
        """The power goes: was something promised that is lost now?"""
        promised = {name: bytes(file.data[: self._promised.get(name, 0)]) for name, file in self._files.items()}
        super().power_loss(chance)
        for name, file in self._files.items():
            if not file.data.startswith(promised[name]):
                self.lost_promised = True
            self._promised[name] = min(len(file.data), self._promised.get(name, 0))

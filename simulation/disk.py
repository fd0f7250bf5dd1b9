"""A disk in memory that can lose power, lie, fill up and break: what the journal is tested on.

Pure but for its own state; a test builds one, hands it to a `Log` and decides when what goes wrong. What survives
`power_loss` is what was synced, and of the rest whatever chance leaves: nothing, a part, or a part with holes.
"""

from __future__ import annotations

import errno
import os
import random
from dataclasses import dataclass, field


@dataclass
class Trouble:
    """What goes wrong from now on; change it while the disk is in use."""

    lost_sync: bool = False
    """`sync` returns, and nothing is durable."""
    room: int | None = None
    """Bytes that can still be written before ENOSPC; None for plenty. What fits of a write is written."""
    broken: bool = False
    """Every write and sync ends with EIO."""
    broken_sync: bool = False
    """Writes pass, every sync ends with EIO."""
    unreadable: str = ""
    """A file whose reading ends with EIO."""
    read_only: bool = False


@dataclass
class _File:
    """One file: what programs see, and what would be left without power."""

    data: bytearray = field(default_factory=bytearray)
    durable: int = 0
    """Bytes from the start that are on the platter."""


class MemoryDisk:
    """A `Device` whose files outlive the logs that use it."""

    def __init__(self, trouble: Trouble | None = None) -> None:
        self.trouble = trouble or Trouble()
        self.syncs = 0
        """That were asked for and came back."""
        self.appends = 0
        self._files: dict[str, _File] = {}

    # -------------------------------------------------------------- the device

    def names(self, folder: str) -> list[str]:
        """The files of a folder, sorted."""
        head = f"{folder}/"
        return sorted(name.removeprefix(head) for name in self._files if name.startswith(head))

    def read(self, name: str) -> bytes:
        """A whole file."""
        if name == self.trouble.unreadable:
            raise _failure(errno.EIO, name)
        return bytes(self._file(name).data)

    def create(self, name: str, data: bytes) -> None:
        """A new file, wholly there and durable, or not at all; on a lying disk it is there and empty after all."""
        self._check(name)
        if self.trouble.room is not None:
            if len(data) > self.trouble.room:
                raise _failure(errno.ENOSPC, name)
            self.trouble.room -= len(data)
        if self.trouble.broken_sync:
            raise _failure(errno.EIO, name)
        self._files[name] = _File(bytearray(data), 0 if self.trouble.lost_sync else len(data))

    def append(self, name: str, data: bytes) -> None:
        """Write behind what is there."""
        self._check(name)
        fits = data if self.trouble.room is None else data[: self.trouble.room]
        self._file(name).data += fits
        self.appends += 1
        if self.trouble.room is not None:
            self.trouble.room -= len(fits)
            if len(fits) < len(data):
                raise _failure(errno.ENOSPC, name)

    def sync(self, name: str) -> None:
        """Make durable what was appended, or say so."""
        self._check(name)
        if self.trouble.broken_sync:
            raise _failure(errno.EIO, name)
        file = self._file(name)
        if not self.trouble.lost_sync:
            file.durable = len(file.data)
        self.syncs += 1

    def truncate(self, name: str, size: int) -> None:
        """Cut a file."""
        self._check(name)
        file = self._file(name)
        del file.data[size:]
        file.durable = min(size, file.durable) if self.trouble.lost_sync else size

    def rename(self, name: str, to: str) -> None:
        """Move a file."""
        self._check(name)
        self._files[to] = self._file(name)
        del self._files[name]

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._check(name)
        self._file(name)
        del self._files[name]

    def close(self) -> None:
        """Nothing is held."""

    # -------------------------------------------------------------- for tests

    def power_loss(self, chance: random.Random) -> None:
        """The power goes: of what was not synced, chance keeps nothing, a beginning, or pages here and there."""
        for file in self._files.values():
            loose = bytes(file.data[file.durable :])
            kept = _left_of(loose, chance)
            file.data = file.data[: file.durable] + kept
            file.durable = len(file.data)

    def flip(self, name: str, offset: int, bit: int = 0) -> None:
        """One bit of a file turns over."""
        self._file(name).data[offset] ^= 1 << bit

    def replace(self, name: str, data: bytes) -> None:
        """A file has this content now."""
        self._files[name] = _File(bytearray(data), len(data))

    # -------------------------------------------------------------- inside

    def _file(self, name: str) -> _File:
        file = self._files.get(name)
        if file is None:
            raise _failure(errno.ENOENT, name)
        return file

    def _check(self, name: str) -> None:
        if self.trouble.broken:
            raise _failure(errno.EIO, name)
        if self.trouble.read_only:
            raise _failure(errno.EROFS, name)


_PAGE = 64
"""Bytes that reach the platter together; small, so that small batches tear too."""


def _left_of(loose: bytes, chance: random.Random) -> bytes:
    match chance.choice(("nothing", "beginning", "holes", "all")):
        case "beginning":
            return loose[: chance.randint(0, len(loose))]
        case "holes":
            # The length reached the platter, some pages did not: they read as zeros.
            pages = [loose[start : start + _PAGE] for start in range(0, len(loose), _PAGE)]
            return b"".join(page if chance.random() < 0.5 else bytes(len(page)) for page in pages)
        case "all":
            return loose
        case _:
            return b""


def _failure(number: int, name: str) -> OSError:
    return OSError(number, os.strerror(number), name)

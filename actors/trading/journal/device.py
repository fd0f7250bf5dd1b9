"""The disk under a journal: a seam, and the folder that is its real side.

The log calls it from the journal's own thread and, at a start and at the end, from whoever builds the bot; it may
block. Names are relative to the bot's folder (`journal/00000001.log`). The simulation has a device in memory that
loses power, fills up and lies (`simulation/disk.py`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Protocol

JOURNAL = "journal"
ARCHIVE = "archive"
LOCK = "lock"
_OWNER_ONLY = 0o600
_FOLDER = 0o700
_UNFINISHED = ".new"


class Device(Protocol):
    """Files of one bot, held by one process. Every method may raise OSError."""

    def names(self, folder: str) -> list[str]:
        """The files of a folder, sorted."""

    def read(self, name: str) -> bytes:
        """A whole file."""

    def create(self, name: str, data: bytes) -> None:
        """A file with this content, wholly there and durable, or not at all; in the place of one of this name."""

    def append(self, name: str, data: bytes) -> None:
        """Write all of `data` behind what is there; durable only after `sync`."""

    def sync(self, name: str) -> None:
        """Make durable what was appended."""

    def truncate(self, name: str, size: int) -> None:
        """Cut a file, durably."""

    def rename(self, name: str, to: str) -> None:
        """Move a file, durably."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def close(self) -> None:
        """Let go of the files and of the lock."""


class JournalUnusable(RuntimeError):
    """A journal that this process can't or must not use; the text says why and what to do."""


class FolderLocked(JournalUnusable):
    """Another process holds the folder."""


class FolderUnusable(JournalUnusable):
    """The folder can't be made, read or written."""


class FolderDevice:
    """A folder on a disk: owner-only, locked against other bots for as long as this object is open."""

    def __init__(self, folder: Path) -> None:
        """Make the folder where there is none, and lock it.

        Raises:
            FolderLocked: another process has it.
            FolderUnusable: it can't be made, or not be written to.
        """
        self._folder = folder
        self._writing: dict[str, int] = {}
        """Open files by name: at most the one that is appended to."""
        try:
            for path in (folder, folder / JOURNAL, folder / ARCHIVE):
                path.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            self._take_lock()
            # What a crash left half made was never part of the journal.
            for name in [name for name in self.names(JOURNAL) if name.endswith(_UNFINISHED)]:
                self.remove(f"{JOURNAL}/{name}")
            self._sync_folder(folder.parent)
            self._sync_folder(folder)
        except OSError as error:
            os.close(self._lock)
            raise _unusable(folder, error) from error
        except JournalUnusable:
            os.close(self._lock)
            raise

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            who = f"process {holder}" if holder else "another process"
            raise FolderLocked(
                f"{self._folder} is in use by {who}: two bots on one journal would double orders; stop that one, or "
                "give this bot another name or `data` folder"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def names(self, folder: str) -> list[str]:
        """The files of a folder, sorted."""
        return sorted(path.name for path in (self._folder / folder).iterdir())

    def read(self, name: str) -> bytes:
        """A whole file."""
        return (self._folder / name).read_bytes()

    def create(self, name: str, data: bytes) -> None:
        """A file with this content, wholly there and durable, or not at all; in the place of one of this name."""
        path = self._folder / name
        unfinished = path.with_name(path.name + _UNFINISHED)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        file = os.open(unfinished, flags, _OWNER_ONLY)
        try:
            _write_all(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        unfinished.rename(path)
        self._sync_folder(path.parent)

    def append(self, name: str, data: bytes) -> None:
        """Write all of `data` behind what is there; durable only after `sync`."""
        _write_all(self._open(name), data)

    def sync(self, name: str) -> None:
        """Make durable what was appended."""
        file = self._open(name)
        os.fdatasync(file)
        if not os.fstat(file).st_nlink:
            # Writing to a file that somebody removed goes well, and all of it is gone at the next start.
            raise FileNotFoundError(errno.ENOENT, "its file was removed while the bot ran", name)

    def truncate(self, name: str, size: int) -> None:
        """Cut a file, durably."""
        os.ftruncate(self._open(name), size)
        os.fsync(self._open(name))

    def rename(self, name: str, to: str) -> None:
        """Move a file, durably."""
        self._let_go(name)
        old, new = self._folder / name, self._folder / to
        old.rename(new)
        self._sync_folder(new.parent)
        self._sync_folder(old.parent)

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._let_go(name)
        path = self._folder / name
        path.unlink()
        self._sync_folder(path.parent)

    def close(self) -> None:
        """Let go of the files and of the lock; twice is once."""
        for name in list(self._writing):
            self._let_go(name)
        if self._lock >= 0:
            # The file stays: removing it would let two bots lock two files of one name.
            with contextlib.suppress(OSError):
                os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = -1

    def _open(self, name: str) -> int:
        file = self._writing.get(name)
        if file is None:
            for other in list(self._writing):
                self._let_go(other)
            file = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            self._writing[name] = file
        return file

    def _let_go(self, name: str) -> None:
        file = self._writing.pop(name, None)
        if file is not None:
            os.close(file)

    def _sync_folder(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _unusable(folder: Path, error: OSError) -> FolderUnusable:
    return FolderUnusable(
        f"{folder} can't be used for the journal ({error.strerror or error}): a bot never trades without one; make it "
        "a folder that this user may write to, or name another as `data` in [bot]"
    )

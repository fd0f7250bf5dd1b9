"""Where a bot's control socket is, for the bot that serves it and for the commands that call it.

A Unix socket `control.sock` in the bot's data folder. The system's own limit on such a path (about 100 bytes) is met
on Linux by going through the open folder; elsewhere a longer path is refused with what to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganglion.bot.errors import BotError, ExitCode

SOCKET = "control.sock"
LONGEST = 100
"""Bytes of a path that every system takes (Linux 107, macOS 103)."""
_OPEN_FOLDERS = Path("/proc/self/fd")


class ControlError(BotError):
    """The control socket can't be made or reached; the text says why and what to do."""


class ControlUnusableError(ControlError):
    """It can't be made where the configuration wants it."""

    code = ExitCode.CONFIGURATION


@contextmanager
def reachable(folder: Path) -> Iterator[str]:
    """A path of the folder's control socket that the system takes, for as long as the block lasts.

    Raises:
        ControlUnusableError: it is too long for this system.
        OSError: the folder can't be opened.
    """
    path = str((folder / SOCKET).absolute())
    if len(os.fsencode(path)) <= LONGEST:
        yield path
        return
    if not _OPEN_FOLDERS.is_dir():
        raise ControlUnusableError(
            f"{path} has {len(os.fsencode(path))} bytes, and a socket's path may have {LONGEST} on this system: set "
            '[bot] data to a shorter folder, such as data = "/tmp/NAME.ganglion"'
        )
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(_OPEN_FOLDERS / str(handle) / SOCKET)
    finally:
        os.close(handle)

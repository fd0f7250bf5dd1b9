"""Makes a projection anew from the journal, beside the old one, and puts it in its place at the end.

For the command line; a bot that runs does the same by itself. While a bot holds the folder the file is its own: then a
rebuild can only go elsewhere.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ganglion.actors.trading.journal.device import LOCK
from ganglion.bot.errors import DataFolderError
from ganglion.bot.projection.database import FILE, drop, is_of, set_aside
from ganglion.bot.projection.projector import Projector

_AT_ONCE = 5_000


def rebuild(folder: Path, out: Path | None, progress: Callable[[Projector], None]) -> int:
    """Make the projection anew.

    Args:
        folder: the bot's data folder.
        out: where to; None is the bot's own projection.
        progress: told while the journal is read.

    Returns:
        how many entries of the journal are in it.

    Raises:
        DataFolderError: a bot is running on the folder and would lose its own projection.
        JournalGap, RecordError, EventError, CheckpointError, LedgerError: the journal can't be read whole; the old
            projection is untouched.
        ProjectionError, OSError: it can't be written; the old one is untouched.
    """
    if out is not None:
        return _make(folder, out, progress)
    with _nobody_runs(folder):
        return _make(folder, folder / FILE, progress)


def _make(folder: Path, path: Path, progress: Callable[[Projector], None]) -> int:
    partial = path.with_name(path.name + ".new")
    drop(partial)
    try:
        projector = Projector(folder, partial)
        try:
            while projector.catch_up(entries=_AT_ONCE):
                progress(projector)
            count = projector.database.entries
            root = projector.run_root
            projector.database.settle()
        finally:
            projector.close()
        if path.exists() and not is_of(path, root):
            set_aside(path)
        # What lies beside the old one would be taken for the new one's.
        drop(path)
        partial.replace(path)
    finally:
        drop(partial)
    return count


@contextmanager
def _nobody_runs(folder: Path) -> Iterator[None]:
    """Keep bots out while the file is replaced."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataFolderError(f"{folder / LOCK} can't be opened: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
            raise DataFolderError(
                f"{folder} is in use by process {holder}, which writes its projection itself: stop that bot first, or "
                "write a second one with --out FILE (a bot makes a projection anew by itself once its file is deleted)"
            ) from None
        yield
    finally:
        os.close(lock)

"""The projection's file: creates it, writes rows and the place in the journal in one transaction, reads the place back.

Owned by whoever opened it (the projection actor's thread, or a rebuild). WAL, so that people can query it while it is
written; readers block nobody. Nothing that trades depends on it: what is wrong with it is an error of a type of its
own, and whoever meets one drops the file and makes it anew from the journal.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import groupby
from pathlib import Path
from types import TracebackType

from ganglion.actors.trading.journal import Position
from ganglion.bot.errors import BotError
from ganglion.bot.projection.rows import Write
from ganglion.bot.projection.schema import OF_AN_ACCOUNT, SCHEMA_VERSION, STATEMENTS, TABLES
from ganglion.bot.projection.views import VIEWS

FILE = "projection.sqlite"
_OWNER_ONLY = 0o600
_BUSY_S = 2.0
"""How long a writer waits for somebody who has locked the file."""
_WAL_PAGES = 256
_WAL_BYTES = 1024 * 1024
"""The file beside the database is brought in beyond so much, and cut back to it after a long transaction."""
_TABLE_OF = {
    "forget_fill": "fills",
    "own_trade": "trades",
    "settle_epoch": "epochs",
    **{f"renew_{table.name}": table.name for table in OF_AN_ACCOUNT},
}
"""Of statements that are not named by their table."""
_SIDE_FILES = ("-wal", "-shm", "-journal")


class ProjectionError(BotError):
    """The database can't be written or read; the journal has everything that stood in it."""


class ProjectionBusy(ProjectionError):
    """Somebody has locked it for longer than a writer waits: the same write may pass later."""


class ProjectionStale(ProjectionError):
    """It is no projection of this journal, or of another version: it has to be made anew."""


class ProjectionForeign(ProjectionStale):
    """It is the projection of another journal: what stands in it may stand nowhere else."""


class ProjectionReplaced(ProjectionError):
    """The file under it is another one, or none: it has to be opened again."""


class Database:
    """An open projection."""

    def __init__(self, path: Path, run_root: bytes, bot: str) -> None:
        """Open it, or create it where there is none.

        Raises:
            ProjectionForeign: it is another journal's.
            ProjectionStale: it is of another version, or no database at all.
            ProjectionBusy: it is locked.
            ProjectionError: it can't be opened.
        """
        self._path = path
        try:
            # It is made by us first, so that it is never readable for others.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY))
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise ProjectionError(f"{path} can't be opened: {error}") from error
        try:
            with _translated(path):
                self._connection.execute("PRAGMA journal_mode = WAL")
                # After a power loss the newest transactions may be missing: the journal has them.
                self._connection.execute("PRAGMA synchronous = NORMAL")
                # The journal is on the same disk and comes first.
                self._connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
                self._connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
                if not self._tables():
                    self._create(run_root, bot)
                self._check(run_root)
            self._inode = path.stat().st_ino
        except ProjectionError:
            self._connection.close()
            raise

    def _tables(self) -> list[str]:
        return [name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def _create(self, run_root: bytes, bot: str) -> None:
        known = {
            "schema_version": str(SCHEMA_VERSION),
            "bot": bot,
            "run_root": run_root.hex(),
            "segment": "0",
            "offset": "0",
            "entries": "0",
        }
        with _transaction(self._connection):
            for table in TABLES:
                for statement in table.ddl():
                    self._connection.execute(statement)
            for view in VIEWS:
                self._connection.execute(view.ddl())
            self._connection.executemany(STATEMENTS["meta"], list(known.items()))

    def _check(self, run_root: bytes) -> None:
        try:
            meta = dict(self._connection.execute("SELECT name, value FROM meta"))
        except sqlite3.OperationalError as error:
            raise ProjectionStale(f"{self._path} is no projection ({error})") from error
        if meta.get("schema_version") != str(SCHEMA_VERSION):
            raise ProjectionStale(
                f"{self._path} has tables of version {meta.get('schema_version')}, this program writes {SCHEMA_VERSION}"
            )
        if meta.get("run_root") != run_root.hex():
            raise ProjectionForeign(f"{self._path} is the projection of another journal")
        try:
            self.position = Position(int(meta["segment"]), int(meta["offset"]))
            self.entries = int(meta["entries"])
        except (KeyError, ValueError) as error:
            raise ProjectionStale(f"{self._path} does not say how far it is written ({error})") from error

    def write(self, writes: Iterable[Write], position: Position, entries: int) -> None:
        """Write rows and the place they bring it to, together or not at all.

        Args:
            writes: in the order of the journal.
            position: what comes next.
            entries: how many entries of the journal came to these rows.

        Raises:
            ProjectionReplaced: the file is gone, or somebody else wrote it: open it again.
            ProjectionBusy: it is locked: nothing was written.
            ProjectionError: it can't be written.
        """
        self._check_file()
        count = self.entries + entries
        place = [("segment", str(position.segment)), ("offset", str(position.offset)), ("entries", str(count))]
        with _translated(self._path), _transaction(self._connection):
            if self._written_up_to() != self.position:
                raise ProjectionReplaced(f"{self._path} was written by somebody else")
            # Tables don't depend on each other: sorted by table there are fewer and longer runs.
            for statement, group in groupby(sorted(writes, key=_table), key=_statement):
                self._connection.executemany(STATEMENTS[statement], [write.values for write in group])
            self._connection.executemany(STATEMENTS["meta"], place)
        self.position, self.entries = position, count

    def _written_up_to(self) -> Position:
        query = "SELECT name, value FROM meta WHERE name IN ('segment', 'offset')"
        found = dict(self._connection.execute(query))
        return Position(int(found["segment"]), int(found["offset"]))

    def _check_file(self) -> None:
        """SQLite writes on into a file that was deleted, and nobody would ever see it."""
        try:
            there = self._path.stat().st_ino
        except OSError as error:
            raise ProjectionReplaced(f"{self._path} is gone ({error.strerror or error})") from error
        if there != self._inode:
            raise ProjectionReplaced(f"{self._path} is another file now")

    def settle(self) -> None:
        """Bring everything into the one file: nothing is left beside it.

        Raises:
            ProjectionError: it can't be.
        """
        with _translated(self._path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA journal_mode = DELETE")

    def close(self) -> None:
        """Let go of it; twice is once."""
        self._connection.close()


def _statement(write: Write) -> str:
    return write.statement


def _table(write: Write) -> str:
    return _TABLE_OF.get(write.statement, write.statement)


class _transaction:  # noqa: N801 - a context manager reads as a verb
    """BEGIN IMMEDIATE, then COMMIT, or ROLLBACK where anything is raised."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            # A COMMIT that failed leaves the transaction open.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


class _translated:  # noqa: N801 - as above
    """SQLite's errors as ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        text = f"{self._path}: {error}"
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise ProjectionBusy(text) from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise ProjectionStale(f"{text}: it is damaged, or no database") from error
        raise ProjectionError(text) from error


def drop(path: Path) -> None:
    """Remove a projection with all that lies beside it.

    Raises:
        ProjectionError: it can't be removed.
    """
    for name in (path.name, *(path.name + side for side in _SIDE_FILES)):
        try:
            path.with_name(name).unlink(missing_ok=True)
        except OSError as error:
            raise ProjectionError(f"{path.with_name(name)} can't be removed: {error.strerror or error}") from error


def set_aside(path: Path) -> Path:
    """Keep a projection under a name of its own, `projection-old-N.sqlite`, with all that lies beside it.

    Returns:
        where it is now.

    Raises:
        ProjectionError: it can't be renamed.
    """
    number = 1
    while (kept := path.with_name(f"{path.stem}-old-{number}{path.suffix}")).exists():
        number += 1
    # The database goes last: what lies beside it belongs to it until it has moved.
    for side in (*_SIDE_FILES, ""):
        here = path.with_name(path.name + side)
        try:
            if here.exists():
                here.rename(kept.with_name(kept.name + side))
        except OSError as error:
            raise ProjectionError(f"{here} can't be renamed: {error.strerror or error}") from error
    return kept


def is_of(path: Path, run_root: bytes) -> bool:
    """Whether a file is no projection of another journal: also where it is none at all, or can't be read."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT value FROM meta WHERE name = 'run_root'").fetchall()
    except sqlite3.Error:
        return True
    return found in ([], [(run_root.hex(),)])


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, in the order of its key; for comparing two projections.

    Raises:
        ProjectionError: it can't be read.
    """
    with _translated(path), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        found = {}
        for table in TABLES:
            order = ", ".join(table.key) or "id"
            # Names of our own schema.
            found[table.name] = connection.execute(f"SELECT * FROM {table.name} ORDER BY {order}").fetchall()  # noqa: S608
        return found

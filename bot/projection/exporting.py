"""Writes what a journal holds as JSON lines or CSV: a table of the projection, or the records themselves.

A table is made from the journal for the export, in a database of its own: it does not matter what became of the
projection in the folder. Money is exact text in both forms.
"""

from __future__ import annotations

import csv
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TextIO

import msgspec

from ganglion.bot.projection.projector import Projector
from ganglion.bot.projection.replaying import replay_journal
from ganglion.bot.projection.schema import META, TABLES
from ganglion.bot.projection.telling import tell, time_text

RECORDS = "records"
WHAT = (*(table.name for table in TABLES if table is not META), RECORDS)
"""What can be exported."""
_RECORD_COLUMNS = ("time_ms", "time_at", "account", "record", "client_ids", "modes", "text", "content")
_AT_ONCE = 5_000


def export(folder: Path, what: str, form: str, out: TextIO, progress: Callable[[Projector], None]) -> int:
    """Write everything of one kind.

    Args:
        folder: the bot's data folder.
        what: one of `WHAT`.
        form: `jsonl` or `csv`.
        out: where to.
        progress: told while the journal is read.

    Returns:
        how many rows.

    Raises:
        JournalGap, RecordError, EventError, CheckpointError, LedgerError: the journal can't be read whole.
        ProjectionError: there is no room for the database beside it.
        OSError: a file can't be read or written.
    """
    write = _csv if form == "csv" else _json_lines
    if what == RECORDS:
        return write(_RECORD_COLUMNS, _records(folder), out)
    with tempfile.TemporaryDirectory(prefix="ganglion-") as place:
        path = Path(place) / "export.sqlite"
        projector = Projector(folder, path)
        try:
            while projector.catch_up(entries=_AT_ONCE):
                progress(projector)
        finally:
            projector.close()
        with closing(sqlite3.connect(path)) as connection:
            # A name of our own schema: the caller's choice is one of WHAT.
            rows = connection.execute(f"SELECT * FROM {what}")  # noqa: S608
            return write([column[0] for column in rows.description], rows, out)


def _records(folder: Path) -> Iterator[tuple[object, ...]]:
    for step, _ in replay_journal(folder):
        told = tell(step)
        name = "Checkpoint" if step.what is None else type(step.what).__name__
        content = None if step.what is None else _named_fields(step.what)
        at = time_text(told.time_ms).replace(" ", "T") + "Z"
        yield (
            told.time_ms,
            at,
            told.account,
            name,
            " ".join(told.client_ids),
            " ".join(told.modes),
            told.text,
            content,
        )


def _named_fields(value: object) -> object:
    """A record as names and values: on the disk it is an array."""
    if isinstance(value, msgspec.Struct):
        return {field: _named_fields(getattr(value, field)) for field in value.__struct_fields__}
    if isinstance(value, tuple | list):
        return [_named_fields(item) for item in value]
    return value


_JSON = msgspec.json.Encoder(decimal_format="string")


def _json_lines(columns: Iterable[str], rows: Iterable[tuple[object, ...]], out: TextIO) -> int:
    names, count = list(columns), 0
    for row in rows:
        out.write(_JSON.encode(dict(zip(names, row, strict=True))).decode() + "\n")
        count += 1
    return count


def _csv(columns: Iterable[str], rows: Iterable[tuple[object, ...]], out: TextIO) -> int:
    writer, count = csv.writer(out), 0
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_JSON.encode(cell).decode() if isinstance(cell, dict) else cell for cell in row])
        count += 1
    return count

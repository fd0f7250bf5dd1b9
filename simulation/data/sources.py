"""Opens data files: rows of text of csv and csv.gz (a torn end included), rows of parquet and feather by polars.

Used by reading.py and recording; it reads files and nothing else.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ganglion.simulation.data.errors import DataFileError, MissingExtraError

TEXT: Final = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
BY_POLARS: Final = (".parquet", ".feather", ".arrow", ".ipc")
BLOCK: Final = 1_024
"""Rows that are converted at once: 500,000 trades took 0.97 s so, 1.10 s with 4,096 and 1.38 s with 32,768, which leave
the cache and keep the garbage collector busy."""
_CHUNK: Final = 1 << 18
_GZIP: Final = 31
"""zlib's wbits for gzip."""


class Block(NamedTuple):
    """Rows of a file in their order."""

    rows: Sequence[Sequence[object]]
    lines: Sequence[int]
    """The line of each row, counted from 1; in a format without lines its number."""


class TornMark:
    """Says afterwards whether a compressed file ended in the middle."""

    def __init__(self) -> None:
        self.torn = False


def is_data(path: Path) -> bool:
    """Whether a file has one of the endings that can be read."""
    return path.name.lower().endswith((*TEXT, *BY_POLARS))


def blocks(path: Path, torn: TornMark) -> Iterator[Block]:
    """The rows of a file; of text formats with their header, of the others with one made of the column names.

    Raises:
        DataFileError: it can't be opened or decoded, or has an ending that nobody here reads.
        MissingExtraError: it needs polars, which is not installed.
    """
    name = path.name.lower()
    if name.endswith(BY_POLARS):
        yield from _polars_blocks(path)
        return
    if not name.endswith(TEXT):
        todo = f"its name has to end in one of {', '.join(TEXT + BY_POLARS)}"
        raise DataFileError(str(path), "is no data file", todo)
    try:
        yield from _text_blocks(path, torn)
    except UnicodeDecodeError as error:
        raise DataFileError(str(path), f"is no UTF-8 text ({error.reason})", "convert it, or name its format") from None
    except OSError as error:
        raise DataFileError(str(path), f"can't be read: {error.strerror or error}", "see to the file") from None
    except zlib.error as error:
        raise DataFileError(str(path), f"is no gzip, or damaged ({error})", "fetch it again") from None
    except csv.Error as error:
        raise DataFileError(str(path), f"is no CSV ({error})", "look at it with an editor") from None


def _text_blocks(path: Path, torn: TornMark) -> Iterator[Block]:
    with path.open("rb") as file:
        magic = file.read(2)
    if magic == b"\x1f\x8b":
        yield from _rows(path, gzip_lines(path, torn))
        return
    with path.open(encoding="utf-8-sig", newline="") as plain:
        yield from _rows(path, plain)


def _rows(path: Path, lines: Iterator[str]) -> Iterator[Block]:
    head = list(itertools.islice(lines, 2))
    delimiter = _delimiter(head[-1] if head else "")
    reader = csv.reader(itertools.chain(head, lines), delimiter=delimiter)
    line = 0
    while rows := list(itertools.islice(reader, BLOCK)):
        numbers: Sequence[int] = range(line + 1, line + 1 + len(rows))
        if reader.line_num != line + len(rows):
            raise DataFileError(
                str(path), "a cell in quotes holds a line break", "write one row on one line", reader.line_num
            )
        line = reader.line_num
        yield Block(rows, numbers)


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def gzip_lines(path: Path, torn: TornMark) -> Iterator[str]:
    """The lines of a gzip of one or many members; the whole ones of a member that is cut off in the middle."""
    left = ""
    first = True
    for chunk in _text_chunks(path, torn):
        text = left + (chunk.removeprefix("\ufeff") if first else chunk)
        first = False
        *whole, left = text.split("\n")
        for line in whole:
            yield f"{line}\n"
    if left and not torn.torn:
        yield left


def _text_chunks(path: Path, torn: TornMark) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8")().decode
    with path.open("rb") as file:
        decompressor = zlib.decompressobj(_GZIP)
        begun = False
        while data := file.read(_CHUNK):
            while data:
                begun = True
                yield decode(decompressor.decompress(data))
                data = decompressor.unused_data
                if decompressor.eof:
                    decompressor, begun = zlib.decompressobj(_GZIP), False
        torn.torn = begun


# ------------------------------------------------------------------ by polars


def _polars_blocks(path: Path) -> Iterator[Block]:
    try:
        import polars  # noqa: PLC0415, ICN001 - only where a file needs it
    except ImportError:
        raise MissingExtraError(
            str(path), "can't be read without polars", 'pip install "ganglion[data]", or convert it to CSV'
        ) from None
    try:
        frame = polars.read_parquet(path) if path.suffix == ".parquet" else polars.read_ipc(path)
    except (OSError, polars.exceptions.PolarsError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataFileError(str(path), f"can't be read: {text}", "see to the file") from None
    dated = [name for name, kind in frame.schema.items() if kind.is_temporal()]
    frame = frame.with_columns(polars.col(name).cast(polars.Datetime("ms")).cast(polars.Int64) for name in dated)
    yield Block([frame.columns], [0])
    row = 1
    for part in frame.iter_slices(BLOCK):
        yield Block(part.rows(), range(row, row + part.height))
        row += part.height

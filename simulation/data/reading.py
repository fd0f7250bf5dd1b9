"""Reads recorded market data: a file or a folder of them, as series by kind, exchange and symbol.

Called by the backtest, by `--check` and by whoever has data. Formats: CSV with or without gzip and with or without
a header, parquet and feather (with polars), and what `ganglion record` writes. docs/data.md says what is recognised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ganglion.simulation.data.columns import Gap, Series
from ganglion.simulation.data.drafts import QUOTES, Draft, Drafter, Key, OnBad
from ganglion.simulation.data.errors import DataFileError
from ganglion.simulation.data.judging import Judge
from ganglion.simulation.data.layout import Layout, recognise
from ganglion.simulation.data.sources import Block, TornMark, blocks, is_data

MARK: Final = "# ganglion recording"
"""How a file of `ganglion record` begins."""
GAP: Final = "#gap"
_TIMEFRAME = re.compile(r"(?:^|[-_.])(\d+[smhdwM])(?=[-_.]|$)")
_SYMBOL = re.compile(rf"^([A-Z0-9]{{2,8}}?)[-_]?({'|'.join(QUOTES)})(?:[-_]({'|'.join(QUOTES)}))?(?=[-_.]|$)")


def read(
    path: Path,
    *,
    exchange: str = "",
    symbol: str = "",
    kind: str | None = None,
    timeframe: str | None = None,
    on_bad: OnBad = "error",
    keep_ids: bool = False,
) -> list[Series]:
    """Read a data file, or every data file in a folder and the folders in it.

    Rows of one kind, exchange and symbol (and of bars, timeframe) become one series, whichever files they stand in.

    Args:
        path: the file or the folder.
        exchange: where files don't say it themselves.
        symbol: likewise; goes before what a file's name looks like.
        kind: `bars`, `trades` or `book` where it is not to be guessed; other kinds of our own recordings are left out.
        timeframe: of bars, where it is not to be guessed.
        on_bad: what becomes of a row that is impossible, unsorted or in conflict: an error, or left out and counted.
        keep_ids: keep the ids of trades (they are used up to find doubles).

    Returns:
        The series by exchange, symbol and kind; `series.facts` says what is to be told of each.

    Raises:
        DataFileError: a file can't be read, or nobody can tell what is in it.
        DataRowError: a row is impossible, goes back in time or conflicts with another.
        MixedDataError: rows don't belong together.
        MissingExtraError: parquet without polars.
    """
    drafts: dict[Key, list[Draft]] = {}
    for file in files_of(path):
        for draft in _read_file(file, Key(kind or "", exchange, symbol, timeframe or ""), on_bad):
            if kind is None or draft.key.kind == kind:
                drafts.setdefault(draft.key, []).append(draft)
    found = []
    for key in sorted(drafts, key=lambda key: (key.exchange, key.symbol, key.kind, key.timeframe)):
        series = Judge(drafts.pop(key), on_bad, keep_ids=keep_ids).series(timeframe)
        if series is not None:
            found.append(series)
    if not found:
        raise DataFileError(str(path), "holds no row of data", "name a file or a folder with rows in it")
    return found


def files_of(path: Path) -> list[Path]:
    """The data files of a path, sorted.

    Raises:
        DataFileError: there is none.
    """
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and is_data(file))
        if not found:
            raise DataFileError(str(path), "no data file in this folder", "put .csv, .csv.gz or .parquet files there")
        return found
    if not path.exists():
        raise DataFileError(str(path), "there is no such file", "name a data file, or a folder of them")
    return [path]


def _read_file(path: Path, wanted: Key, on_bad: OnBad) -> list[Draft]:
    """One file's drafts."""
    torn = TornMark()
    reader = _FileReader(path, wanted, on_bad)
    for block in blocks(path, torn):
        reader.take(block)
    if torn.torn and not reader.ours:
        raise DataFileError(str(path), "the compressed file ends in the middle", "fetch it again")
    return reader.finish(torn=torn.torn)


class _FileReader:
    """Goes through one file: recordings' marks, the header, then rows."""

    def __init__(self, path: Path, wanted: Key, on_bad: OnBad) -> None:
        self.ours = False
        """A recording of `ganglion record`."""
        self._path = path
        self._file = str(path)
        self._wanted = wanted
        self._on_bad = on_bad
        self._drafter: Drafter | None = None
        self._default = wanted
        self._gaps: list[Gap] = []
        self._notes: list[str] = []

    def take(self, block: Block) -> None:
        """Add a block."""
        rows, lines = block
        if self._drafter is None:
            rows, lines = self._begin(rows, lines)
        if self.ours:
            rows, lines = self._without_marks(rows, lines)
        if self._drafter is not None:
            self._drafter.take(rows, lines)

    def finish(self, *, torn: bool) -> list[Draft]:
        """The drafts of the file."""
        if self._drafter is None:
            return []
        drafts = list(self._drafter.drafts.values()) or [Draft(self._default, self._file)]
        for draft in drafts:
            draft.ours = self.ours
        drafts[0].gaps = self._gaps
        drafts[0].skipped = self._drafter.skipped
        drafts[0].notes = self._notes
        if torn:
            self._notes.append(f"{self._file}: it ends in the middle of a write; what was whole is read")
        return drafts

    def _begin(self, rows: Sequence[Sequence[object]], lines: Sequence[int]) -> Block:
        """Find header and layout; what is left are rows."""
        start = 0
        while start < len(rows) and self._is_preamble(rows, start):
            start += 1
        if start == len(rows):
            return Block([], [])
        head = [str(cell) for cell in rows[start]]
        first = [str(cell) for cell in rows[start + 1]] if start + 1 < len(rows) else head
        layout = recognise(self._file, head, first, self._wanted.kind if not self.ours and self._wanted.kind else None)
        self._default = self._named(layout)
        if not self.ours:
            self._notes.append(f"{self._file}: {layout.note}")
        self._drafter = Drafter(self._file, layout, self._default, self._on_bad)
        start += layout.header
        return Block(rows[start:], lines[start:])

    def _is_preamble(self, rows: Sequence[Sequence[object]], index: int) -> bool:
        """Blank lines, comments, and the address that some sites put on top."""
        row = rows[index]
        if not row:
            return True
        text = str(row[0])
        if text.startswith(MARK):
            self.ours = True
            said = dict(word.partition("=")[::2] for word in text.split() if "=" in word)
            self._default = Key(
                said.get("kind", ""), said.get("exchange", ""), said.get("symbol", ""), said.get("timeframe", "")
            )
        return text.startswith("#") or (len(row) == 1 and index + 1 < len(rows) and len(rows[index + 1]) > 2)

    def _named(self, layout: Layout) -> Key:
        """What rows belong to that don't say it themselves."""
        known = self._wanted
        if self.ours:
            said = self._default
            return Key(layout.kind, known.exchange or said.exchange, known.symbol or said.symbol, said.timeframe)
        stem = self._path.name
        symbol, timeframe = known.symbol, known.timeframe if layout.kind == "bars" else ""
        if not symbol and "symbol" not in layout.columns and (match := _SYMBOL.match(stem)):
            base, quote, settle = match.groups()
            symbol = f"{base}/{quote}" + (f":{settle}" if settle else "")
            self._notes.append(f"{self._file}: its name looks like {symbol}")
        if layout.kind == "bars" and not timeframe and (named := _TIMEFRAME.search(stem)):
            timeframe = named[1]
        return Key(layout.kind, known.exchange, symbol, timeframe)

    def _without_marks(self, rows: Sequence[Sequence[object]], lines: Sequence[int]) -> Block:
        marked = [index for index, row in enumerate(rows) if row and str(row[0]).startswith("#")]
        if not marked:
            return Block(rows, lines)
        for index in marked:
            cells = [str(cell) for cell in rows[index]]
            if cells[0] == GAP:
                self._gaps.append(self._gap(cells, lines[index]))
        kept = [index for index in range(len(rows)) if index not in set(marked)]
        return Block([rows[index] for index in kept], [lines[index] for index in kept])

    def _gap(self, cells: Sequence[str], line: int) -> Gap:
        try:
            return Gap(int(cells[1]), int(cells[2]), ",".join(cells[3:]), self._file, line)
        except (IndexError, ValueError):
            raise DataFileError(
                self._file, f"{','.join(cells)!r} is no gap", f"write {GAP},from_ms,to_ms,reason", line
            ) from None

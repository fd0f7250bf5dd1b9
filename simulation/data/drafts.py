"""Turns rows of cells into typed columns, market by market: what reading.py gathers before it is judged.

The fast way converts a block of rows at once; where a block resists, its rows are converted one by one, so that the
one at fault is named by its line. Used by reading.py; pure.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from ganglion.simulation.data.columns import BUY, SELL, UNKNOWN, Gap
from ganglion.simulation.data.errors import DataRowError
from ganglion.simulation.data.layout import PRICES, Layout
from ganglion.simulation.data.times import TimeReader

OnBad: TypeAlias = Literal["error", "skip"]
Row: TypeAlias = Sequence[object]

NUMBERS: Final = {"bars": (*PRICES, "volume"), "trades": ("price", "amount"), "book": ("price", "amount")}
_SIDES: Final = {
    spelled: side
    for words, side in ((("buy", "bid", "b", "bids"), BUY), (("sell", "ask", "s", "a", "asks"), SELL), (("",), UNKNOWN))
    for word in words
    for spelled in (word, word.capitalize(), word.upper())
}
_TRUTH: Final = {
    spelled: truth
    for words, truth in ((("true", "1", "t"), 1), (("false", "0", "f", ""), 0))
    for word in words
    for spelled in (word, word.capitalize(), word.upper())
}
_MAKER: Final = {word: SELL if truth else BUY for word, truth in _TRUTH.items() if word}
"""The buyer made it, so the taker sold."""
KEEP: Final = 'a row that can\'t be read is left out, and counted, with on_bad="skip"'


class Key(NamedTuple):
    """What series a row belongs to."""

    kind: str
    exchange: str
    symbol: str
    timeframe: str


@dataclass(slots=True)
class Draft:
    """The rows of one series out of one file, as they stand there."""

    key: Key
    file: str
    time_ms: array[int] = field(default_factory=lambda: array("q"))
    numbers: list[array[float]] = field(default_factory=list)
    """As NUMBERS names them."""
    side: bytearray = field(default_factory=bytearray)
    first: bytearray = field(default_factory=bytearray)
    ids: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("I"))
    """Of each row, counted from 1."""
    gaps: list[Gap] = field(default_factory=list)
    skipped: int = 0
    incomplete: int = 0
    notes: list[str] = field(default_factory=list)
    ours: bool = False
    """Of a recording of our own: its recorder has left doubles out, and a venue may begin its ids anew."""

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows only, in this order."""
        self.time_ms = array("q", [self.time_ms[row] for row in rows])
        self.numbers = [array("d", [column[row] for row in rows]) for column in self.numbers]
        self.side = bytearray(self.side[row] for row in rows) if self.side else self.side
        self.first = bytearray(self.first[row] for row in rows) if self.first else self.first
        self.ids = [self.ids[row] for row in rows] if self.ids else self.ids
        self.lines = array("I", [self.lines[row] for row in rows])


class Drafter:
    """Takes a file's rows block by block."""

    def __init__(self, file: str, layout: Layout, default: Key, on_bad: OnBad) -> None:
        """Prepare for a file.

        Args:
            file: its name, for errors.
            layout: which column is what.
            default: the series of rows that don't say themselves where they belong.
            on_bad: whether a row that can't be read is an error, or counted and left out.
        """
        self.drafts: dict[Key, Draft] = {}
        self.skipped = 0
        self._file = file
        self._columns = layout.columns
        self._default = default
        self._on_bad = on_bad
        self._times: TimeReader | None = None
        self._numbers = NUMBERS[default.kind]
        self._width = max(layout.columns.values()) + 1
        self._named = [what for what in ("exchange", "symbol", "timeframe") if what in layout.columns]

    def take(self, rows: Sequence[Row], lines: Sequence[int]) -> None:
        """Add a block of rows.

        Args:
            rows: their cells.
            lines: the line of each.

        Raises:
            DataRowError: a row can't be read.
        """
        if not rows:
            return
        try:
            columns = list(zip(*rows, strict=True))
            taken = [(key, self._convert(self._part(columns, picked)), picked) for key, picked in self._split(columns)]
        except (ValueError, KeyError, TypeError, IndexError, OverflowError):
            self._take_slowly(rows, lines)
            return
        for key, converted, picked in taken:
            self._add(key, converted, lines if picked is None else [lines[row] for row in picked])

    def _take_slowly(self, rows: Sequence[Row], lines: Sequence[int]) -> None:
        """One row after the other, until the one at fault."""
        for row, line in zip(rows, lines, strict=True):
            if not row or (len(row) == 1 and not str(row[0]).strip()):
                continue
            trouble = self._trouble(row)
            if not trouble:
                columns = [(cell,) for cell in row]
                ((key, _),) = self._split(columns)
                self._add(key, self._convert(columns), [line])
            elif self._on_bad == "skip":
                self.skipped += 1
            else:
                raise DataRowError(self._file, trouble, f"correct the row, or remove it ({KEEP})", line)

    def _trouble(self, row: Row) -> str:
        """Why a row can't be read; empty where it can."""
        if len(row) < self._width:
            return f"{len(row)} cell{'s' if len(row) != 1 else ''} where {self._width} are needed"
        for what, index in self._columns.items():
            try:
                self._one(what, (row[index],))
            except KeyError:
                return f"{what} {str(row[index])!r} is none: " + (
                    "write true or false" if what in {"maker", "first", "complete"} else "write buy or sell, bid or ask"
                )
            except (ValueError, TypeError, OverflowError) as error:
                if what == "time":
                    return f"time: {error}"
                return (
                    f"{what} {str(row[index])!r} is no number" if row[index] not in ("", None) else f"{what} is empty"
                )
        return ""

    # -------------------------------------------------------------- blocks

    def _split(self, columns: Sequence[Row]) -> Iterable[tuple[Key, list[int] | None]]:
        """Which rows belong to which series; None means all of them."""
        if not self._named:
            return [(self._default, None)]
        cells = [columns[self._columns[what]] for what in self._named]
        keys = list(zip(*cells, strict=True))
        kinds = set(keys)
        if len(kinds) == 1:
            return [(self._key(keys[0]), None)]
        rows: dict[Key, list[int]] = {}
        by_cells = {cells: self._key(cells) for cells in kinds}
        for index, found in enumerate(keys):
            rows.setdefault(by_cells[found], []).append(index)
        return list(rows.items())

    def _key(self, cells: Sequence[object]) -> Key:
        named = {what: str(cell).strip() for what, cell in zip(self._named, cells, strict=True)}
        if "symbol" in named:
            named["symbol"] = symbol_of(named["symbol"]) or named["symbol"]
        return self._default._replace(**{what: text for what, text in named.items() if text})

    @staticmethod
    def _part(columns: Sequence[Row], picked: list[int] | None) -> Sequence[Row]:
        if picked is None:
            return columns
        return [[column[row] for row in picked] for column in columns]

    def _convert(self, columns: Sequence[Row]) -> dict[str, array[int] | array[float] | bytearray | list[str]]:
        return {
            what: self._one(what, columns[index])
            for what, index in self._columns.items()
            if what not in {"exchange", "symbol", "timeframe"}
        }

    def _one(self, what: str, cells: Row) -> array[int] | array[float] | bytearray | list[str]:
        """One column, converted; raises ValueError, KeyError or TypeError for a cell that can't be."""
        if what == "time":
            if self._times is None:
                self._times = TimeReader(cells[0])
            return self._times.read(cells)
        if what in self._numbers:
            return array("d", map(float, cells))  # type: ignore[arg-type]  # text, or what polars made of it
        if what in _TABLES:
            return bytearray(map(_TABLES[what].__getitem__, map(str, cells)))
        return list(map(str, cells))

    def _add(
        self, key: Key, found: dict[str, array[int] | array[float] | bytearray | list[str]], lines: Sequence[int]
    ) -> None:
        draft = self.drafts.get(key)
        if draft is None:
            draft = self.drafts[key] = Draft(key, self._file)
            draft.numbers = [array("d") for _ in self._numbers]
        draft.time_ms.extend(found["time"])  # type: ignore[arg-type]  # the column called time is made of integers
        for column, what in zip(draft.numbers, self._numbers, strict=True):
            column.extend(found[what])  # type: ignore[arg-type]  # and these of floats
        side = found.get("side", found.get("maker"))
        if isinstance(side, bytearray):
            draft.side += side
        first, ids, complete = found.get("first"), found.get("id"), found.get("complete")
        if isinstance(first, bytearray):
            draft.first += first
        if isinstance(ids, list):
            draft.ids += ids
        if isinstance(complete, bytearray):
            draft.incomplete += complete.count(0)
        draft.lines.extend(lines)


_TABLES: Final[dict[str, dict[str, int]]] = {
    "side": _SIDES,
    "maker": _MAKER,
    "first": _TRUTH,
    "complete": _TRUTH,
}

QUOTES: Final = ("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USD", "EUR", "GBP", "BTC", "ETH", "BNB", "TRY", "JPY")


def symbol_of(text: str) -> str:
    """A market's name as ccxt spells it: `BTCUSDT`, `BTC-USDT`, `btc_usdt` are `BTC/USDT`; empty where it is none."""
    upper = text.strip().upper()
    if "/" in upper:
        return upper
    for separator in ("-", "_"):
        base, found, quote = upper.partition(separator)
        if found and quote in QUOTES and base.isalnum():
            return f"{base}/{quote}"
    for quote in QUOTES:
        base = upper.removesuffix(quote)
        if base != upper and 2 <= len(base) <= 8 and base.isalnum() and not base.isdigit():
            return f"{base}/{quote}"
    return ""

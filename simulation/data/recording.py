"""Writes what exchanges tell into a folder that `read` understands: one compressed CSV a market, kind and day.

The recorder actor calls it, on a thread that may block; one process holds a folder. Layout and rules: docs/data.md.

    OUT/alpha/BTC-USDT/trades-2026-11-23.csv.gz     time_ms,venue_ms,id,side,price,amount
    OUT/alpha/BTC-USDT/book-2026-11-23.csv.gz       time_ms,first,side,price,amount
    OUT/alpha/BTC-USDT/candles-1m-2026-11-23.csv.gz open_ms,open,high,low,close,volume,complete

Times are when a message reached us (of candles, when they open). Each flush appends one whole gzip member (RFC 1952
lets a file have many), so that a kill tears at most the last one; that is cut off at the next start. What is known to
be missing stands in it as `#gap,from_ms,to_ms,reason`.
"""

from __future__ import annotations

import csv
import fcntl
import gzip
import os
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ganglion.messages.market import Candle, Levels
from ganglion.messages.values import Side, Symbol, path_name
from ganglion.simulation.data.errors import RecordingError
from ganglion.simulation.data.reading import GAP, MARK

COLUMNS: Final = {
    "trades": "time_ms,venue_ms,id,side,price,amount",
    "book": "time_ms,first,side,price,amount",
    "bars": "open_ms,open,high,low,close,volume,complete",
}
LOCK: Final = ".recording.lock"
IDS_KEPT: Final = 5_000
"""Trades that a venue tells again after a reconnect are known by id and time, the newest so many."""
LEVEL: Final = 6
_CHUNK: Final = 1 << 18
_GZIP: Final = 31
_DAY_MS: Final = 86_400_000


class FolderLock:
    """Keeps a second recorder out of a folder for as long as it is open."""

    def __init__(self, folder: Path) -> None:
        """Make the folder where there is none, and lock it.

        Raises:
            RecordingError: another process records into it, or it can't be made or written to.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            text = f"can't be recorded into: {error.strerror or error}"
            raise RecordingError(str(folder), text, "name a folder that you may write to") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            text = "another process records into this folder"
            raise RecordingError(str(folder), text, "stop that one, or name another folder") from None

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)


class StreamFile:
    """The files of one stream of one market: rows are gathered, and appended by `flush`."""

    def __init__(self, folder: Path, kind: str, exchange: str, symbol: Symbol, timeframe: str = "") -> None:
        """Go on where a recording ended, if there is one.

        Args:
            folder: the market's.
            kind: trades, book or bars.
            exchange: the arm's name.
            symbol: the market.
            timeframe: of bars.

        Raises:
            OSError: what is there can't be read or cut.
        """
        self._folder = folder
        self._name = f"candles-{timeframe}" if kind == "bars" else kind
        said = f"kind={kind} exchange={exchange} symbol={symbol} timeframe={timeframe}"
        self._head = f"{MARK} 1 {said}\n{COLUMNS[kind]}\n"
        self._rows: list[str] = []
        self._day = -1
        self.last_ms = 0
        """Of the last row; 0 where there is none."""
        self.known_ms = 0
        """Up to here all is accounted for, by rows or by gaps."""
        self.rows = 0
        """Written by this object, gaps not counted."""
        self.gaps = 0
        self.bytes = 0
        self.tail: list[str] = []
        """The last rows of a recording that is gone on with."""
        self.cut = 0
        """Bytes of a torn end that were cut off."""
        self._resume()

    def put(self, time_ms: int, row: str) -> bool:
        """Add a row; True where it begins the file of another day."""
        turned = self._turn_to(time_ms)
        self._rows.append(row)
        self.rows += 1
        self.last_ms = time_ms
        self.known_ms = max(self.known_ms, time_ms + 1)
        return turned

    def put_gap(self, from_ms: int, to_ms: int, reason: str) -> None:
        """Say that what came in [from, to) is missing; what was missed before the first row is no gap in anything."""
        from_ms = max(from_ms, self.known_ms)
        if to_ms <= from_ms or not self.last_ms:
            return
        self.known_ms = to_ms
        self._turn_to(max(to_ms, self.last_ms))
        self._rows.append(f"{GAP},{from_ms},{to_ms},{' '.join(reason.replace(',', ';').split())[:200]}\n")
        self.gaps += 1

    def flush(self) -> None:
        """Append what was gathered.

        Raises:
            OSError: the disk does not take it; what was gathered is still here.
        """
        if not self._rows:
            return
        path = self._path(self._day)
        path.parent.mkdir(parents=True, exist_ok=True)
        head = "" if path.exists() and path.stat().st_size else self._head
        data = gzip.compress((head + "".join(self._rows)).encode(), LEVEL, mtime=0)
        with path.open("ab") as file:
            size = file.tell()
            try:
                file.write(data)
                file.flush()
            except OSError:
                # Half a member in the middle of a file would hide all that is appended behind it.
                os.ftruncate(file.fileno(), size)
                raise
        self.bytes += len(data)
        self._rows.clear()

    def _turn_to(self, time_ms: int) -> bool:
        day = time_ms // _DAY_MS
        if day == self._day:
            return False
        self.flush()
        self._day = day
        return True

    def _path(self, day: int) -> Path:
        date = datetime.fromtimestamp(day * _DAY_MS // 1000, UTC).strftime("%Y-%m-%d")
        return self._folder / f"{self._name}-{date}.csv.gz"

    def _resume(self) -> None:
        for path in sorted(self._folder.glob(f"{self._name}-????-??-??.csv.gz"), reverse=True):
            before = path.stat().st_size
            self.tail = cut_torn_end(path)
            self.cut += before - path.stat().st_size
            rows = [row for row in self.tail if row[:1].isdigit()]
            if rows:
                self.last_ms = int(rows[-1].partition(",")[0])
                ends = [int(row.split(",")[2]) for row in self.tail if row.startswith(f"{GAP},")]
                self.known_ms = max(self.last_ms + 1, *ends, 0)
                self._day = self.last_ms // _DAY_MS
                return


def cut_torn_end(path: Path) -> list[str]:
    """Cut a file behind its last whole gzip member.

    Returns:
        The last lines of what is left, `IDS_KEPT` at most.
    """
    lines: deque[str] = deque(maxlen=IDS_KEPT)
    whole = read = 0
    with path.open("r+b") as file:
        decompressor = zlib.decompressobj(_GZIP)
        member: list[bytes] = []
        try:
            while data := file.read(_CHUNK):
                read += len(data)
                while data:
                    member.append(decompressor.decompress(data))
                    data = decompressor.unused_data
                    if decompressor.eof:
                        whole = read - len(data)
                        lines.extend(b"".join(member).decode().splitlines(keepends=True)[-IDS_KEPT:])
                        decompressor, member = zlib.decompressobj(_GZIP), []
        except zlib.error:
            pass  # a torn end may be zeros that a file system left: it goes like any other
        file.truncate(whole)
    return list(lines)


class MarketRecording:
    """What is recorded of one market."""

    def __init__(self, folder: Path, exchange: str, symbol: Symbol, timeframes: Sequence[str] = ("1m",)) -> None:
        """Open it, or go on with it.

        Args:
            folder: of the whole recording.
            exchange: the arm's name.
            symbol: the market.
            timeframes: of its candles.
        """
        place = folder / exchange / path_name(symbol)
        self.trades = StreamFile(place, "trades", exchange, symbol)
        self.book = StreamFile(place, "book", exchange, symbol)
        self.candles = {text: StreamFile(place, "bars", exchange, symbol, text) for text in timeframes}
        rows = (row for row in csv.reader(self.trades.tail) if len(row) > 5)
        self._ids = dict.fromkeys(f"{row[1]} {row[2]}" for row in rows)
        for stream in self.streams:
            stream.tail = []

    @property
    def streams(self) -> list[StreamFile]:
        """All of them."""
        return [self.trades, self.book, *self.candles.values()]

    def resumed(self, now_ms: int) -> None:
        """Say of streams that an earlier run recorded that nobody listened until now."""
        for stream in (self.trades, self.book):
            stream.put_gap(stream.known_ms, now_ms, "nobody recorded")

    def trade(self, time_ms: int, venue_ms: int, trade_id: str, side: Side, price: float, size: float) -> None:
        """Add a public trade, unless it is one that was told before."""
        trade_id = _cell(trade_id)
        if trade_id:
            known = f"{venue_ms} {trade_id}"
            if known in self._ids:
                return
            self._ids[known] = None
            if len(self._ids) > IDS_KEPT:
                del self._ids[next(iter(self._ids))]
        time_ms = max(time_ms, self.trades.last_ms)
        self.trades.put(time_ms, f"{time_ms},{venue_ms},{trade_id},{side},{price!r},{size!r}\n")

    def levels(self, time_ms: int, bids: Levels, asks: Levels, *, snapshot: bool) -> bool:
        """Add a book's levels: all of them, or those that changed; True where they begin another day's file."""
        turned = False
        time_ms = max(time_ms, self.book.last_ms)
        first = int(snapshot)
        for side, levels in (("bid", bids), ("ask", asks)):
            for price, size in levels:
                turned |= self.book.put(time_ms, f"{time_ms},{first},{side},{price!r},{size!r}\n")
                first = 0
        return turned

    def candle(self, candle: Candle) -> None:
        """Add a closed candle, unless it or a later one is there."""
        stream = self.candles[candle.timeframe]
        if candle.open_ms <= stream.last_ms:
            return
        prices = ",".join(map(repr, (candle.open, candle.high, candle.low, candle.close, candle.volume)))
        stream.put(candle.open_ms, f"{candle.open_ms},{prices},{int(candle.complete)}\n")

    def flush(self) -> None:
        """Append everything to the disk.

        Raises:
            OSError: the disk does not take it.
        """
        _flush(self.streams)


def _flush(streams: Iterable[StreamFile]) -> None:
    for stream in streams:
        stream.flush()


def _cell(text: str) -> str:
    """An id as a cell: of all that venues call their trades, none has needed more than this."""
    return text.replace(",", "_").replace('"', "_").replace("\n", "_")

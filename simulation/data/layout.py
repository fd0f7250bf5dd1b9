"""Recognises what a table of market data holds: its kind, and which column is what.

By the names in its header, or without one by what the first row looks like (ccxt's OHLCV order, the layouts of the
public dumps of Binance and Kraken). Used by reading.py; pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ganglion.simulation.data.errors import DataFileError
from ganglion.simulation.data.times import looks_like_time

KINDS: Final = ("bars", "trades", "book")
PRICES: Final = ("open", "high", "low", "close")

# In the order of preference; names are compared without case, spaces, dots and underscores.
TIMES: Final = (
    *("timems", "openms", "opentime", "timestamp", "timestampms", "unix", "unixtime", "time", "datetime", "date"),
    *("tradetime", "transacttime", "createdat", "executedat", "tsevent", "tsms", "ts", "t", "openat", "start", "begin"),
    *("localtimestamp", "receivedms", "index", "eventtime"),
)
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "time": TIMES,
    "open": ("open", "o", "openprice", "first"),
    "high": ("high", "h", "highprice", "max"),
    "low": ("low", "l", "lowprice", "min"),
    "close": ("close", "c", "closeprice", "last"),
    "volume": ("volume", "v", "vol", "basevolume", "volumebase", "basevol", "amount", "qty", "quantity"),
    "price": ("price", "p", "px", "rate", "tradeprice", "executionprice"),
    "amount": (
        "amount",
        "size",
        "qty",
        "quantity",
        "q",
        "sz",
        "baseqty",
        "baseamount",
        "volume",
        "vol",
        "v",
        "lastsize",
    ),
    "side": ("side", "takerside", "aggressor", "aggressorside", "direction", "tradeside", "type", "s"),
    "maker": ("isbuyermaker", "buyermaker", "m", "wasbuyermaker"),
    "id": ("id", "tradeid", "tid", "aggtradeid", "trdmatchid", "aggid"),
    "first": ("first", "issnapshot", "snapshot"),
    "symbol": ("symbol", "pair", "market", "instrument", "instid", "ticker", "product", "productid"),
    "exchange": ("exchange", "venue", "exch"),
    "timeframe": ("timeframe", "interval", "tf"),
    "complete": ("complete",),
}
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "bars": ("time", *PRICES, "volume"),
    "trades": ("time", "price", "amount"),
    "book": ("time", "side", "price", "amount"),
}
EXTRA: Final[dict[str, tuple[str, ...]]] = {
    "bars": ("symbol", "exchange", "timeframe", "complete"),
    "trades": ("side", "maker", "id", "symbol", "exchange"),
    "book": ("first", "symbol", "exchange"),
}
SIDE_WORDS: Final = frozenset({"buy", "sell", "bid", "ask", "b", "s", "a", "bids", "asks"})
LEVEL_WORDS: Final = frozenset({"bid", "ask", "bids", "asks", "a"})
TRUTH: Final = frozenset({"true", "false"})
KNOWN: Final = (
    "bars need time, open, high, low, close, volume; trades time, price, amount (and side); "
    "books time, side (bid or ask), price, amount"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column of a table is what."""

    kind: str
    columns: dict[str, int]
    """Index by what it is: the keys of NAMES."""
    header: bool
    note: str
    """How it was recognised, in a sentence."""


def recognise(file: str, head: Sequence[str], first: Sequence[str], kind: str | None = None) -> Layout:
    """Say what a table holds.

    Args:
        file: for errors.
        head: the cells of its first row.
        first: of its second, or of the first again where there is one only.
        kind: bars, trades or book where the caller knows.

    Raises:
        DataFileError: nobody can tell.
    """
    if kind is not None and kind not in KINDS:
        raise DataFileError(file, f"{kind!r} is no kind of data", f"say one of {', '.join(KINDS)}")
    if is_header(head):
        return _by_names(file, head, first, kind)
    found = _by_looks(head, kind)
    if found is None:
        shown = ",".join(head)[:80]
        raise DataFileError(
            file, f"without a header nobody can tell what {shown!r} is", f"put a line of names on top: {KNOWN}", 1
        )
    return found


def is_header(cells: Sequence[str]) -> bool:
    """Whether a row names columns: a cell of it is neither a number, a time, a side nor true or false."""
    words = [cell for cell in cells if cell.strip() and not _is_value(cell)]
    # A data row may hold a symbol and a venue; a header has no number at all.
    return bool(words) and not any(_is_number(cell) or looks_like_time(cell) for cell in cells)


def _is_value(cell: str) -> bool:
    return _is_number(cell) or looks_like_time(cell) or cell.strip().lower() in (SIDE_WORDS | TRUTH) - {"b", "s", "a"}


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.strip().lower() not in {"nan", "inf", "infinity"}


def plain(name: str) -> str:
    """A column's name as it is compared."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


# ------------------------------------------------------------------ by names


def _by_names(file: str, head: Sequence[str], first: Sequence[str], kind: str | None) -> Layout:
    names = [plain(name) for name in head]
    sided = _column(names, "side")
    levels = sided is not None and sided < len(first) and first[sided].strip().lower() in LEVEL_WORDS
    snapshots = _column(names, "first") is not None and _column(names, "price") is not None
    for guess in (kind,) if kind else KINDS:
        wanted = (*NEEDED[guess], *EXTRA[guess])
        columns = {what: index for what in wanted if (index := _column(names, what)) is not None}
        if guess == "book" and kind is None and not (levels or snapshots):
            continue
        if guess == "trades" and kind is None and (levels or snapshots):
            continue
        missing = [what for what in NEEDED[guess] if what not in columns]
        if not missing:
            used = ", ".join(f"{what} from {head[index].strip()!r}" for what, index in columns.items())
            return Layout(guess, columns, header=True, note=f"{guess}: {used}")
        if kind:
            text = f"no column is the {' or the '.join(missing)} of {kind}"
            raise DataFileError(file, text, f"name it so; there are {_shown(head)}", 1)
    raise DataFileError(file, f"nobody can tell what the columns {_shown(head)} hold", f"rename them: {KNOWN}", 1)


def _column(names: Sequence[str], what: str) -> int | None:
    for name in NAMES[what]:
        if name in names:
            return names.index(name)
    if what == "volume":  # `Volume BTC` and `Volume USDT` side by side: the base comes first
        return next((index for index, name in enumerate(names) if name.startswith("volume")), None)
    return None


def _shown(head: Sequence[str]) -> str:
    return ", ".join(name.strip() for name in head)[:200]


# ------------------------------------------------------------------ by looks


def _by_looks(row: Sequence[str], kind: str | None) -> Layout | None:
    """Without a header: ccxt's order, Binance's and Kraken's public dumps, or time, price, amount and a side."""
    cells = [cell.strip() for cell in row]
    candidates = [_looks_like_bars(cells), _looks_like_binance_trades(cells), _looks_like_trades(cells)]
    for found in candidates:
        if found is not None and kind in (None, found.kind):
            return found
    return None


def _looks_like_bars(cells: Sequence[str]) -> Layout | None:
    if len(cells) < 6 or not looks_like_time(cells[0]) or not all(_is_number(cell) for cell in cells[1:6]):
        return None
    open_, high, low, close = (float(cell) for cell in cells[1:5])
    if not (low <= open_ <= high and low <= close <= high):
        return None
    columns = {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
    return Layout("bars", columns, header=False, note="bars: no header, taken for time, open, high, low, close, volume")


def _looks_like_binance_trades(cells: Sequence[str]) -> Layout | None:
    """Its dumps of trades (id, price, qty, quote, time, is buyer maker, ...) and aggTrades (..., time, maker, ...)."""
    for time, maker, what in ((4, 5, "trades"), (5, 6, "aggregated trades")):
        if (
            len(cells) > maker
            and looks_like_time(cells[time])
            and cells[maker].lower() in TRUTH
            and all(map(_is_number, cells[:time]))
        ):
            columns = {"time": time, "price": 1, "amount": 2, "maker": maker, "id": 0}
            note = f"trades: no header, taken for Binance's dump of {what}"
            return Layout("trades", columns, header=False, note=note)
    return None


def _looks_like_trades(cells: Sequence[str]) -> Layout | None:
    """Time, price, amount (Kraken's dump), and a side where a column holds one."""
    if len(cells) < 3 or not looks_like_time(cells[0]) or not all(map(_is_number, cells[1:3])):
        return None
    columns = {"time": 0, "price": 1, "amount": 2}
    kind = "trades"
    for index, cell in enumerate(cells[3:], start=3):
        if cell.lower() in {"bid", "ask"}:
            kind = "book"
        if cell.lower() in SIDE_WORDS:
            columns["side"] = index
            break
        if cell.lower() in TRUTH:
            columns["maker"] = index
            break
    return Layout(kind, columns, header=False, note=f"{kind}: no header, taken for time, price, amount")

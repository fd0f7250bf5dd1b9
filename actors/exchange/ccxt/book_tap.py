"""Taps ccxt.pro's own order books: every level change becomes a BookDelta, every reset a BookSnapshot.

The exchange class hands these books out from its `order_book()` factory; no venue code is touched. ccxt
changes levels one by one while it handles a frame; what one frame changed is told as one message when the
frame is done. Sequence numbers are ours: consecutive per symbol, because venues number in many ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ccxt.async_support.base.ws.order_book import OrderBook
from ccxt.async_support.base.ws.order_book_side import Asks, Bids, CountedAsks, CountedBids

from ganglion.messages.market import BookDelta, BookSnapshot, Levels
from ganglion.messages.values import Symbol

Change = tuple[float, float]


class Tap(Protocol):
    """Who collects the changes of all books of one venue."""

    def touched(self, book: TappedBook) -> None:
        """A book changed for the first time since it was last told."""


class _Recorder:
    """What changed in one book since it was last told."""

    __slots__ = ("asks", "bids", "book", "dirty", "fresh", "reset", "tap")

    def __init__(self, tap: Tap, book: TappedBook) -> None:
        self.tap = tap
        self.book = book
        self.bids: list[Change] = []
        self.asks: list[Change] = []
        self.dirty = False
        self.fresh = True
        """Never told: the next telling is a snapshot."""
        self.reset = False
        """Replaced by a snapshot of the venue."""

    def touch(self) -> None:
        if not self.dirty:
            self.dirty = True
            self.tap.touched(self.book)


def _side(base: type[Any], name: str) -> type[Any]:
    """A book side that records; `base` is one of ccxt's, which stays as it is."""

    def store_array(self: Any, delta: list[Any]) -> None:
        if isinstance(delta[0], str):
            # some of ccxt's exchanges hand levels on as our `number: str` made them; a book's are float
            delta = [float(cell) if isinstance(cell, str) else cell for cell in delta]
        base.storeArray(self, delta)
        recorder = getattr(self, "recorder", None)
        if recorder is not None:
            gone = len(delta) > 2 and not delta[2] and base in {CountedAsks, CountedBids}
            self.changes.append((float(delta[0]), 0.0 if gone else float(delta[1])))
            recorder.touch()

    def limit(self: Any) -> None:
        cut = list(self[self._depth :]) if len(self) > self._depth else []
        base.limit(self)
        recorder = getattr(self, "recorder", None)
        if recorder is not None and cut:
            self.changes.extend((float(level[0]), 0.0) for level in cut)
            recorder.touch()

    return type(name, (base,), {"storeArray": store_array, "limit": limit})


TappedBids, TappedAsks = _side(Bids, "TappedBids"), _side(Asks, "TappedAsks")
TappedCountedBids = _side(CountedBids, "TappedCountedBids")
TappedCountedAsks = _side(CountedAsks, "TappedCountedAsks")


class TappedBook(OrderBook):
    """ccxt's order book with both sides recorded."""

    sides = (TappedBids, TappedAsks)

    def __init__(self, tap: Tap, snapshot: dict[str, Any], depth: int | None) -> None:
        bids, asks = self.sides
        super().__init__(
            {
                **snapshot,
                "bids": bids(snapshot.get("bids", []), depth),
                "asks": asks(snapshot.get("asks", []), depth),
            },
            depth,
        )
        self.symbol: Symbol | None = None
        self.recorder = _Recorder(tap, self)
        for name, changes in (("bids", self.recorder.bids), ("asks", self.recorder.asks)):
            self[name].recorder = self.recorder
            self[name].changes = changes
        if self["bids"] or self["asks"]:
            self.recorder.touch()

    def reset(self, snapshot: dict[str, Any] | None = None) -> None:
        """Replaced by a snapshot of the venue."""
        super().reset({} if snapshot is None else snapshot)
        self.recorder.fresh = self.recorder.reset = True
        self.recorder.touch()

    def copy(self) -> OrderBook:
        """A plain book with the same levels, that nobody listens to."""
        sides = {name: [list(level) for level in self[name]] for name in ("bids", "asks")}
        return OrderBook({**self, **sides}, self["asks"]._depth)  # noqa: SLF001 (ccxt's own way)

    @property
    def intact(self) -> bool:
        """False where venue code put sides of its own in: their changes are not seen."""
        bids, asks = self.sides
        return isinstance(self["bids"], bids) and isinstance(self["asks"], asks)


class TappedCountedBook(TappedBook):
    """The same for venues that count orders per level."""

    sides = (TappedCountedBids, TappedCountedAsks)


def levels_of(side: Iterable[Iterable[Any]], depth: int | None = None) -> Levels:
    """(price, size) pairs, best first."""
    out = []
    for level in side:
        price, size, *_ = level
        out.append((float(price), float(size)))
        if depth is not None and len(out) == depth:
            break
    return tuple(out)


class BookTap:
    """Numbers and tells what the books of one venue went through."""

    def __init__(
        self,
        exchange: str,
        now_s: Callable[[], float],
        tell: Callable[[BookSnapshot | BookDelta], None],
        failed: Callable[[Symbol, str], None],
        symbol_of: Callable[[TappedBook], Symbol | None],
        later: Callable[[Callable[[], None]], object],
        sequences: dict[Symbol, int] | None = None,
    ) -> None:
        """Wire it to its venue.

        Args:
            exchange: the arm's name, as it stands in the messages.
            now_s: the system's monotonic clock.
            tell: takes what is told.
            failed: a book that cannot be.
            symbol_of: the market of a book that was just made.
            later: runs something on the loop, soon.
            sequences: the last number told by symbol. Shared by the venues of all incarnations: whatever an
                older one told and nobody has handled yet is then recognised as older than the new snapshot.
        """
        self.exchange = exchange
        self._now_s = now_s
        self._tell = tell
        self._failed = failed
        self._symbol_of = symbol_of
        self._later = later
        self._sequences = {} if sequences is None else sequences
        self._touched: list[TappedBook] = []
        self.in_frame = False
        """A frame is being handled: it ends with a flush, nobody needs to plan one."""
        self.closed = False
        """Tells and numbers nothing any more: the numbers are the next incarnation's."""

    def touched(self, book: TappedBook) -> None:
        """See `Tap`."""
        if not self._touched and not self.in_frame:
            self._later(self.flush)
        self._touched.append(book)

    def flush(self) -> None:
        """Tell what changed, one message a book."""
        touched, self._touched = self._touched, []
        if self.closed:
            return
        for book in touched:
            self._flush(book)

    def tell_snapshot(self, symbol: Symbol, bids: Levels, asks: Levels) -> None:
        """Tell a whole book, from a tapped one or from a venue that bypasses the factory."""
        if self.closed:
            return
        self._tell(
            BookSnapshot(
                exchange=self.exchange,
                symbol=symbol,
                bids=bids,
                asks=asks,
                sequence=self._next(symbol),
                received_s=self._now_s(),
            )
        )

    def repeat(self, symbol: Symbol, book: TappedBook) -> None:
        """Tell a book as it stands."""
        self._flush(book)
        self.tell_snapshot(symbol, levels_of(book["bids"]), levels_of(book["asks"]))

    def _flush(self, book: TappedBook) -> None:
        recorder = book.recorder
        bids, asks = tuple(recorder.bids), tuple(recorder.asks)
        recorder.bids.clear()
        recorder.asks.clear()
        recorder.dirty = False
        symbol = book.symbol = book.symbol or self._symbol_of(book)
        if symbol is None:
            return  # dropped before it was ever told
        if not book["bids"] and not book["asks"]:
            recorder.reset = False
            self._failed(symbol, "the venue's book is empty on both sides")
            return
        if recorder.fresh:
            recorder.fresh = recorder.reset = False
            self.tell_snapshot(symbol, levels_of(book["bids"]), levels_of(book["asks"]))
        elif bids or asks:
            previous = self._sequences.get(symbol, 0)
            self._tell(
                BookDelta(
                    exchange=self.exchange,
                    symbol=symbol,
                    bids=bids,
                    asks=asks,
                    previous=previous,
                    sequence=self._next(symbol),
                    received_s=self._now_s(),
                )
            )

    def _next(self, symbol: Symbol) -> int:
        sequence = self._sequences.get(symbol, 0) + 1
        self._sequences[symbol] = sequence
        return sequence

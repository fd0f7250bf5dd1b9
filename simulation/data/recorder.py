"""Records one market: takes what the exchange actor tells its book and its candles, and writes it down.

The exchange actor tells it books (it stands where an order book actor would), trades and whether they arrive; a candle
actor tells it candles. It asks the exchange for a snapshot (ResyncBook) when a book has a gap. It lives on a thread of
its own because it writes files, and touches nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from ganglion.messages.base import Message, Request
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, Overflowed, Tick
from ganglion.messages.market import (
    BookDelta,
    BookInvalid,
    BookSnapshot,
    Candle,
    CandlesRead,
    ResyncBook,
    TradeTick,
)
from ganglion.messages.values import Symbol
from ganglion.simulation.data.recording import MarketRecording
from ganglion.supervision import Actor, Address, receives

FLUSH_S = 2.0
"""What a kill can lose; a whole compressed piece is appended each time, and smaller ones compress worse."""
ASK_AGAIN_S = 5.0
HELD_DELTAS = 1000
_FLUSH, _ASK = "flush", "ask"


class Recorded(Message, frozen=True, gc=False):
    """How much of a market was written by this incarnation, and how it stands."""

    exchange: str
    symbol: Symbol
    trades: int
    levels: int
    candles: int
    gaps: int
    bytes: int
    book_lost: str
    """Why the book is not recorded just now; empty while it is."""
    trades_lost: str
    last_trade_ms: int
    last_book_ms: int


class ReadRecorded(Request[Recorded], frozen=True, gc=False):
    """Ask how much was written."""


RecorderMessage: TypeAlias = (
    BookSnapshot
    | BookDelta
    | BookInvalid
    | TradeTick
    | CandlesRead
    | ConnectionChanged
    | Candle
    | Overflowed
    | Tick
    | ReadRecorded
)
"""The protocol of a market's recorder."""


class RecorderActor(Actor[RecorderMessage]):
    """One market's recorder. A book is written from a snapshot on, and only while each change follows the last."""

    def __init__(
        self, exchange: str, symbol: Symbol, venue: Address[ResyncBook], open_recording: Callable[[], MarketRecording]
    ) -> None:
        """Wire it.

        Args:
            exchange: the arm's name.
            symbol: the market.
            venue: its exchange actor.
            open_recording: opens the files, or goes on with them; called by each incarnation.
        """
        self._exchange = exchange
        self._symbol = symbol
        self._venue = venue
        self._open = open_recording
        self._book_lost = "no snapshot yet"
        self._book_lost_ms = 0
        self._sequence = 0
        self._held: deque[BookDelta] = deque(maxlen=HELD_DELTAS)
        self._trades_lost = ""
        self._trades_lost_ms = 0

    def on_start(self) -> None:
        """Open the files; what an earlier run or incarnation did not hear is a gap."""
        self._recording = self._open()
        self._recording.resumed(self.clock.now_ms())
        if self.incarnation > 1:
            self._ask()
        self.after(FLUSH_S, Tick(key=_FLUSH))

    def on_stop(self) -> None:
        """Write what is gathered."""
        if hasattr(self, "_recording"):  # else it never started
            self._recording.flush()

    # -------------------------------------------------------------- trades and candles

    @receives
    def trade(self, message: TradeTick) -> None:
        """Write a trade down."""
        if self._trades_lost:
            self._trades_back()
        self._recording.trade(
            self._wall_ms(message.received_s),
            message.timestamp_ms,
            message.trade_id,
            message.side,
            message.price,
            message.size,
        )

    @receives
    def connection(self, message: ConnectionChanged) -> None:
        """Trades are missed while they don't arrive."""
        if message.state is not ConnectionState.LIVE:
            self._lose_trades(message.reason)
        elif self._trades_lost:
            self._trades_back()

    @receives
    def candle(self, message: Candle) -> None:
        """Write a closed candle down."""
        self._recording.candle(message)

    @receives
    def candles_read(self, message: CandlesRead) -> None:
        """An answer to a candle actor: it is none of ours."""

    def _lose_trades(self, reason: str) -> None:
        if not self._trades_lost:
            self._trades_lost = f"not connected: {reason}"
            self._trades_lost_ms = self.clock.now_ms()

    def _trades_back(self) -> None:
        self._recording.trades.put_gap(self._trades_lost_ms, self.clock.now_ms(), self._trades_lost)
        self._trades_lost = ""

    # -------------------------------------------------------------- the book

    @receives
    def snapshot(self, message: BookSnapshot) -> None:
        """Begin again from a whole book, then apply what was held back."""
        time_ms = self._wall_ms(message.received_s)
        if self._book_lost_ms:
            self._recording.book.put_gap(self._book_lost_ms, time_ms, self._book_lost)
        self._book_lost, self._book_lost_ms = "", 0
        self._sequence = message.sequence
        if not message.bids and not message.asks:
            # No row can say it; what is applied to it later would be applied to the book before.
            self._lose_book("the book is empty")
            self._ask()
            return
        self._recording.levels(time_ms, message.bids, message.asks, snapshot=True)
        held, self._held = self._held, deque(maxlen=HELD_DELTAS)
        if message.sequence:
            for delta in held:
                self.delta(delta)

    @receives
    def delta(self, message: BookDelta) -> None:
        """Write a change down, if it follows what was written before."""
        if self._book_lost:
            self._held.append(message)
            return
        if message.previous != self._sequence:
            if message.sequence <= self._sequence:
                return
            if message.previous > self._sequence:
                self._held.append(message)
                self._lose_book(f"gap: the book is at {self._sequence} and the next change follows {message.previous}")
                self._ask()
                return
        self._sequence = message.sequence
        time_ms = self._wall_ms(message.received_s)
        if self._recording.levels(time_ms, message.bids, message.asks, snapshot=False):
            # Each day's file can be read by itself once a snapshot stands near its beginning.
            self._venue.tell(ResyncBook(self._symbol, "a new day's file"))

    @receives
    def book_invalid(self, message: BookInvalid) -> None:
        """The stream is broken; the exchange sends a snapshot once it is back."""
        self._held.clear()
        self._lose_book(message.reason)

    @receives
    def overflowed(self, message: Overflowed) -> None:
        """Messages were dropped because the disk was too slow: they are missing."""
        reason = f"{message.count} {message.type} dropped: the recorder could not keep up"
        self.log.warning("recording overflowed", symbol=self._symbol, type=message.type, dropped=message.count)
        if message.type == TradeTick.__name__:
            self._recording.trades.put_gap(self._recording.trades.known_ms, self.clock.now_ms(), reason)
        elif message.type in {BookDelta.__name__, BookInvalid.__name__}:
            self._held.clear()
            self._lose_book(reason)
            self._ask()

    def _lose_book(self, reason: str) -> None:
        if not self._book_lost:
            self._book_lost_ms = self.clock.now_ms()
            self.log.info("book not recorded", symbol=self._symbol, reason=reason)
        self._book_lost = reason

    def _ask(self) -> None:
        """Ask for a snapshot, and again until one comes."""
        if self._book_lost:
            self._venue.tell(ResyncBook(self._symbol, self._book_lost))
            self.after(ASK_AGAIN_S, Tick(key=_ASK))

    # -------------------------------------------------------------- beside it

    @receives
    def tick(self, message: Tick) -> None:
        """Write what is gathered, or ask for a book again."""
        if message.key == _ASK:
            self._ask()
            return
        self._recording.flush()
        self.after(FLUSH_S, Tick(key=_FLUSH))

    @receives
    def read(self, message: ReadRecorded) -> Recorded:
        """How much there is."""
        recording = self._recording
        return Recorded(
            exchange=self._exchange,
            symbol=self._symbol,
            trades=recording.trades.rows,
            levels=recording.book.rows,
            candles=sum(stream.rows for stream in recording.candles.values()),
            gaps=recording.trades.gaps + recording.book.gaps,
            bytes=sum(stream.bytes for stream in recording.streams),
            book_lost=self._book_lost,
            trades_lost=self._trades_lost,
            last_trade_ms=recording.trades.last_ms,
            last_book_ms=recording.book.last_ms,
        )

    def _wall_ms(self, received_s: float) -> int:
        """When a message reached us, by the clock on the wall."""
        return self.clock.now_ms() - round((self.clock.monotonic_s() - received_s) * 1000)

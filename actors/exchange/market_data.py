"""The public side of an exchange actor: streams of books and trades, their loss and return, candles by request.

Called by actor.py in its turns. Books and candles are told directly, by symbol; a lost stream invalidates its
own symbol only. A silent book stream is compared with the venue's book before its client is dropped.
"""

from __future__ import annotations

from functools import partial

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.budget import Priority
from ganglion.actors.exchange.connection import ReconnectBackoff
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, Failure
from ganglion.messages.market import (
    BookDelta,
    BookInvalid,
    BookSnapshot,
    CandlesRead,
    CandlesRequest,
    ResyncBook,
    Ticker,
    TradeTick,
)
from ganglion.messages.values import Symbol
from ganglion.messages.venue import (
    BookFetched,
    CandlesFetched,
    DropClient,
    FetchBook,
    FetchCandles,
    RepeatBook,
    Stream,
    StreamKind,
    Unwatch,
    VenueReply,
    Watch,
)

CANDLE_RETRIES = 3
REPEATS, REPEATS_WITHIN_S = 3, 10.0
"""A book that has to be repeated more often than that is connected anew."""


class MarketData:
    """Public streams of one arm."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self.up: set[Stream] = set()
        self.wanted: dict[Stream, None] = {}
        """An ordered set."""
        self.updates = 0
        """Book messages so far."""
        self._heard_s: dict[Symbol, float] = {}
        self._backoffs: dict[Stream, ReconnectBackoff] = {}
        self._comparing: set[Symbol] = set()
        self._repeats: dict[Symbol, list[float]] = {}

    # -------------------------------------------------------------- streams

    def start(self) -> None:
        """Watch everything that is wanted, offered and not up."""
        settings = self.arm.settings
        kinds = [StreamKind.BOOK]
        kinds += [StreamKind.TRADES] if settings.trades else []
        kinds += [StreamKind.TICKER] if settings.tickers else []
        for symbol in settings.symbols:
            for kind in kinds:
                if symbol not in self.arm.parked and self.arm.offers(kind):
                    self.wanted[Stream(kind=kind, symbol=symbol)] = None
        for stream in self.wanted:
            if stream not in self.up:
                self._watch(stream)

    def stop(self, symbol: Symbol) -> None:
        """Want nothing of one market any more."""
        self._let_go([stream for stream in self.wanted if stream.symbol == symbol])

    def go_without(self, kind: StreamKind) -> None:
        """Want no stream of one kind any more: the venue does not give it to us."""
        self._let_go([stream for stream in self.wanted if stream.kind is kind])

    def _let_go(self, gone: list[Stream]) -> None:
        for stream in gone:
            del self.wanted[stream]
            self.up.discard(stream)
            self.arm.sender.order(partial(_unwatch, stream))

    def came_up(self, stream: Stream) -> None:
        """A stream is connected and subscribed."""
        self.up.add(stream)
        self._backoff(stream).came_up(self.arm.now_s)
        symbol = str(stream.symbol)
        if stream.kind is StreamKind.BOOK:
            self._heard_s[symbol] = self.arm.now_s
        if stream.kind is StreamKind.TRADES and self.arm.live:
            self._tell_candles(symbol, ConnectionState.LIVE, "trades are back")

    def failures_of(self, stream: Stream) -> int:
        """Count one more end of a stream; how often it ended without a healthy stretch in between."""
        return self._backoff(stream).failed(self.arm.now_s)

    def went_down(self, stream: Stream, failure: Failure) -> None:
        """A stream ended: its symbol is not to be decided on; it is watched again after a pause."""
        self.up.discard(stream)
        if stream not in self.wanted:
            return
        symbol = str(stream.symbol)
        if stream.kind is StreamKind.BOOK:
            self.invalidate(symbol, f"disconnected: {failure.text}")
        if stream.kind is StreamKind.TRADES:
            self._tell_candles(symbol, ConnectionState.CONNECTING, f"trades lost: {failure.text}")
        self.arm.host.wake(f"watch:{stream.kind}:{symbol}", self._backoff(stream).delay_s(self.arm.dice))

    def again(self, key: str) -> None:
        """The pause of a lost stream is over (key as given to `wake`)."""
        _, kind, symbol = key.split(":", 2)
        stream = Stream(kind=StreamKind(kind), symbol=symbol)
        if stream in self.wanted and stream not in self.up and not self.arm.stopped:
            self._watch(stream)

    def invalidate(self, symbol: Symbol, reason: str) -> None:
        """Tell a book that it is not fed."""
        self.arm.tell_book(symbol, BookInvalid(self.arm.name, symbol, reason))

    def _watch(self, stream: Stream) -> None:
        self.arm.sender.order(lambda number: Watch(number, stream))

    def _backoff(self, stream: Stream) -> ReconnectBackoff:
        return self._backoffs.setdefault(stream, ReconnectBackoff())

    def _tell_candles(self, symbol: Symbol, state: ConnectionState, reason: str) -> None:
        arm = self.arm
        arm.tell_candles(symbol, ConnectionChanged(arm.name, state, arm.epoch, reason, arm.now_s))

    # -------------------------------------------------------------- data

    def snapshot(self, message: BookSnapshot) -> None:
        """A whole book."""
        self.updates += 1
        self._heard_s[message.symbol] = message.received_s
        self.arm.tell_book(message.symbol, message)

    def delta(self, message: BookDelta) -> None:
        """A change of a book."""
        self.updates += 1
        symbol = message.symbol
        self._heard_s[symbol] = message.received_s
        book = self.arm.wiring.books.get(symbol)
        if book is not None:
            book.tell(message)

    def trade(self, message: TradeTick) -> None:
        """A public trade: to the symbol's candles, and to whoever subscribed."""
        self.arm.tell_candles(message.symbol, message)
        self.arm.host.publish(message)

    def ticker(self, message: Ticker) -> None:
        """The venue's summary."""
        self.arm.host.publish(message)

    # -------------------------------------------------------------- silence and resync

    def resync(self, request: ResyncBook) -> None:
        """A book wants a snapshot. What we lost is told again; what the venue may have stopped sending is checked."""
        symbol = request.symbol
        stream = Stream(kind=StreamKind.BOOK, symbol=symbol)
        if symbol in self.arm.parked:
            self.invalidate(symbol, self.arm.parked[symbol])
        elif stream not in self.up:
            return  # a snapshot comes first thing when it is
        elif request.reason.startswith("stale"):
            self._compare(symbol, repeat=True)
        elif request.reason.startswith("crossed") or self._too_often(symbol):
            self._drop(symbol, request.reason)
        else:
            self.arm.sender.order(lambda number: RepeatBook(number, symbol))

    def look_for_silence(self) -> None:
        """Compare every book whose stream has been silent for too long."""
        now = self.arm.now_s
        for stream in self.wanted:
            symbol = str(stream.symbol)
            silent_s = now - self._heard_s.get(symbol, now)
            if stream in self.up and stream.kind is StreamKind.BOOK and silent_s >= self.arm.settings.silent_s:
                self._compare(symbol, repeat=False)

    def _too_often(self, symbol: Symbol) -> bool:
        now = self.arm.now_s
        recent = [at for at in self._repeats.get(symbol, []) if now - at < REPEATS_WITHIN_S]
        self._repeats[symbol] = [*recent, now]
        return len(recent) >= REPEATS

    def _compare(self, symbol: Symbol, *, repeat: bool) -> None:
        if symbol in self._comparing:
            return
        self._comparing.add(symbol)

        def done(reply: VenueReply) -> None:
            self._comparing.discard(symbol)
            if isinstance(reply, BookFetched):
                self._compared(reply, repeat=repeat)

        def failed(_failure: Failure) -> None:
            self._comparing.discard(symbol)

        depth = min(self.arm.settings.book_depth, 100)
        self.arm.fetch(lambda number: FetchBook(number, symbol, depth), Priority.POLL, done, failed)

    def _compared(self, book: BookFetched, *, repeat: bool) -> None:
        symbol, now = book.symbol, self.arm.now_s
        bid = book.bids[0][0] if book.bids else None
        ask = book.asks[0][0] if book.asks else None
        silent_s = now - self._heard_s.get(symbol, now)
        if (bid, ask) == (book.streamed_bid, book.streamed_ask):
            if repeat:
                self.arm.sender.order(lambda number: RepeatBook(number, symbol))
            else:
                self._heard_s[symbol] = now  # a quiet market: looked at again after another silence
        elif silent_s >= self.arm.settings.silent_s:
            self._drop(symbol, f"silent for {silent_s:.0f} s while the venue's book moved")

    def _drop(self, symbol: Symbol, reason: str) -> None:
        stream = Stream(kind=StreamKind.BOOK, symbol=symbol)
        self.arm.log.warning("book stream dropped", symbol=symbol, reason=reason)
        self.arm.sender.order(lambda number: DropClient(number, stream, reason))

    # -------------------------------------------------------------- candles

    def candles(self, request: CandlesRequest) -> None:
        """Read the venue's own candles."""

        def make(number: int) -> FetchCandles:
            return FetchCandles(number, request.symbol, request.timeframe, request.since_ms, request.limit)

        def done(reply: VenueReply) -> None:
            if isinstance(reply, CandlesFetched):
                self._tell_read(request, reply, None)

        def failed(failure: Failure) -> None:
            self._tell_read(request, None, f"{failure.error}: {failure.text}")

        if request.symbol in self.arm.parked or self.arm.stopped:
            self._tell_read(request, None, self.arm.parked.get(request.symbol) or self.arm.stopped)
        else:
            self.arm.fetch(make, Priority.POLL, done, failed, CANDLE_RETRIES)

    def _tell_read(self, request: CandlesRequest, reply: CandlesFetched | None, error: str | None) -> None:
        candles = self.arm.wiring.candles.get((request.symbol, request.timeframe))
        if candles is not None:
            read = () if reply is None else reply.candles
            candles.tell(CandlesRead(request.symbol, request.timeframe, read, self.arm.venue_ms, error))


def _unwatch(stream: Stream, number: int) -> Unwatch:
    return Unwatch(number, stream)

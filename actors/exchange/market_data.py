"""The public side of an exchange actor: streams of books and trades, their loss and return, candles by request.

Called by actor.py in its turns. Books and candles are told directly, by symbol; a lost stream invalidates its
own symbol only. A silent book stream is compared with the venue's book before its client is dropped; meanwhile, and
while a stream cannot be had, public_polling.py stands in for it.
"""

from __future__ import annotations

from functools import partial

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.budget import Priority
from ganglion.actors.exchange.connection import ReconnectBackoff
from ganglion.actors.exchange.public_polling import ANSWERING, PublicPolling
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
    FetchTrades,
    PublicTradesFetched,
    RepeatBook,
    Stream,
    StreamKind,
    Unwatch,
    VenueReply,
    Watch,
)

CANDLE_RETRIES = 3
IN_FLIGHT_MS = 2_000
"""A public trade older than that should have come by its stream."""
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
        self._differed_s: dict[Symbol, float | None] = {}
        """What `_heard_s` was when the venue's book was found to differ."""
        self._down_s: dict[Stream, tuple[float, str]] = {}
        """Since when a wanted stream is not up, and why."""
        self._trade: dict[Symbol, tuple[float, int]] = {}
        """When the last public trade came (or was missed in vain), and the venue's time of it."""
        self.polling = PublicPolling(arm, self._drop)
        self.polling.behind = self._silent_s

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
                    stream = Stream(kind=kind, symbol=symbol)
                    self.wanted[stream] = None
                    if stream not in self.up:
                        self._down_s.setdefault(stream, (self.arm.now_s, "it has not come up"))
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
            self._down_s.pop(stream, None)
            self.polling.end(stream, "not wanted any more")
            self.arm.sender.order(partial(_unwatch, stream))

    def came_up(self, stream: Stream) -> None:
        """A stream is connected and subscribed."""
        self.up.add(stream)
        self._backoff(stream).came_up(self.arm.now_s)
        self._down_s.pop(stream, None)
        symbol = str(stream.symbol)
        if stream.kind is StreamKind.BOOK:
            self._heard_s[symbol] = self.arm.now_s
        if stream.kind is StreamKind.TRADES:
            self._trade[symbol] = (self.arm.now_s, self.arm.venue_ms)
            polled = self.polling.polled.get(stream)
            if polled is not None and not polled.doubtful:
                self.polling.end(stream, "it is up again")
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
        since_s, _ = self._down_s.get(stream, (self.arm.now_s, ""))
        self._down_s[stream] = (since_s, f"{failure.error}: {failure.text}")
        symbol = str(stream.symbol)
        if stream.kind is StreamKind.BOOK and stream not in self.polling.polled:
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
        if self.polling.polled:
            stream = Stream(kind=StreamKind.BOOK, symbol=message.symbol)
            polled = self.polling.polled.get(stream)
            if polled is not None and not polled.doubtful:
                self.polling.end(stream, "it delivers again")
        self.arm.tell_book(message.symbol, message)

    def delta(self, message: BookDelta) -> None:
        """A change of a book."""
        self.updates += 1
        symbol = message.symbol
        self._heard_s[symbol] = message.received_s
        if self.polling.polled:
            self._delivers(symbol)
        book = self.arm.wiring.books.get(symbol)
        if book is not None:
            book.tell(message)

    def trade(self, message: TradeTick) -> None:
        """A public trade: to the symbol's candles, and to whoever subscribed."""
        self._trade[message.symbol] = (self.arm.now_s, message.timestamp_ms)
        if self.polling.polled:
            stream = Stream(kind=StreamKind.TRADES, symbol=message.symbol)
            if stream in self.polling.polled:
                self.polling.end(stream, "it delivers again")
                self._tell_candles(message.symbol, ConnectionState.LIVE, "trades are back")
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
        elif stream in self.polling.polled or stream not in self.up:
            return  # a snapshot comes first thing when it is
        elif request.reason.startswith("stale"):
            self._compare(symbol, repeat=True)
        elif request.reason.startswith("crossed") or self._too_often(symbol):
            self._drop(stream, request.reason)
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

    def look_for_missing(self) -> None:
        """Stand in for streams that have not come up for too long; see whether silent trades are really none."""
        arm, now = self.arm, self.arm.now_s
        if arm.stopped or arm.connection.state not in ANSWERING:
            return
        for stream, (since_s, why) in list(self._down_s.items()):
            if now - since_s >= arm.settings.poll_after_s and stream.kind is not StreamKind.TICKER:
                self.polling.begin(stream, f"not up for {now - since_s:.0f} s, {why}")
        for stream in [stream for stream in self.wanted if stream in self.up and stream.kind is StreamKind.TRADES]:
            heard_s, _ = self._trade.get(str(stream.symbol), (now, 0))
            if now - heard_s >= arm.settings.silent_s and arm.capabilities.fetch_trades:
                self._look_for_trades(stream)

    def _look_for_trades(self, stream: Stream) -> None:
        """The venue's own trades of late: none that the stream should have told?"""
        symbol, arm = str(stream.symbol), self.arm
        _, last_ms = self._trade[symbol]
        self._trade[symbol] = (arm.now_s, last_ms)

        def done(reply: VenueReply) -> None:
            if not isinstance(reply, PublicTradesFetched) or self._trade[symbol][1] != last_ms:
                return  # one has come meanwhile
            before_ms = arm.venue_ms - IN_FLIGHT_MS
            missed = [trade for trade in reply.trades if last_ms + IN_FLIGHT_MS < trade.timestamp_ms < before_ms]
            if missed and stream in self.up:
                why = f"silent for {arm.settings.silent_s:.0f} s while the venue had {len(missed)} trades or more"
                self._tell_candles(symbol, ConnectionState.LIVE, "trades were missed")
                self.polling.begin(stream, why, silent=True)
                self._drop(stream, why)

        def failed(failure: Failure) -> None:
            arm.log.info("trades not looked for", symbol=symbol, error=failure.error, text=failure.text)

        arm.fetch(lambda number: FetchTrades(number, symbol, 20), Priority.POLL, done, failed)

    def _delivers(self, symbol: Symbol) -> None:
        """A change of a book that is polled: its stream is alive, and what is kept of it is the newer one."""
        stream = Stream(kind=StreamKind.BOOK, symbol=symbol)
        if stream in self.polling.polled:
            self.polling.end(stream, "it delivers again")
            self.arm.sender.order(lambda number: RepeatBook(number, symbol))

    def _silent_s(self, stream: Stream) -> float | None:
        if stream not in self.up:
            return None
        return self.arm.now_s - self._heard_s.get(str(stream.symbol), self.arm.now_s)

    def _too_often(self, symbol: Symbol) -> bool:
        now = self.arm.now_s
        recent = [at for at in self._repeats.get(symbol, []) if now - at < REPEATS_WITHIN_S]
        self._repeats[symbol] = [*recent, now]
        return len(recent) >= REPEATS

    def _compare(self, symbol: Symbol, *, repeat: bool) -> None:
        if symbol in self._comparing or Stream(kind=StreamKind.BOOK, symbol=symbol) in self.polling.polled:
            return
        self._comparing.add(symbol)
        asked_s = self.arm.now_s

        def done(reply: VenueReply) -> None:
            self._comparing.discard(symbol)
            if isinstance(reply, BookFetched):
                self._compared(reply, asked_s, repeat=repeat)

        def failed(_failure: Failure) -> None:
            self._comparing.discard(symbol)

        depth = min(self.arm.settings.book_depth, 100)
        self.arm.fetch(lambda number: FetchBook(number, symbol, depth), Priority.POLL, done, failed)

    def _compared(self, book: BookFetched, asked_s: float, *, repeat: bool) -> None:
        symbol, now = book.symbol, self.arm.now_s
        bid = book.bids[0][0] if book.bids else None
        ask = book.asks[0][0] if book.asks else None
        silent_s = now - self._heard_s.get(symbol, now)
        if (bid, ask) == (book.streamed_bid, book.streamed_ask):
            if repeat:
                self.arm.sender.order(lambda number: RepeatBook(number, symbol))
            else:
                self._heard_s[symbol] = now  # a quiet market: looked at again after another silence
        elif silent_s < min(self.arm.settings.poll_after_s, self.arm.settings.silent_s):
            pass  # not decided on, and not yet replaced
        elif self._differed_s.get(symbol) != self._heard_s.get(symbol):
            # the change may be on its way: only what still differs at a second look was missed
            self._differed_s[symbol] = self._heard_s.get(symbol)
            self._compare(symbol, repeat=repeat)
        else:
            stream = Stream(kind=StreamKind.BOOK, symbol=symbol)
            self.polling.begin(stream, f"silent for {silent_s:.0f} s while the venue's book moved", silent=True)
            self.polling.tell_book(stream, book, asked_s)

    def _drop(self, stream: Stream, reason: str) -> None:
        self.arm.log.warning("stream dropped", stream=stream.kind, symbol=stream.symbol, reason=reason)
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

"""Books and trades by request, while their stream is silent or cannot be had and the venue answers all the same.

Called by market_data.py and by actor.py's timers. A polled book is as old as its request: it goes stale like any other.
Public trades go to whoever subscribed; candles are read whole from the venue instead, so that none is counted twice.
What is polled, since when and why is published as Degraded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganglion.actors.exchange.arm import Arm
from ganglion.actors.exchange.budget import Priority
from ganglion.actors.exchange.sender import Asked
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, Failure
from ganglion.messages.market import BookSnapshot
from ganglion.messages.venue import (
    BookFetched,
    FetchBook,
    FetchTrades,
    PublicTradesFetched,
    Stream,
    StreamKind,
    VenueReply,
    VenueRequest,
)

BOOK_S, TRADES_S, CANDLES_S = 2.0, 5.0, 10.0
"""From one answer to the next request."""
TRADES = 100
RELAPSE_S = 60.0
"""A stream that is replaced again so soon has to deliver more than its first book before it is believed."""
TIMER = "rest"
ANSWERING = frozenset({ConnectionState.SYNCING, ConnectionState.LIVE})


@dataclass(slots=True)
class Polled:
    """One stream that requests stand in for."""

    since_s: float
    why: str
    doubtful: bool
    """It was up and said nothing, or failed a moment ago too: that it is up, or its first book, proves nothing."""
    last_ms: int | None = None
    """Of public trades: the time of the newest that was told, and the ids of that millisecond."""
    last_ids: frozenset[str] = frozenset()
    candles_s: float = 0.0
    """When candles were last told to read."""


class PublicPolling:
    """What is polled of one arm's public data."""

    def __init__(self, arm: Arm, drop: Callable[[Stream, str], None]) -> None:
        """`drop` closes the connection of a stream that is behind the venue."""
        self.arm = arm
        self.polled: dict[Stream, Polled] = {}
        self.behind: Callable[[Stream], float | None] = lambda _stream: None
        """Seconds that a stream which is up has been silent; None where it is not up."""
        self._drop = drop
        self._ended_s: dict[Stream, float] = {}
        self._waits: set[Stream] = set()
        """Whose next request is planned or under way."""

    def begin(self, stream: Stream, why: str, *, silent: bool = False) -> None:
        """Stand in for a stream, from now on; `silent`: it is up, so that being up is no proof of it."""
        if stream in self.polled or not self._possible(stream):
            return
        arm, now = self.arm, self.arm.now_s
        ended_s = self._ended_s.get(stream)
        doubtful = ended_s is not None and now - ended_s < RELAPSE_S
        self.polled[stream] = Polled(now, why, doubtful or silent)
        arm.log.warning("stream polled", stream=stream.kind, symbol=stream.symbol, reason=why)
        arm.host.publish(Degraded(arm.name, _name(stream), f"polled by request: {why}", now))
        self._poll(stream)

    def end(self, stream: Stream, why: str) -> None:
        """The stream delivers again, or is not wanted any more."""
        polled = self.polled.pop(stream, None)
        if polled is None:
            return
        arm, now = self.arm, self.arm.now_s
        self._ended_s[stream] = now
        after_s = round(now - polled.since_s, 1)
        arm.log.warning("no longer polled", stream=stream.kind, symbol=stream.symbol, after_s=after_s, reason=why)
        arm.host.publish(Degraded(arm.name, _name(stream), "", now))

    def again(self, key: str) -> None:
        """A timer of ours (key as given to `wake`)."""
        _, kind, symbol = key.split(":", 2)
        stream = Stream(kind=StreamKind(kind), symbol=symbol)
        self._waits.discard(stream)
        if stream in self.polled:
            self._poll(stream)

    def _possible(self, stream: Stream) -> bool:
        return stream.kind is StreamKind.BOOK or stream.kind is StreamKind.TRADES

    def _later(self, stream: Stream, delay_s: float) -> None:
        if stream in self.polled:
            self._waits.add(stream)
            self.arm.host.wake(f"{TIMER}:{stream.kind}:{stream.symbol}", delay_s)

    def _poll(self, stream: Stream) -> None:
        if stream in self._waits:
            return
        if self.arm.connection.state not in ANSWERING:
            self._later(stream, BOOK_S)  # the link probes by itself; nothing else should knock meanwhile
        elif stream.kind is StreamKind.BOOK:
            self._poll_book(stream)
        else:
            self._poll_trades(stream)

    def _ask(
        self,
        stream: Stream,
        make: Callable[[int], VenueRequest],
        take: Callable[[VenueReply, float], None],
        pause_s: float,
    ) -> None:
        sent_s = self.arm.now_s

        def sent() -> None:
            nonlocal sent_s
            sent_s = self.arm.now_s

        def done(reply: VenueReply) -> None:
            self._waits.discard(stream)
            if stream in self.polled:
                take(reply, sent_s)
            self._later(stream, pause_s)

        def failed(failure: Failure) -> None:
            self._waits.discard(stream)
            self.arm.log.info("not polled", stream=stream.kind, symbol=stream.symbol, error=failure.error)
            self._later(stream, pause_s)

        self._waits.add(stream)
        self.arm.sender.take(Asked(make=make, priority=Priority.POLL, done=done, failed=failed, sent=sent))

    # -------------------------------------------------------------- books

    def _poll_book(self, stream: Stream) -> None:
        symbol = str(stream.symbol)
        depth = min(self.arm.settings.book_depth, 100)

        def take(reply: VenueReply, sent_s: float) -> None:
            if isinstance(reply, BookFetched):
                self.tell_book(stream, reply, sent_s)

        self._ask(stream, lambda number: FetchBook(number, symbol, depth), take, BOOK_S)

    def tell_book(self, stream: Stream, book: BookFetched, asked_s: float) -> None:
        """Hand a read book on: without a number, and no younger than its request."""
        arm, symbol = self.arm, str(stream.symbol)
        arm.tell_book(symbol, BookSnapshot(arm.name, symbol, book.bids, book.asks, 0, asked_s))
        silent_s = self.behind(stream)
        if silent_s is not None and silent_s >= arm.settings.silent_s and _differs(book):
            self._drop(stream, f"silent for {silent_s:.0f} s while the venue's book moved")

    # -------------------------------------------------------------- trades

    def _poll_trades(self, stream: Stream) -> None:
        symbol = str(stream.symbol)
        self._poll_candles(stream)
        if not self.arm.capabilities.fetch_trades:
            self._later(stream, TRADES_S)
            return

        def take(reply: VenueReply, _sent_s: float) -> None:
            if isinstance(reply, PublicTradesFetched):
                self._tell_trades(stream, reply)

        self._ask(stream, lambda number: FetchTrades(number, symbol, TRADES), take, TRADES_S)

    def _tell_trades(self, stream: Stream, reply: PublicTradesFetched) -> None:
        polled = self.polled[stream]
        newest = max((trade.timestamp_ms for trade in reply.trades), default=0)
        last_ms = newest if polled.last_ms is None else polled.last_ms
        if polled.last_ms is not None:
            for trade in reply.trades:
                told = trade.timestamp_ms == last_ms and trade.trade_id in polled.last_ids
                if trade.timestamp_ms >= last_ms and not told:
                    self.arm.host.publish(trade)
        if newest >= last_ms:
            ids = [trade.trade_id for trade in reply.trades if trade.timestamp_ms == newest]
            polled.last_ms, polled.last_ids = newest, frozenset(ids)

    def _poll_candles(self, stream: Stream) -> None:
        arm, polled, now = self.arm, self.polled[stream], self.arm.now_s
        if now - polled.candles_s >= CANDLES_S and arm.live:
            polled.candles_s = now
            reason = "trades are polled: read the candles"
            arm.tell_candles(
                str(stream.symbol), ConnectionChanged(arm.name, ConnectionState.LIVE, arm.epoch, reason, now)
            )


def _name(stream: Stream) -> str:
    return f"{stream.kind} {stream.symbol}"


def _differs(book: BookFetched) -> bool:
    bid = book.bids[0][0] if book.bids else None
    ask = book.asks[0][0] if book.asks else None
    return (bid, ask) != (book.streamed_bid, book.streamed_ask)

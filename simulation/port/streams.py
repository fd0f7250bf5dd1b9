"""The streams of one simulated port: subscribed, told in order with a latency, ended.

The exchange hands over what happened (`flush`, `private`); each stream's messages keep their order. What a fault does
to frames is in `frames.py`; without one that is on, nothing there is called.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from ganglion.messages.lifecycle import Failure, Operation
from ganglion.messages.market import BookDelta, BookSnapshot, Levels, Ticker
from ganglion.messages.orders import Phase
from ganglion.messages.values import Side, Symbol
from ganglion.messages.venue import BalancesStreamed, FromVenue, Stream, StreamDown, StreamKind, StreamUp
from ganglion.simulation.faults.fault import FaultKind
from ganglion.simulation.port import frames, rendering
from ganglion.simulation.port.failures import failure
from ganglion.simulation.port.frame import Frame

if TYPE_CHECKING:
    from ganglion.simulation.port.exchange import SimulatedExchange
    from ganglion.simulation.port.port import SimulatedVenue
    from ganglion.simulation.world.timeline import Timer

QUIET_S, ACK_S, BOOK_S = 1.0, 5.0, 10.0
"""As the real adapter: a public stream counts as subscribed when nothing was said for so long, a private one is given
up when it was not confirmed by then, a book when none has come."""
TICKER_S = 1.0


Told: TypeAlias = FromVenue | Frame
Batch: TypeAlias = "list[tuple[Live, Told]]"


class Live:
    """One stream that is watched."""

    __slots__ = (
        "asks",
        "behind",
        "bids",
        "confirmed",
        "deaf",
        "held",
        "over",
        "private",
        "stream",
        "symbol",
        "ticker_s",
    )

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.private = stream.kind.private
        self.symbol = str(stream.symbol)
        self.confirmed = False
        """The venue has the subscription: it is told what happens from then on."""
        self.deaf = False
        """It counts as up, and the venue never heard of it."""
        self.over = False
        """What is still on its way is told to nobody."""
        self.behind = False
        """A frame of its book was lost on its way."""
        self.held: Told | None = None
        """A frame that the next one overtakes."""
        self.bids: dict[float, float] = {}
        """The streamed book, as far as it has arrived."""
        self.asks: dict[float, float] = {}
        self.ticker_s = 0.0

    def take(self, frame: Frame) -> None:
        """Follow the book."""
        if frame.whole:
            self.bids, self.asks = dict(frame.bids), dict(frame.asks)
            return
        for side, changes in ((self.bids, frame.bids), (self.asks, frame.asks)):
            for price, size in changes:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)

    def book(self) -> tuple[Levels, Levels]:
        """The streamed book, best first."""
        return tuple(sorted(self.bids.items(), reverse=True)), tuple(sorted(self.asks.items()))


class Streams:
    """All streams of one port."""

    def __init__(self, port: SimulatedVenue, exchange: SimulatedExchange) -> None:
        self.port = port
        self.exchange = exchange
        self.live: dict[Stream, Live] = {}
        self._private: Batch = []
        """Told by the venue, not yet on its way."""
        self._last_s = {True: 0.0, False: 0.0}
        """When the last frame arrives, of the private and of the public side: none overtakes it."""
        self._under_way: dict[bool, deque[tuple[Timer, Batch]]] = {True: deque(), False: deque()}

    # -------------------------------------------------------------- commands

    def watch(self, stream: Stream) -> None:
        """Subscribe; twice is once."""
        if stream not in self.live:
            live = self.live[stream] = Live(stream)
            self.exchange.timeline.call_later(self.exchange.latency_s(), lambda: self._subscribe(live))

    def unwatch(self, stream: Stream) -> None:
        """End a stream without a word."""
        live = self.live.pop(stream, None)
        if live is not None:
            live.over = True

    def drop(self, stream: Stream, reason: str) -> None:
        """Close the connection under a stream."""
        live = self.live.get(stream)
        if live is not None:
            for other in self.sharing(live):
                self.sever(other, _broken(reason))

    def repeat(self, symbol: Symbol) -> None:
        """Tell a streamed book again, as far as it has come."""
        live = self.live.get(Stream(StreamKind.BOOK, symbol))
        if live is not None and not live.over and (live.bids or live.asks):
            self.exchange.timeline.call_later(0.0, lambda: self._repeat(live))

    def _repeat(self, live: Live) -> None:
        if not live.over:
            self.port.tell(self._numbered(live, Frame(*live.book(), whole=True), self.exchange.timeline.now_s))

    def sharing(self, live: Live) -> list[Live]:
        """The streams on the same connection."""
        if live.stream.kind.private:
            return [other for other in self.live.values() if other.stream.kind.private]
        if self.exchange.profile.one_public_socket:
            return [other for other in self.live.values() if not other.stream.kind.private]
        return [live]

    def close(self) -> None:
        """End all of them without a word."""
        for live in self.live.values():
            live.over = True
        self.live.clear()

    # -------------------------------------------------------------- up and down

    def _subscribe(self, live: Live) -> None:
        if self.live.get(live.stream) is not live or live.over:
            return
        faults = self.exchange.faults
        if faults.on:
            if faults.unreachable(live.stream):
                self.sever(live, lost("Cannot connect to host"))
                return
            if faults.take(FaultKind.NO_ACK, stream=live.stream):
                self._never_confirmed(live)
                return
        self._confirm(live)

    def _confirm(self, live: Live) -> None:
        live.confirmed = True
        batch: Batch = [(live, StreamUp(live.stream))]
        if live.stream.kind is StreamKind.BOOK:
            bids, asks = self.exchange.core.engine.books[str(live.stream.symbol)].depth(1 << 30)
            batch.append((live, Frame(rendering.levels_of(bids), rendering.levels_of(asks), whole=True)))
        elif live.stream.kind is StreamKind.BALANCE and self.exchange.profile.balance_first:
            batch.append((live, BalancesStreamed(rendering.balances_of(self.exchange.account))))
        self.send(batch)

    def _never_confirmed(self, live: Live) -> None:
        """As the real adapter takes it: books and user streams are given up, the others count as up and are deaf."""
        timeline, kind = self.exchange.timeline, live.stream.kind

        def give_up(reason: str) -> None:
            if self.live.get(live.stream) is live and not live.over:
                self.sever(live, _broken(reason))

        if kind is StreamKind.BOOK:
            timeline.call_later(BOOK_S, lambda: give_up(f"no book within {BOOK_S:g} s"))
        elif kind.private:
            timeline.call_later(ACK_S, lambda: give_up(f"not acknowledged within {ACK_S:g} s"))
        else:
            live.deaf = True
            timeline.call_later(QUIET_S, lambda: self.send([(live, StreamUp(live.stream))]))

    def sever(self, live: Live, why: Failure) -> None:
        """The connection under a stream is gone: what was on its way with it is lost."""
        if live.over:
            return
        live.over = True

        def told() -> None:
            if self.live.get(live.stream) is live:
                del self.live[live.stream]
                self.port.tell(StreamDown(live.stream, why))

        self.exchange.timeline.call_later(self.exchange.latency_s(), told)

    def sever_all(self, reason: str) -> None:
        """Every connection is gone."""
        for live in list(self.live.values()):
            self.sever(live, lost(reason))

    def mend(self, *, heal: bool) -> None:
        """No fault is on any more: frames held back go out, a book that lost one ends.

        To `heal`, what is late arrives at once, and what the venue never heard of is subscribed; else that stays deaf
        until it is watched anew.
        """
        if heal:
            self.let_go()
        for live in list(self.live.values()):
            if live.deaf and heal and not live.over:
                live.deaf, live.confirmed = False, True
            if live.held is not None and not live.over:
                held, live.held = live.held, None
                self.send([(live, held)])
            if live.behind:
                self.broken(live)

    def broken(self, live: Live) -> None:
        """A book stream notices that something is missing."""
        error, text = self.exchange.profile.gap_says
        self.sever(live, failure(error, f"{live.stream.symbol}: {text}", Operation.STREAM, Phase.MAYBE_SENT))

    # -------------------------------------------------------------- data

    def private(self, kind: StreamKind, message: FromVenue) -> None:
        """Something of the account happened."""
        live = self.live.get(Stream(kind))
        if live is not None and live.confirmed and not live.over:
            self._private.append((live, message))

    def hears(self, kind: StreamKind) -> bool:
        """Whether a user stream is told what happens."""
        live = self.live.get(Stream(kind))
        return live is not None and live.confirmed and not live.over

    @property
    def telling(self) -> bool:
        """Whether something public is on its way."""
        return bool(self._under_way[False])

    def flush_private(self) -> None:
        """Send what has gathered."""
        if self._private:
            batch, self._private = self._private, []
            self.send(batch)

    def flush(self) -> None:
        """Send what one step of the market changed: a frame a book, each trade, a summary now and then."""
        exchange = self.exchange
        batch: Batch = []
        arrives_s = self._arrival(private=False)
        for live in self.live.values():
            if live.private or not live.confirmed or live.over:
                continue
            kind, symbol = live.stream.kind, live.symbol
            if kind is StreamKind.BOOK:
                changes = exchange.delta_of(symbol)
                if changes is not None:
                    batch.append((live, changes))
            elif kind is StreamKind.TRADES:
                for fill in exchange.fills:
                    if fill.symbol == symbol:
                        batch.append((live, rendering.tick_of(fill, exchange.name, arrives_s)))
            elif exchange.timeline.now_s - live.ticker_s >= TICKER_S:
                live.ticker_s = exchange.timeline.now_s
                last, volume = float(exchange.core.engine.books[symbol].last), exchange.volume.get(symbol, 0.0)
                told = Ticker(exchange.name, symbol, last, volume, exchange.core.now_ms(), arrives_s)
                batch.append((live, told))
        if batch:
            self._dispatch(batch, arrives_s)

    def send(self, batch: Batch) -> None:
        """Put a batch of one side on its way."""
        self._dispatch(batch, self._arrival(private=batch[0][0].private))

    def _arrival(self, *, private: bool) -> float:
        return max(self._last_s[private], self.exchange.timeline.now_s + self.exchange.latency_s())

    def _dispatch(self, batch: Batch, arrives_s: float) -> None:
        private = batch[0][0].private
        if self.exchange.faults.on:
            batch, late_s = frames.spoil(self, batch)
            if not batch:
                return
            if late_s:
                arrives_s = max(arrives_s, self.exchange.timeline.now_s + late_s)
                batch = frames.stamped(batch, arrives_s)
        self._last_s[private] = arrives_s
        timer = self.exchange.timeline.call_at(arrives_s, lambda: self._deliver(private, arrives_s))
        self._under_way[private].append((timer, batch))

    def let_go(self) -> None:
        """What was held back arrives now, in its order."""
        now_s = self.exchange.timeline.now_s
        for private, waiting in self._under_way.items():
            held = list(waiting)
            waiting.clear()
            self._last_s[private] = now_s
            for timer, batch in held:
                timer.cancel()
                self._dispatch(frames.stamped(batch, now_s), now_s)

    def _deliver(self, private: bool, now_s: float) -> None:  # noqa: FBT001 (which side)
        _, batch = self._under_way[private].popleft()
        tell = self.port.tell
        for live, message in batch:
            if live.over:
                continue
            if isinstance(message, Frame):
                live.take(message)
                numbered = self._numbered(live, message, now_s)
                if not message.lost:
                    tell(numbered)
                if message.twice:
                    tell(numbered)
            else:
                tell(message)

    def _numbered(self, live: Live, frame: Frame, now_s: float) -> BookSnapshot | BookDelta:
        """A frame under the next number of its book: the numbers are ours, as in the real adapter."""
        name, symbol, sequences = self.exchange.name, live.symbol, self.exchange.sequences
        previous = sequences.get(symbol, 0)
        sequence = sequences[symbol] = previous + 1
        if frame.whole:
            return BookSnapshot(name, symbol, frame.bids, frame.asks, sequence, now_s)
        return BookDelta(name, symbol, frame.bids, frame.asks, previous, sequence, now_s)


def best_of(side: dict[float, float], book: Side) -> float | None:
    """The best price of one side of a streamed book."""
    if not side:
        return None
    return max(side) if book is Side.BUY else min(side)


def lost(text: str) -> Failure:
    """Why a stream ended whose connection is gone."""
    return failure("NetworkError", text, Operation.STREAM, Phase.MAYBE_SENT)


def _broken(reason: str) -> Failure:
    return failure("NetworkError", reason, Operation.STREAM, Phase.MAYBE_SENT)

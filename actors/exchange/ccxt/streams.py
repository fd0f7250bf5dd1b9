"""One watcher task per stream of a ccxt.pro exchange: tells StreamUp, data, and StreamDown at its end.

Nothing else awaits these streams (ccxt's futures are shared: cancelling one waiter cancels the others).
A watcher that fails ends; the exchange actor decides when to start it again. Runs on the arm's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganglion.actors.exchange.ccxt import convert
from ganglion.actors.exchange.ccxt.book_tap import BookTap, TappedBook, levels_of
from ganglion.actors.exchange.ccxt.exchange_class import Socket
from ganglion.actors.exchange.ccxt.failures import BrokenStreamError
from ganglion.actors.exchange.ccxt.seen_orders import SeenOrders
from ganglion.actors.exchange.ccxt.settings import CcxtSettings
from ganglion.actors.exchange.ccxt.trace import TRACE, Trace
from ganglion.actors.exchange.quirks import Quirks
from ganglion.messages.lifecycle import Failure, Operation
from ganglion.messages.venue import (
    BalancesStreamed,
    FromVenue,
    OrdersStreamed,
    Stream,
    StreamDown,
    StreamKind,
    StreamUp,
    TradesStreamed,
)

POLL_S = 0.05
QUIET_S = 1.0
"""Connected for so long since the last request, a public stream counts as subscribed whatever it said, a private one
if it said anything: some venues acknowledge several requests at once."""
ACK_S = 5.0
"""A private one must have been answered by then."""
CONNECT_S = 15.0
OWN_SOCKET_ERRORS = frozenset({"InvalidNonce", "NetworkError"})
"""After these ccxt resubscribes by itself; after any other a subscription flag may be left behind."""


@dataclass(slots=True)
class Watcher:
    """One stream's task and what it uses."""

    stream: Stream
    urls: dict[str, None] = field(default_factory=dict)
    """An ordered set."""
    task: asyncio.Task[None] | None = None
    pending: asyncio.Future[Any] | None = None
    up: bool = False
    started_s: float = 0.0
    broken: str = ""
    """Why it must end, found by somebody else (the tap, a dropped client)."""


class Streams:
    """All streams of one venue."""

    def __init__(
        self,
        exchange: Any,
        settings: CcxtSettings,
        quirks: Quirks,
        tap: BookTap,
        tell: Callable[[FromVenue], None],
        now_s: Callable[[], float],
        describe: Callable[[BaseException, Trace], Failure],
    ) -> None:
        self.exchange = exchange
        self.settings = settings
        self.quirks = quirks
        self.tap = tap
        self.tell = tell
        self.now_s = now_s
        self.describe = describe
        self.watchers: dict[Stream, Watcher] = {}
        self._background: dict[asyncio.Task[None], None] = {}
        self._of_trades: list[Watcher] = []
        self._last_trades: dict[str, object] = {}
        """The public trade that was told last, by symbol."""
        self._orders = SeenOrders(quirks)

    # -------------------------------------------------------------- commands

    def start(self, stream: Stream) -> None:
        """Watch; twice is once."""
        if stream in self.watchers:
            return
        watcher = self.watchers[stream] = Watcher(stream, started_s=self.now_s())
        watcher.task = asyncio.ensure_future(self._run(watcher))
        self._list_trades()

    def stop(self, stream: Stream) -> None:
        """End a stream without a word."""
        watcher = self.watchers.pop(stream, None)
        self._list_trades()
        if watcher is not None and watcher.task is not None:
            watcher.task.cancel()

    def drop(self, stream: Stream, reason: str) -> None:
        """Close the sockets under a stream: it and all that share them end."""
        watcher = self.watchers.get(stream)
        if watcher is None:
            return
        self._break(watcher, reason)
        self._close_sockets(watcher.urls, reason)

    def broken_book(self, symbol: str, reason: str) -> None:
        """The tap found a book that cannot be: its stream ends."""
        watcher = self.watchers.get(Stream(kind=StreamKind.BOOK, symbol=symbol))
        if watcher is not None:
            self._break(watcher, reason)

    def repeat_book(self, symbol: str) -> None:
        """Tell a streamed book again, if there is one."""
        book = self.exchange.orderbooks.get(symbol)
        if isinstance(book, TappedBook) and (book["bids"] or book["asks"]):
            self.tap.repeat(symbol, book)

    async def close(self) -> None:
        """End all watchers."""
        tasks = [watcher.task for watcher in self.watchers.values() if watcher.task is not None]
        self.watchers.clear()
        for task in (*tasks, *self._background):
            task.cancel()
        await asyncio.gather(*tasks, *self._background, return_exceptions=True)

    def _list_trades(self) -> None:
        kind = StreamKind.TRADES
        self._of_trades = [known for known in self.watchers.values() if known.stream.kind is kind]

    # -------------------------------------------------------------- one watcher

    async def _run(self, watcher: Watcher) -> None:
        trace = Trace(Operation.STREAM)
        TRACE.set(trace)
        self.exchange.hooks.used.set(watcher.urls)
        self.exchange.hooks.keeps.set(watcher.stream.kind.private)
        try:
            while True:
                self._tell_data(watcher.stream, await self._next(watcher))
                await asyncio.sleep(0)  # a cached result must not keep the loop from its sockets
        except asyncio.CancelledError:
            if self.watchers.get(watcher.stream) is watcher:
                raise
            return  # stopped by us
        # whatever it was: it becomes a value, and the exchange actor decides
        except Exception as error:  # noqa: BLE001
            self._ended(watcher, self.describe(error, trace))

    async def _next(self, watcher: Watcher) -> Any:
        """The next result of the stream; meanwhile notices when it is up."""
        pending = watcher.pending = asyncio.ensure_future(self._call(watcher.stream))
        try:
            while not pending.done():
                await asyncio.wait({pending}, timeout=None if watcher.up else POLL_S)
                if not watcher.up and not pending.done():
                    self._notice_up(watcher)
            if watcher.broken:
                raise BrokenStreamError(watcher.broken)
            if pending.cancelled():
                raise BrokenStreamError("its connection was closed")
            result = pending.result()
        finally:
            if not pending.done():
                pending.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await pending
            elif not pending.cancelled():
                pending.exception()  # retrieved, whoever raises meanwhile
        if not watcher.up:
            watcher.up = True
            self.tell(StreamUp(stream=watcher.stream))
        return result

    def _call(self, stream: Stream) -> Awaitable[Any]:
        exchange = self.exchange
        if stream.kind is StreamKind.BOOK:
            return self._watch_book(str(stream.symbol))
        watch = {
            StreamKind.TRADES: exchange.watch_trades,
            StreamKind.TICKER: exchange.watch_ticker,
            StreamKind.ORDERS: exchange.watch_orders,
            StreamKind.MY_TRADES: exchange.watch_my_trades,
            StreamKind.BALANCE: exchange.watch_balance,
        }[stream.kind]
        return _awaited(watch, *(() if stream.symbol is None else (stream.symbol,)))

    async def _watch_book(self, symbol: str) -> Any:
        exchange = self.exchange
        if self.quirks.book_by_full_stream:
            return await exchange.watch_order_book(symbol)
        from ccxt.base.errors import ArgumentsRequired, BadRequest, NotSupported  # noqa: PLC0415

        try:
            return await exchange.watch_order_book(symbol, self.settings.book_depth)
        except (ArgumentsRequired, BadRequest, NotSupported):
            return await exchange.watch_order_book(symbol)  # it allows other depths only

    def _notice_up(self, watcher: Watcher) -> None:
        """Notice that a stream which has carried nothing yet is connected and subscribed, or never will be."""
        now, private = self.now_s(), watcher.stream.kind.private
        urls = [url for url in watcher.urls if "://" in url]  # others are keys that nobody dials
        clients = [self.exchange.clients.get(url) for url in urls]
        # a client that nobody dials only keeps something for the others, such as a token
        dialed = [client for client in clients if client is None or client.connecting or client.connection is not None]
        ready = bool(dialed) and all(client is not None and client.isConnected for client in dialed)
        sockets = [self._socket(url) for url in urls]
        sent = [socket for socket in sockets if socket.last_send_s]
        if ready and sent:
            quiet_s = now - max(socket.last_send_s for socket in sent)
            # streams share sockets: each request should have its own answer before this one counts as made
            answered = all(socket.frames >= socket.sends for socket in sent)
            enough = quiet_s > QUIET_S and (not private or all(socket.frames_since_send for socket in sent))
            if watcher.stream.kind is StreamKind.BOOK:
                if quiet_s > self.settings.book_wait_s:
                    self._break(watcher, f"no book within {self.settings.book_wait_s:g} s")
                return  # up with its first book, not before
            if answered or enough:
                watcher.up = True
                self.tell(StreamUp(stream=watcher.stream))
                return
            if quiet_s > ACK_S:
                self._break(watcher, f"not acknowledged within {ACK_S:g} s")
        elif now - watcher.started_s > CONNECT_S:
            self._break(watcher, f"not connected within {CONNECT_S:g} s")

    def _socket(self, url: str) -> Socket:
        return self.exchange.sockets.get(url) or Socket(url)

    def _ended(self, watcher: Watcher, failure: Failure) -> None:
        if self.watchers.get(watcher.stream) is not watcher:
            return
        del self.watchers[watcher.stream]
        self._list_trades()
        lineage = {failure.error, *failure.bases}
        if not lineage & OWN_SOCKET_ERRORS or watcher.broken:
            self._close_sockets(watcher.urls, failure.text)
        else:
            self._forget_undialed(watcher.urls)
        if watcher.stream.kind is StreamKind.BOOK:
            # what is not fed any more must never be repeated or compared with as if it were
            self.exchange.orderbooks.pop(watcher.stream.symbol, None)
        self.tell(StreamDown(stream=watcher.stream, failure=failure))

    def _break(self, watcher: Watcher, reason: str) -> None:
        watcher.broken = watcher.broken or reason
        if watcher.pending is not None:
            watcher.pending.cancel()

    def _forget_undialed(self, urls: Iterable[str]) -> None:
        """Clients that only keep something (a token): what they know may have ended with the connection."""
        for url in urls:
            client = self.exchange.clients.get(url)
            if client is not None and client.connection is None and not client.connecting:
                self.exchange.clients.pop(url)

    def _close_sockets(self, urls: Iterable[str], reason: str) -> None:
        """Drop clients; the watchers that share them end as well."""
        for url in urls:
            client = self.exchange.clients.pop(url, None)
            self.exchange.sockets.pop(url, None)
            if client is None:
                continue
            for other in list(self.watchers.values()):
                if url in other.urls:
                    self._break(other, reason)
            task = asyncio.ensure_future(_close(client))
            self._background[task] = None
            task.add_done_callback(self._background.pop)

    # -------------------------------------------------------------- data

    def tell_trades(self, url: str) -> None:
        """After a frame: tell what it added to ccxt's caches.

        A watch returns after all frames that are buffered were handled, and the cache holds 1000: a
        burst would lose trades in silence.
        """
        for watcher in self._of_trades:
            if url in watcher.urls:
                symbol = str(watcher.stream.symbol)
                self._tell_new_trades(symbol, self.exchange.trades.get(symbol) or ())

    def _tell_new_trades(self, symbol: str, cache: Sequence[Any]) -> None:
        last, new = self._last_trades.get(symbol), []
        for raw in reversed(cache):
            if raw is last:
                break
            new.append(raw)
        if new:
            self._last_trades[symbol] = new[0]
            for raw in reversed(new):
                self.tell(convert.tick_of(raw, self.settings.name, symbol, self.now_s()))

    def _tell_data(self, stream: Stream, result: Any) -> None:
        rule, name, symbol = self.quirks.client_id, self.settings.name, stream.symbol or ""
        match stream.kind:
            case StreamKind.BOOK:
                if not (isinstance(result, TappedBook) and result.intact):
                    depth = self.settings.book_depth
                    bids, asks = levels_of(result["bids"], depth), levels_of(result["asks"], depth)
                    if not bids and not asks:
                        raise BrokenStreamError("the venue's book is empty on both sides")
                    self.tap.tell_snapshot(symbol, bids, asks)
            case StreamKind.TRADES:
                self._tell_new_trades(symbol, self.exchange.trades.get(symbol, result))
            case StreamKind.TICKER:
                self.tell(convert.ticker_of(result, name, symbol, self.now_s()))
            case StreamKind.ORDERS:
                self.tell(OrdersStreamed(orders=tuple(self._orders.order_of(raw) for raw in result)))
            case StreamKind.MY_TRADES:
                sign = -1 if self.quirks.streamed_fees_negated else 1
                trades = [convert.trade_of(raw, rule, fee_sign=sign) for raw in result]
                whole = tuple(trade for trade in trades if trade is not None)
                bare = zip(result, trades, strict=True)
                incomplete = tuple({str(raw["symbol"]): 0 for raw, trade in bare if trade is None})
                self.tell(TradesStreamed(trades=whole, incomplete=incomplete))
            case StreamKind.BALANCE:
                self.tell(BalancesStreamed(balances=convert.balances_of(result)))


async def _awaited(watch: Callable[..., Awaitable[Any]], *arguments: str) -> Any:
    # called inside the task, so that what ccxt raises before its first await is the task's too
    return await watch(*arguments)


async def _close(client: Any) -> None:
    with contextlib.suppress(Exception):  # it is being thrown away: how it ends is nobody's business
        await client.close()

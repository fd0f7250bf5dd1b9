"""The `Venue` port on ccxt: takes requests from any thread, answers them from the arm's asyncio loop.

`make_ccxt_venue` is its public face. One venue serves one incarnation of an exchange actor; a restart
makes a new one, and what the old one still has under way is answered all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from pykka import ActorDeadError

from ganglion.actors.exchange.ccxt.book_checksum import BookChecksum
from ganglion.actors.exchange.ccxt.book_tap import BookTap, TappedBook, TappedCountedBook
from ganglion.actors.exchange.ccxt.exchange_class import Hooks, make_exchange
from ganglion.actors.exchange.ccxt.failures import failure_from
from ganglion.actors.exchange.ccxt.requests import Requests, SharedMarkets
from ganglion.actors.exchange.ccxt.settings import (
    CcxtSettings,
    VenueConfigError,
    check_gate,
    is_loopback,
    urls_in,
)
from ganglion.actors.exchange.ccxt.streams import Streams
from ganglion.actors.exchange.ccxt.trace import TRACE, Trace
from ganglion.actors.exchange.quirks import Quirks, quirks_of
from ganglion.actors.exchange.venue import ReplyTo, Venue, failed_reply, operation_of
from ganglion.messages.lifecycle import Failure
from ganglion.messages.values import Symbol
from ganglion.messages.venue import (
    CancelAllAfter,
    CancelAtVenue,
    CloseVenue,
    CostSpent,
    CreateOrder,
    DropClient,
    FromVenue,
    RepeatBook,
    Unwatch,
    VenueReply,
    VenueRequest,
    Watch,
)
from ganglion.supervision import Fence

CLOSE_TRIES = 3


class Clock(Protocol):
    """The system's clock, as far as it is needed here."""

    def monotonic_s(self) -> float:
        """Seconds that never run backwards."""


def make_ccxt_venue(
    settings: CcxtSettings,
    loop: asyncio.AbstractEventLoop,
    clock: Clock,
    shared: SharedMarkets | None = None,
    fence: Fence | None = None,
) -> Venue:
    """A venue behind ccxt; opens nothing before the first request.

    Args:
        settings: The account.
        loop: The arm's own loop; everything of ccxt's runs on it.
        clock: Stamps what arrives.
        shared: Keep one per account, so that a restart need not load all markets again.
        fence: Of the thread that runs the loop: once it is revoked nothing leaves any more.

    Raises:
        UnknownExchangeError: ccxt has no such id.
        NotLiveError: Neither loopback nor sandbox, and not `live`.
        VenueConfigError: ccxt refuses the configuration, or has no sandbox for this exchange.
    """
    return CcxtVenue(settings, loop, clock, shared or SharedMarkets(), fence or Fence(settings.name))


class CcxtVenue:
    """See `Venue`."""

    def __init__(
        self,
        settings: CcxtSettings,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        shared: SharedMarkets,
        fence: Fence,
    ) -> None:
        self.settings = settings
        self._fence = fence
        fence.farewells[self] = self._say_farewell
        self.quirks = quirks_of(settings.id)
        self._loop = loop
        self._now_s = clock.monotonic_s
        self._reply_to: ReplyTo | None = None
        self._lost = 0
        self._shared = shared
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._writes: set[asyncio.Task[None]] = set()
        self._tap = BookTap(
            settings.name,
            self._now_s,
            self._tell,
            self._broken_book,
            self._symbol_of,
            loop.call_soon,
            shared.book_sequences,
        )
        self._exchange = self._make_exchange()
        rule = self.quirks.book_checksum
        self._checksum = None if rule is None else BookChecksum(rule, self._exchange, self._broken_book)
        self._requests = Requests(self._exchange, settings, self.quirks, shared, self._now_s)
        self._streams = Streams(
            self._exchange, settings, self.quirks, self._tap, self._tell, self._now_s, self._describe
        )

    def __repr__(self) -> str:
        """Name it, without its keys."""
        return f"<CcxtVenue {self.settings.name} ({self.settings.id})>"

    # -------------------------------------------------------------- the port

    def submit(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """See `Venue`."""
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._take(request, reply_to)
        else:
            self._loop.call_soon_threadsafe(self._take, request, reply_to)

    def _take(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        self._reply_to = reply_to
        match request:
            case Watch():
                self._streams.start(request.stream)
            case Unwatch():
                self._streams.stop(request.stream)
            case RepeatBook():
                self._streams.repeat_book(request.symbol)
            case DropClient():
                self._streams.drop(request.stream, request.reason)
            case CloseVenue():
                self._tap.closed = True
                self._spawn(self._close())
            case CreateOrder() | CancelAtVenue() | CancelAllAfter():
                task = self._spawn(self._answer(request, reply_to))
                self._writes.add(task)
                task.add_done_callback(self._writes.discard)
            case _:
                self._spawn(self._answer(request, reply_to))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    async def _answer(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        trace = Trace(operation_of(request))
        TRACE.set(trace)
        reply: VenueReply
        try:
            reply = await self._requests.answer(request, trace)
        # a BaseException out of ccxt (a cancelled future of a closed client) is a value from here on
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
            reply = failed_reply(request, trace.cost, self._describe(error, trace))
        self._reply(reply_to, reply)

    def _say_farewell(self) -> None:
        """The loop's thread was abandoned and has come back: its loop ends, with its sockets closed."""
        self._tap.closed = True
        self._spawn(self._close())

    async def _close(self) -> None:
        for step in (self._streams.close, self._finish_writes, self._exchange.close):
            for _ in range(CLOSE_TRIES):
                # a loop that ends cancels what runs on it, and sockets have to be closed all the same
                with contextlib.suppress(asyncio.CancelledError):
                    await step()
                    break
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._fence.farewells.pop(self, None)

    async def _finish_writes(self) -> None:
        if self._writes:
            await asyncio.wait(self._writes, timeout=2 * self.settings.timeout_s)

    def _reply(self, reply_to: ReplyTo, message: FromVenue) -> None:
        try:
            reply_to.tell(message)
        except ActorDeadError:
            # the whole arm was stopped for good: there is nobody left to whom this would matter
            self._lost += 1

    # -------------------------------------------------------------- what the exchange calls back

    def _tell(self, message: FromVenue) -> None:
        # Writes under way keep sockets open for a while: what streams say then would mix with the next venue's.
        if self._reply_to is not None and not self._tap.closed:
            self._reply(self._reply_to, message)

    def _describe(self, error: BaseException, trace: Trace) -> Failure:
        return failure_from(error, trace, self.settings.credentials, self.quirks)

    def _broken_book(self, symbol: Symbol, reason: str) -> None:
        self._streams.broken_book(symbol, reason)

    def _symbol_of(self, book: TappedBook) -> Symbol | None:
        books = self._exchange.orderbooks
        if book.symbol is not None:
            return book.symbol if books.get(book.symbol) is book else None
        return next((symbol for symbol, known in books.items() if known is book), None)

    def _gate(self, url: str) -> None:
        self._leaves()
        check_gate(self.settings, url)

    def _leaves(self) -> None:
        if self._fence.revoked:
            trace = TRACE.get()
            self._fence.check(f"{trace.operation if trace is not None else 'a request'} of {self.settings.name}")

    def _charged(self, cost: float) -> None:
        self._tell(CostSpent(cost=cost))

    def _frame_begins(self) -> None:
        self._tap.closed = self._tap.closed or self._fence.revoked
        self._tap.in_frame = True

    def _frame_handled(self, text: str) -> None:
        if self._checksum is not None:
            self._checksum.frame(text)

    def _frame_ends(self, url: str) -> None:
        self._tap.in_frame = False
        self._tap.flush()
        self._streams.tell_trades(url)

    def _make_book(self, kind: str, snapshot: dict[str, Any], depth: int | None) -> TappedBook:
        made = TappedCountedBook if kind == "counted" else TappedBook
        return made(self._tap, snapshot, depth)

    # -------------------------------------------------------------- making the exchange

    def _make_exchange(self) -> Any:
        hooks = Hooks(
            gate=self._gate,
            leaves=self._leaves,
            cost=self._charged,
            frame_begins=self._frame_begins,
            frame_handled=self._frame_handled,
            frame_ends=self._frame_ends,
            book=self._make_book,
            now_s=self._now_s,
            order=self._shared.order,
            ordered=frozenset(self.quirks.nonce_apis),
            refusals_unheard=self.quirks.refused_streams_unheard,
        )
        settings = self.settings
        try:
            exchange = make_exchange(settings.id, config_of(settings, self.quirks), hooks)
            if settings.sandbox:
                exchange.set_sandbox_mode(True)
        except VenueConfigError:
            raise
        # ccxt's constructor raises whatever its configuration leads it to
        except Exception as error:  # noqa: BLE001
            text = settings.credentials.scrub(f"{type(error).__name__}: {error}")
            raise VenueConfigError(f"exchanges.{settings.name}: ccxt refuses it: {text}") from None
        urls = list(urls_in(exchange.urls.get("api", {})))
        if not (settings.live or settings.sandbox or any(is_loopback(url) for url in urls)):
            check_gate(settings, exchange.implode_hostname(urls[0]) if urls else f"https://{settings.id}")
        if self.quirks.common_errors_from is not None:
            specific = exchange.exceptions.get(self.quirks.common_errors_from, {})
            exchange.exceptions["exact"].update(specific.get("exact", {}))
        teach_refusals(exchange, self.quirks.refusals)
        for name in self.quirks.silenced:
            if hasattr(exchange, name):
                setattr(exchange, name, _nothing)
        return exchange


async def _nothing(*_arguments: object) -> None:
    """In the place of a method of ccxt's that sends what nobody asked for."""


def teach_refusals(exchange: Any, refusals: Mapping[str, str]) -> None:
    """Tell ccxt what refusals mean that its own tables lack; whole texts first, then what texts begin with."""
    from ccxt.base import errors  # noqa: PLC0415 (ccxt is imported late)

    for text, name in refusals.items():
        exchange.exceptions["exact"][text] = exchange.exceptions["broad"][text] = getattr(errors, name)


def config_of(settings: CcxtSettings, quirks: Quirks) -> dict[str, Any]:
    """The constructor's configuration: the quirks', then the user's, then what the engine owns."""
    config: dict[str, Any] = {
        "options": {"defaultType": settings.type, **quirks.options},
        "has": dict(quirks.has),
        "timeout": int(settings.timeout_s * 1000),
        "streaming": {"keepAlive": int(settings.keep_alive_s * 1000)},
    }
    if settings.type == "spot":
        _merge(config["options"], quirks.spot_options)
    _merge(config, settings.ccxt)
    _merge(config, settings.credentials.for_ccxt())
    config["options"]["maxRetriesOnFailure"] = 0
    return config | {"number": str, "enableRateLimit": False, "newUpdates": True}


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        inner = into.get(key)
        if isinstance(value, Mapping) and isinstance(inner, dict):
            _merge(inner, value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


VenueMaker = Callable[[], Venue]
"""What an exchange actor's factory is handed: a new venue for each incarnation."""

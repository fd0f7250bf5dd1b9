"""The `Venue` port of a paper run: market data from a real exchange, the account from the matching engine.

Stands between an exchange actor and the venue behind it. Requests and streams of the market go through, everything of
the account is answered here: the real venue is never asked anything that needs a key. What it tells is shown to the
engine first and to the bot then.

The account's streams are up while any of the market's is: who has lost the exchange has lost both.
"""

from __future__ import annotations

from collections.abc import Callable

from pykka import ActorDeadError

from ganglion.actors.exchange.venue import ReplyTo, Venue, failed_reply, operation_of
from ganglion.messages.lifecycle import Failure, Operation
from ganglion.messages.market import BookDelta, BookSnapshot, TradeTick
from ganglion.messages.orders import Phase
from ganglion.messages.venue import (
    BookFetched,
    CancelAtVenue,
    CloseVenue,
    CreateOrder,
    DropClient,
    FetchBook,
    FetchCandles,
    FetchMarkets,
    FetchTime,
    FetchTrades,
    FromVenue,
    MarketsFetched,
    RepeatBook,
    Stream,
    StreamDown,
    StreamKind,
    StreamUp,
    TimeFetched,
    Unwatch,
    VenueRequest,
    Watch,
)
from ganglion.simulation.paper.agenda import Agenda
from ganglion.simulation.paper.exchange import PATIENCE_S, QUIET_S, PaperAccount, PaperPort
from ganglion.simulation.port.failures import failure
from ganglion.supervision import Fence

READINGS = (FetchMarkets, FetchTime, FetchBook, FetchCandles, FetchTrades, RepeatBook)
"""Of the market, by request: these and public streams are all that a real exchange is asked for."""


def is_public(request: VenueRequest) -> bool:
    """Whether a request is the real exchange's to answer."""
    if isinstance(request, Watch | Unwatch | DropClient):
        return not request.stream.kind.private
    return isinstance(request, READINGS)


class PaperVenue:
    """See the file's docstring; one for each incarnation of an exchange actor."""

    def __init__(self, account: PaperAccount, real: Venue, agenda: Agenda, fence: Fence | None = None) -> None:
        """Wire it.

        Args:
            account: outlives this venue.
            real: the exchange behind it; told nothing but public requests.
            agenda: of the account's thread, on which the real venue speaks too.
            fence: of that thread: once it is revoked the account is another's.
        """
        self._account = account
        self._real = real
        self._agenda = agenda
        self._fence = fence or Fence(account.settings.name)
        self._reply_to: ReplyTo | None = None
        self._port: PaperPort | None = None
        self._up: set[Stream] = set()
        """Public streams."""
        self._reachable = False
        """Something came, and not all streams have ended since."""
        self._private: dict[Stream, None] = {}
        """The account's streams that are wanted."""
        self._closed = False
        self.lost = 0
        """What was told to somebody who is dead."""
        # Until this one's own streams say so, nothing is known.
        for market in account.markets.values():
            market.lost(account.clock.now_ms(), "the exchange actor started")
        if account.exchange is not None:
            self._port = account.exchange.connect()

    def __repr__(self) -> str:
        """Name it."""
        return f"<PaperVenue {self._account.settings.name} on {self._real!r}>"

    # -------------------------------------------------------------- what the bot asks

    def submit(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """See `Venue`."""
        self._agenda.soon(lambda: self._take(request, reply_to))

    def _take(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        self._reply_to = reply_to
        if is_public(request):
            self._real.submit(request, self)
            return
        match request:
            case CloseVenue():
                self._closed = True
                if self._port is not None:
                    self._port.closed = True
                self._real.submit(request, self)
            case Watch():
                self._private[request.stream] = None
                if self._reachable:
                    self._begin_private(request.stream)
            case Unwatch():
                self._private.pop(request.stream, None)
                self._say_up()
            case DropClient():
                self._end_private(failure("NetworkError", request.reason, Operation.STREAM))
            case _:
                self._ask(request, reply_to)

    def _ask(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        port = self._port
        if port is None or self._fence.revoked:
            why = "another thread has its account" if self._fence.revoked else "its markets are not known yet"
            text = f"paper: nothing was sent to {self._account.settings.name}: {why}"
            refused = failure("NetworkError", text, operation_of(request), Phase.BEFORE_SEND)
            self._pass_on(reply_to, failed_reply(request, 0.0, refused))
            return
        port.take(request, reply_to)
        if isinstance(request, CreateOrder | CancelAtVenue):
            exchange, symbol, late_s = port.exchange, request.symbol, self._account.latency_s
            self._agenda.later(late_s + QUIET_S, lambda: self._if_ours(lambda: exchange.quiet(symbol)))
            self._agenda.later(late_s + PATIENCE_S, lambda: self._if_ours(lambda: exchange.give_up(symbol)))

    def _if_ours(self, action: Callable[[], None]) -> None:
        """Do it, unless the account is another thread's by now."""
        if self._fence.revoked:
            return
        try:
            action()
        # Whatever it was: raised into the exchange's socket it would end that in silence.
        except Exception as error:  # noqa: BLE001
            text = f"the paper engine failed: {type(error).__name__}: {error}"
            self._account.defects.append(text)
            self._end_private(failure("NetworkError", text, Operation.STREAM))

    # -------------------------------------------------------------- what the exchange tells

    def tell(self, message: FromVenue) -> None:
        """Show the engine what the real venue tells, and pass it on."""
        if self._fence.revoked or self._closed:
            self._pass_on(self._reply_to, message)
            return
        account = self._account
        match message:
            case MarketsFetched():
                message = self._opened(message)
            case TimeFetched():
                account.clock.heard(message.venue_ms)
            case BookSnapshot() | BookDelta() | BookFetched() | TradeTick() as seen:
                self._if_ours(lambda: self._show(seen))
        self._pass_on(self._reply_to, message)
        match message:
            case StreamUp():
                self._up.add(message.stream)
                self._reach()
            case BookSnapshot() | BookFetched():
                self._reach()
            case StreamDown():
                self._end_public(message)

    def _opened(self, reply: MarketsFetched) -> MarketsFetched:
        told = self._account.opened(reply)
        if self._port is None and self._account.exchange is not None:
            self._port = self._account.exchange.connect()
        return told

    def _show(self, message: BookSnapshot | BookDelta | BookFetched | TradeTick) -> None:
        exchange = self._account.exchange
        if exchange is None:
            return
        if isinstance(message, TradeTick):
            exchange.trade(message)
        elif isinstance(message, BookFetched):
            exchange.book_read(message)
        else:
            exchange.book(message)

    # -------------------------------------------------------------- the account's streams

    def _reach(self) -> None:
        """The exchange is there: so is the account."""
        if not self._reachable:
            self._reachable = True
            for stream in list(self._private):
                self._begin_private(stream)

    def _end_public(self, ended: StreamDown) -> None:
        stream, account = ended.stream, self._account
        if stream.kind is StreamKind.BOOK and stream.symbol in account.markets:
            why = f"{ended.failure.error}: {ended.failure.text}"
            account.markets[stream.symbol].lost(account.clock.now_ms(), why)
            if account.exchange is not None:
                account.exchange.cut_off(stream.symbol, why)
        if stream in self._up:
            self._up.discard(stream)
            if not self._up:
                self._reachable = False
                self._end_private(ended.failure)

    def _begin_private(self, stream: Stream) -> None:
        self._say_up()
        self._tell(StreamUp(stream))

    def _say_up(self) -> None:
        if self._port is not None:
            self._port.up = {stream.kind for stream in self._private} if self._reachable else set()

    def _end_private(self, why: Failure) -> None:
        ended = list(self._private)
        self._private.clear()
        self._say_up()
        for stream in ended:
            self._tell(StreamDown(stream, why))

    # -------------------------------------------------------------- telling

    def _tell(self, message: FromVenue) -> None:
        if not self._closed:
            self._pass_on(self._reply_to, message)

    def _pass_on(self, reply_to: ReplyTo | None, message: FromVenue) -> None:
        if reply_to is None:
            return
        try:
            reply_to.tell(message)
        except ActorDeadError:
            # As the real venue: the whole arm was stopped for good, nobody is left to whom it would matter.
            self.lost += 1

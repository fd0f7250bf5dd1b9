"""One exchange of a backtest: the matching engine on the market that recorded data moves, and the ports bots have.

run.py calls it for each row of data: `arrive` before anything of the row has traded, `trade_range` or `trade_print` for
what the row traded. It is told no future: the run hands it one row at a time.

An exchange actor stands on it as on any venue. What reads is answered at once. What writes waits until the next row of
its market that begins after it was sent, and its latency has gone by; the answer comes then. A fill is told before the
answer that contains it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from ganglion.actors.exchange.venue import ReplyTo, failed_reply, operation_of
from ganglion.messages.market import BookSnapshot, Levels
from ganglion.messages.values import ZERO, Side, Symbol
from ganglion.messages.venue import (
    BookFetched,
    CancelAtVenue,
    CloseVenue,
    CreateOrder,
    DropClient,
    FetchBook,
    FetchMarkets,
    FromVenue,
    MarketsFetched,
    OrdersStreamed,
    RepeatBook,
    StreamKind,
    StreamUp,
    TradesStreamed,
    Unwatch,
    VenueReply,
    VenueRequest,
    Watch,
)
from ganglion.simulation.backtest.engine import DataEngine, Quote, consume
from ganglion.simulation.backtest.fills import FillSettings, exact, quote_of, share_of
from ganglion.simulation.choices import Choices
from ganglion.simulation.port import PortSettings, SimulatedExchange, rendering
from ganglion.simulation.port.answers import PLAIN
from ganglion.simulation.port.failures import RefusedError, failure
from ganglion.simulation.port.streams import Streams
from ganglion.simulation.venue.book import BookSide
from ganglion.simulation.venue.core import Venue
from ganglion.simulation.venue.events import Event, Fill
from ganglion.simulation.venue.flow import FlowSettings
from ganglion.simulation.venue.markets import Market
from ganglion.simulation.venue.orders import NewOrder, Order
from ganglion.simulation.venue.settings import AccountSettings, VenueSettings
from ganglion.simulation.world.timeline import Timeline
from ganglion.supervision.clock import Clock

if TYPE_CHECKING:
    from ganglion.simulation.venue.engine import Engine

NO_CROWD = FlowSettings(levels=0, takes_per_s=0.0)
STREAMS = (StreamKind.BOOK, StreamKind.TRADES, StreamKind.ORDERS, StreamKind.MY_TRADES)
MOST_LEVELS = 50
"""Of a book that one order may trade through."""
UNITS_PER_S = 1e9
"""No rate budget: what a bot would wait for one is in `latency_s`, where somebody wants it."""


@dataclass(frozen=True, slots=True)
class DataVenueSettings(VenueSettings):
    """A venue whose markets were taken from data."""

    listed: tuple[Market, ...] = ()

    def markets(self) -> list[Market]:
        """The markets as they were found."""
        return list(self.listed)


class DataVenue(Venue):
    """The venue's core on data; nobody but the account's own port hears of what happens."""

    engine: DataEngine

    def __init__(self, settings: DataVenueSettings, clock: Callable[[], int], fills: FillSettings) -> None:
        self._fills = fills
        super().__init__(settings, clock)

    def _make_engine(self, markets: list[Market]) -> Engine:
        return DataEngine(markets, self._fills)

    def place(self, command: NewOrder) -> list[Event]:
        """Place an order; its events."""
        return self.engine.place(command, self.now_ms())

    def cancel(
        self, account: str, symbol: str, *, order_id: int | None = None, client_id: str = "", cancel_id: str = ""
    ) -> list[Event]:
        """Cancel an order; its events."""
        return self.engine.cancel(
            account, symbol, self.now_ms(), order_id=order_id, client_id=client_id, cancel_id=cancel_id
        )


class DataExchange(SimulatedExchange):
    """See the file's docstring."""

    core: DataVenue

    def __init__(
        self,
        settings: PortSettings,
        markets: Mapping[Symbol, Market],
        fills: FillSettings,
        clock: Clock,
    ) -> None:
        self.fill_settings = fills
        self.now_ms = clock.now_ms
        """The venue's clock is the data's, like everybody's."""
        self._listed = tuple(markets.values())
        super().__init__(settings, Timeline(clock.now_ms()), Choices(settings.seed), _ignore)
        self.engine = self.core.engine
        self.open_orders = self.account.open
        """The account's own dict: empty where no row can fill anything."""
        self.waiting: dict[Symbol, list[tuple[int, VenueRequest, DataPort]]] = {}
        """What was sent and is not effective yet, with the time of its sending; a market with nothing is not in it."""
        self.snapshots: dict[Symbol, Callable[[], BookSnapshot]] = {}
        """How the books of the data stand, where it has books."""
        self._latency_ms = round(fills.latency_s * 1000)
        self._port: DataPort | None = None
        self._ahead: dict[tuple[Symbol, int], Decimal] = {}
        """What has to trade at a resting order's price before it is its turn (`queue`)."""
        self._printed: dict[Symbol, dict[Decimal, Decimal]] = {}
        """What traded at each price so far (`queue`)."""

    def _open(self, account: AccountSettings) -> Venue:
        settings = DataVenueSettings(
            dialect=self.settings.profile.id,
            symbols=tuple(market.symbol for market in self._listed),
            accounts=(account,),
            tick_ms=0,
            flow=NO_CROWD,
            listed=self._listed,
        )
        return DataVenue(settings, self.now_ms, self.fill_settings)

    def connect(self) -> DataPort:  # type: ignore[override]
        """The port of one more incarnation of an exchange actor."""
        self._port = DataPort(self)
        return self._port

    def order_of(self, request: CancelAtVenue) -> Order | None:
        """The order that a cancel was about, whether it is open or not."""
        if request.venue_id is not None and request.venue_id.isdigit():
            return self.account.orders.get((request.symbol, int(request.venue_id)))
        return self.account.by_client_id.get((request.symbol, request.client_id))

    def tell(self, message: FromVenue) -> None:
        """Something comes to the bot unasked."""
        if self._port is not None:
            self._port.tell(message)

    # -------------------------------------------------------------- rows of data

    def begin_row(self, symbol: Symbol, price: float, volume: float) -> None:
        """A row begins at a price; what arrives in it meets that."""
        market = self.engine.markets[symbol]
        bid, ask = quote_of(price, self.fill_settings, market.tick)
        self.engine.quotes[symbol] = Quote(bid, ask, share_of(volume, self.fill_settings))
        self.engine.books[symbol].last = bid

    def begin_book(self, symbol: Symbol, bids: Levels, asks: Levels) -> None:
        """A book stands like this: what arrives meets its levels, and rests are filled by what comes through them."""
        share = exact(self.fill_settings.participation) if self.fill_settings.participation else Decimal(1)
        quote = Quote(exact(bids[0][0]), exact(asks[0][0]), None)
        quote.bids = [[exact(price), exact(size) * share] for price, size in bids]
        quote.asks = [[exact(price), exact(size) * share] for price, size in asks]
        self.engine.quotes[symbol] = quote
        self.engine.books[symbol].last = quote.bid

    def cross_book(self, symbol: Symbol) -> None:
        """Fill what rests where the other side of the data's book has come to it, up to what stands there."""
        quote, book, touches = self.engine.quotes[symbol], self.engine.books[symbol], self.fill_settings.touch_fills
        for side, levels in ((book.bids, quote.asks or []), (book.asks, quote.bids or [])):
            buys = side.side is Side.BUY
            while (best := side.best()) is not None:
                order, price = best.first(), best.price
                beyond = [
                    level
                    for level in levels
                    if (level[0] < price if buys else level[0] > price) or (touches and level[0] == price)
                ]
                there = self.engine.markets[symbol].truncate(sum((level[1] for level in beyond), ZERO))
                quantity = min(order.remaining, there)
                if quantity <= ZERO:
                    break
                consume(beyond, quantity)
                self._fill(order, quantity)

    def arrive(self, symbol: Symbol, start_ms: int, end_ms: int) -> None:
        """What was sent before the row's start, and has arrived before its end, becomes effective."""
        waiting = self.waiting[symbol]
        effective = 0
        for sent_ms, request, port in waiting:
            # One that was sent later, or arrives later, lets none behind it pass: one connection keeps its order.
            if sent_ms > start_ms or sent_ms + self._latency_ms > max(start_ms, end_ms - 1):
                break
            effective += 1
            port.apply(request)
        if effective == len(waiting):
            del self.waiting[symbol]
        else:
            del waiting[:effective]

    def trade_range(self, symbol: Symbol, first: float, second: float) -> None:
        """The row has traded from its open to `first`, then to `second`: resting orders that it reached are filled."""
        book = self.engine.books[symbol]
        for price in (first, second):
            there = exact(price)
            self._reach(symbol, book.bids, there)
            self._reach(symbol, book.asks, there)

    def trade_print(self, symbol: Symbol, price: float, amount: float) -> None:
        """One public trade: what it has traded through is filled, and what it touched where that is its turn."""
        book, there = self.engine.books[symbol], exact(price)
        if self.fill_settings.queue:
            self.count_queue(symbol, price, amount)
        self._reach(symbol, book.bids, there)
        self._reach(symbol, book.asks, there)

    def trade_beside(self, symbol: Symbol, price: float, amount: float) -> None:
        """One public trade beside a book: it fills as `trade_print` says, up to its own volume."""
        quote = self.engine.quotes.get(symbol)
        if quote is None or not self.open_orders:
            if self.fill_settings.queue:
                self.count_queue(symbol, price, amount)
            return
        quote.room = share_of(amount, self.fill_settings)
        self.trade_print(symbol, price, amount)
        quote.room = None

    def _reach(self, symbol: Symbol, side: BookSide, there: Decimal) -> None:
        buys, touches = side.side is Side.BUY, self.fill_settings.touch_fills
        market, quote = self.engine.markets[symbol], self.engine.quotes[symbol]
        while (level := side.best()) is not None:
            order = level.first()
            through = there < level.price if buys else there > level.price
            if not through and not (there == level.price and (touches or self._is_next(order))):
                return
            quantity = order.remaining
            if quote.room is not None:
                quantity = min(quantity, market.truncate(quote.room))
                quote.room -= quantity
            if quantity <= ZERO:
                return
            self._fill(order, quantity)

    def _fill(self, order: Order, quantity: Decimal) -> None:
        events = self.engine.give(order, quantity, self.now_ms())
        if self._port is not None:
            self._port.tell_fills(order, events)
            self._port.tell(OrdersStreamed((rendering.order_of(order),)))

    # -------------------------------------------------------------- the queue at a price

    def count_queue(self, symbol: Symbol, price: float, traded: float) -> None:
        """So much traded at a price: whoever stood before us there is served first."""
        there, amount = exact(price), exact(traded)
        printed = self._printed.setdefault(symbol, {})
        printed[there] = printed.get(there, ZERO) + amount
        for (other, order_id), ahead in list(self._ahead.items()):
            order = self.open_orders.get((other, order_id))
            if order is None:
                del self._ahead[other, order_id]
            elif other == symbol and order.price == there:
                self._ahead[other, order_id] = ahead - amount

    def joined(self, order: Order) -> None:
        """A resting order is in the book: who stood before it is taken to be as much as last traded there."""
        if self.fill_settings.queue and order.price is not None and order.status.is_open:
            before = self._printed.get(order.symbol, {}).get(order.price, ZERO)
            self._ahead[order.symbol, order.id] = before

    def _is_next(self, order: Order) -> bool:
        if not self.fill_settings.queue:
            return False
        ahead = self._ahead.get((order.symbol, order.id))
        return ahead is not None and ahead < ZERO


class DataPort:
    """The `Venue` port of one incarnation of an exchange actor."""

    def __init__(self, exchange: DataExchange) -> None:
        """Made by `DataExchange.connect`."""
        self.exchange = exchange
        self.closed = False
        self.streams = Streams(self, exchange)  # type: ignore[arg-type]  # only asked what a stream has shown: nothing
        self._reply_to: ReplyTo | None = None

    def submit(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """See `Venue`."""
        self._reply_to = reply_to
        match request:
            case CreateOrder() | CancelAtVenue():
                refusal = self.exchange.answers.local_refusal(request)
                if refusal is not None:
                    self._refuse(request, refusal)
                    return
                self.exchange.waiting.setdefault(request.symbol, []).append((self.exchange.now_ms(), request, self))
            case Watch():
                self.tell(StreamUp(request.stream))
            case RepeatBook():
                if (known := self.exchange.snapshots.get(request.symbol)) is not None:
                    self.tell(known())
            case Unwatch() | DropClient():
                pass
            case FetchBook() if request.symbol in self.exchange.snapshots:
                self._answer(_fetched(request, self.exchange.snapshots[request.symbol]()))
            case CloseVenue():
                self.closed = True
            case _:
                self.apply(request)

    def apply(self, request: VenueRequest) -> None:
        """The venue does what was asked, and answers."""
        exchange = self.exchange
        try:
            reply = exchange.answers.answer(request, self.streams, PLAIN)
        except RefusedError as refusal:
            self._refuse(request, refusal)
            return
        if isinstance(request, CreateOrder):
            order = exchange.account.by_client_id[request.symbol, request.client_id]
            if order.filled:
                # All that it has, for it is new; and they are the account's last.
                fills = exchange.account.fills[request.symbol]
                first = len(fills) - 1
                while first and fills[first - 1].taker_order_id == order.id:
                    first -= 1
                self.tell_fills(order, fills[first:])
            exchange.joined(order)
            self._tell_end(order)
        elif isinstance(request, CancelAtVenue):
            self._tell_end(exchange.order_of(request))
        elif isinstance(request, FetchMarkets) and isinstance(reply, MarketsFetched):
            reply = _with_few_streams(reply)
        self._answer(reply)

    def _tell_end(self, order: Order | None) -> None:
        """Where a venue answers with an id alone, its stream says how the order stands."""
        if order is not None and not self.exchange.profile.tells_whole_orders:
            self.tell(OrdersStreamed((rendering.order_of(order),)))

    def tell_fills(self, order: Order, events: Sequence[Event]) -> None:
        """Our trades, under our own id, so that whoever keeps them knows whose they are at once."""
        for event in events:
            if isinstance(event, Fill):
                self.tell(TradesStreamed((rendering.trade_of(event, order.account.name, order.client_id),)))

    def tell(self, message: FromVenue) -> None:
        """Something comes unasked."""
        if self._reply_to is not None and not self.closed:
            self._reply_to.tell(message)

    def _answer(self, reply: VenueReply) -> None:
        # Like any venue's, answers to writes reach whoever stands there now; nobody is told of a closed one's readings.
        if self._reply_to is not None:
            self._reply_to.tell(reply)

    def _refuse(self, request: VenueRequest, refusal: RefusedError) -> None:
        why = failure(refusal.error, refusal.text, operation_of(request), refusal.phase)
        self._answer(failed_reply(request, 0.0, why))


def _with_few_streams(reply: MarketsFetched) -> MarketsFetched:
    """What the data's venue can do: no balance stream (it would say what fills say), no public trades by request."""
    can = msgspec.structs.replace(
        reply.capabilities,
        streams=STREAMS,
        fetch_trades=False,
        units_per_s=UNITS_PER_S,
        burst=UNITS_PER_S,
        cancel_all_after=False,
        expiry_ms=None,
    )
    return msgspec.structs.replace(reply, capabilities=can)


def _fetched(request: FetchBook, book: BookSnapshot) -> BookFetched:
    bids, asks = book.bids[: request.limit], book.asks[: request.limit]
    bid, ask = bids[0][0] if bids else None, asks[0][0] if asks else None
    return BookFetched(request.request_id, 0.0, request.symbol, bids, asks, streamed_bid=bid, streamed_ask=ask)


def _ignore(_: str) -> Any:
    """Nothing goes wrong here, so nothing is counted."""

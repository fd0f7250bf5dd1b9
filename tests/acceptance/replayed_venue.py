"""A venue port in virtual time that tells numbered frames, the same in every run, and takes every order."""

from __future__ import annotations

import random
from decimal import Decimal

from ganglion.actors.exchange.venue import ReplyTo
from ganglion.messages.market import BookDelta, BookSnapshot, Market, TradeTick
from ganglion.messages.orders import Balance, VenueOrder
from ganglion.messages.values import Side, Symbol, base_of, quote_of
from ganglion.messages.venue import (
    BalanceFetched,
    BookFetched,
    CancelAtVenue,
    CancelDone,
    CandlesFetched,
    Capabilities,
    CreateOrder,
    FetchBalance,
    FetchBook,
    FetchCandles,
    FetchMarkets,
    FetchMyTrades,
    FetchOpenOrders,
    FetchTime,
    MarketsFetched,
    OrderCreated,
    OrdersFetched,
    RepeatBook,
    StreamKind,
    StreamUp,
    TimeFetched,
    TradesFetched,
    VenueRequest,
    Watch,
)
from ganglion.supervision import System

D = Decimal
CAPABILITIES = Capabilities(
    streams=(StreamKind.BOOK, StreamKind.TRADES, StreamKind.ORDERS),
    fetch_time=True,
    fetch_order_by_client_id=True,
    recent_orders=False,
    own_trades=True,
    own_trades_need_symbol=True,
    look_up_counts=True,
    gateway_refuses_rate_limits=True,
    units_per_s=1000.0,
    private=True,
)


class ReplayedVenue:
    """Answers at once and tells what `frame` makes."""

    def __init__(self, system: System, name: str, symbols: tuple[Symbol, ...], seed: int = 7) -> None:
        self._system = system
        self._name = name
        self._symbols = symbols
        self._dice = random.Random(seed)
        self._sequence = dict.fromkeys(symbols, 0)
        self._trades = 0
        self._told: ReplyTo | None = None
        self.created: list[CreateOrder] = []
        self._orders: dict[str, VenueOrder] = {}

    def frame(self) -> None:
        """One change of each book, and a trade in each market."""
        assert self._told is not None, "nobody is connected"
        now_s, now_ms = self._system.clock.monotonic_s(), self._system.clock.now_ms()
        for symbol in self._symbols:
            size = self._dice.uniform(1, 2)
            step = self._dice.choice((-0.01, 0.0, 0.01))
            number = self._sequence[symbol] = self._sequence[symbol] + 1
            delta = BookDelta(
                self._name, symbol, ((99.9 + step, size),), ((100.1 + step, size),), number - 1, number, now_s
            )
            self._told.tell(delta)
            self._trades += 1
            price = 100.0 + step
            tick = TradeTick(self._name, symbol, str(self._trades), Side.BUY, price, size, now_ms, now_s)
            self._told.tell(tick)

    def submit(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """See `Venue`."""
        number = request.request_id
        clock = self._system.clock
        match request:
            case FetchMarkets():
                markets = tuple(self._market(symbol) for symbol in self._symbols)
                reply_to.tell(MarketsFetched(number, 1.0, markets, self._symbols, CAPABILITIES))
            case FetchTime():
                reply_to.tell(TimeFetched(number, 1.0, clock.now_ms()))
            case FetchBalance():
                reply_to.tell(BalanceFetched(number, 1.0, self._balances()))
            case FetchOpenOrders(symbol=symbol):
                found = tuple(o for o in self._orders.values() if o.symbol == symbol and o.status == "open")
                reply_to.tell(OrdersFetched(number, 1.0, found))
            case FetchMyTrades():
                reply_to.tell(TradesFetched(number, 1.0, ()))
            case FetchCandles():
                reply_to.tell(CandlesFetched(number, 1.0, request.symbol, request.timeframe, ()))
            case FetchBook(symbol=symbol):
                reply_to.tell(BookFetched(number, 1.0, symbol, ((99.0, 1.0),), ((101.0, 1.0),), 99.0, 101.0))
            case Watch(stream=stream):
                self._told = reply_to
                reply_to.tell(StreamUp(stream))
                if stream.kind is StreamKind.BOOK and stream.symbol is not None:
                    reply_to.tell(self._snapshot(stream.symbol))
            case RepeatBook(symbol=symbol):
                reply_to.tell(self._snapshot(symbol))
            case CreateOrder():
                reply_to.tell(self._create(request))
            case CancelAtVenue(client_id=client_id, symbol=symbol):
                order = self._order(client_id, symbol, "canceled")
                reply_to.tell(CancelDone(number, 1.0, client_id, symbol, order, None))
            case _:
                pass

    def _create(self, request: CreateOrder) -> OrderCreated:
        self.created.append(request)
        order = self._order(request.client_id, request.symbol, "open")
        return OrderCreated(request.request_id, 1.0, request.client_id, request.attempt, request.symbol, order, None)

    def _order(self, client_id: str, symbol: Symbol, status: str) -> VenueOrder:
        order = VenueOrder(symbol, f"v-{client_id}", client_id, status, filled=D(0))
        self._orders[client_id] = order
        return order

    def _snapshot(self, symbol: Symbol) -> BookSnapshot:
        bids = tuple((99.0 - level, 5.0) for level in range(5))
        asks = tuple((101.0 + level, 5.0) for level in range(5))
        now_s = self._system.clock.monotonic_s()
        return BookSnapshot(self._name, symbol, bids, asks, self._sequence[symbol], now_s)

    def _balances(self) -> tuple[Balance, ...]:
        assets = sorted({asset for symbol in self._symbols for asset in (base_of(symbol), quote_of(symbol))})
        return tuple(Balance(asset, D(100_000), D(0)) for asset in assets)

    def _market(self, symbol: Symbol) -> Market:
        return Market(self._name, symbol, D("0.01"), D("0.0001"), D("0.0001"), D(5), D("0.001"), D("0.001"))

"""One coroutine for each request of the port, over ccxt's unified methods, each reply validated.

Runs on the arm's asyncio loop, called by adapter.py with a `Trace` in place. Raises ccxt's errors and
`IncompleteError`; adapter.py turns them into replies. Capability comes from `has`, special cases from quirks.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any

from ganglion.actors.exchange.ccxt import convert
from ganglion.actors.exchange.ccxt.book_tap import levels_of
from ganglion.actors.exchange.ccxt.convert import IncompleteError
from ganglion.actors.exchange.ccxt.failures import NotOfferedError
from ganglion.actors.exchange.ccxt.offset_lists import OffsetLists
from ganglion.actors.exchange.ccxt.ordering import RequestOrder
from ganglion.actors.exchange.ccxt.settings import CcxtSettings
from ganglion.actors.exchange.ccxt.trace import Trace
from ganglion.actors.exchange.ccxt.writes import Writes, by_client_id, check_envelope
from ganglion.actors.exchange.quirks import Quirks
from ganglion.messages.market import Market
from ganglion.messages.orders import VenueTrade
from ganglion.messages.values import Symbol
from ganglion.messages.venue import (
    BalanceFetched,
    BookFetched,
    CancelAllAfter,
    CancelAtVenue,
    CandlesFetched,
    Capabilities,
    CreateOrder,
    FetchBalance,
    FetchBook,
    FetchCandles,
    FetchKeyRights,
    FetchMarkets,
    FetchMyTrades,
    FetchOpenOrders,
    FetchOrder,
    FetchRecentOrders,
    FetchTime,
    FetchTrades,
    KeyRightsFetched,
    MarketsFetched,
    OrderFetched,
    OrdersFetched,
    PublicTradesFetched,
    StreamKind,
    TimeFetched,
    TradesFetched,
    VenueReply,
    VenueRequest,
)

MAX_PAGES = 20
PAGE = 500

WATCHES = {
    StreamKind.BOOK: "watchOrderBook",
    StreamKind.TRADES: "watchTrades",
    StreamKind.TICKER: "watchTicker",
    StreamKind.ORDERS: "watchOrders",
    StreamKind.MY_TRADES: "watchMyTrades",
    StreamKind.BALANCE: "watchBalance",
}


class SharedMarkets:
    """What is known of a venue's markets, kept across restarts of its exchange actor."""

    def __init__(self) -> None:
        self.loaded: Any = None
        self.order = RequestOrder()
        """Of the requests that carry a rising number."""
        self.book_sequences: dict[Symbol, int] = {}
        """The number of the last book message by symbol."""


class Requests:
    """Answers requests with one ccxt exchange."""

    def __init__(
        self,
        exchange: Any,
        settings: CcxtSettings,
        quirks: Quirks,
        shared: SharedMarkets,
        now_s: Callable[[], float],
    ) -> None:
        self.exchange = exchange
        self.now_s = now_s
        self.settings = settings
        self.quirks = quirks
        self.shared = shared
        self.by_offset = OffsetLists(quirks)
        self.writes = Writes(exchange, settings, quirks)
        self._routes: dict[type, Callable[[Any, Trace], Awaitable[VenueReply]]] = {
            FetchMarkets: self.markets,
            FetchTime: self.time,
            FetchBook: self.book,
            FetchCandles: self.candles,
            FetchTrades: self.public_trades,
            FetchBalance: self.balance,
            FetchKeyRights: self.key_rights,
            FetchOpenOrders: self.open_orders,
            FetchOrder: self.order,
            FetchRecentOrders: self.recent_orders,
            FetchMyTrades: self.my_trades,
            CreateOrder: self.writes.create,
            CancelAtVenue: self.writes.cancel,
            CancelAllAfter: self.writes.cancel_all_after,
        }

    async def answer(self, request: VenueRequest, trace: Trace) -> VenueReply:
        """The reply to a request that has one."""
        return await self._routes[type(request)](request, trace)

    # -------------------------------------------------------------- markets and time

    async def markets(self, request: FetchMarkets, trace: Trace) -> MarketsFetched:
        """Load what can be traded, or take what an earlier incarnation loaded."""
        exchange = self.exchange
        if self.shared.loaded is not None and not exchange.markets:
            exchange.set_markets_from_exchange(self.shared.loaded)
        await exchange.load_markets(request.reload)
        if not exchange.markets:
            raise IncompleteError("the venue sent no markets at all")
        self.shared.loaded = SimpleNamespace(**{
            name: getattr(exchange, name, None)
            for name in (
                "id",
                    "options", "markets", "markets_by_id", "currencies", "currencies_by_id",
                "baseCurrencies", "quoteCurrencies", "codes", "symbols", "ids",
            )
        })  # fmt: skip
        known = {raw["symbol"] for raw in exchange.markets.values() if self._ours(raw)}
        return MarketsFetched(
            request_id=request.request_id,
            cost=trace.cost,
            markets=tuple(self._market(symbol) for symbol in request.symbols if symbol in known),
            known=tuple(sorted(known)),
            capabilities=self.capabilities(),
        )

    def _ours(self, raw: Mapping[str, Any]) -> bool:
        return raw.get("type") == self.settings.type or bool(raw.get(self.settings.type))

    def _market(self, symbol: str) -> Market:
        exchange = self.exchange
        trading = (getattr(exchange, "fees", None) or {}).get("trading") or {}
        return convert.market_of(
            exchange.markets[symbol],
            self.settings.name,
            exchange.precisionMode,
            self.quirks.fee_side or str(trading.get("feeSide") or "get"),
        )

    def capabilities(self) -> Capabilities:
        """What the venue says it has, and what was tested of it."""
        has, quirks = self.exchange.has, self.quirks
        offered = [kind for kind, name in WATCHES.items() if has.get(name) and self._usable(kind)]
        return Capabilities(
            streams=tuple(offered),
            fetch_time=bool(has.get("fetchTime")),
            fetch_order_by_client_id=quirks.fetch_by_client_id,
            recent_orders=self._recent_route() is not None,
            own_trades=bool(has.get("fetchMyTrades")),
            own_trades_need_symbol=quirks.own_trades_need_symbol,
            look_up_counts=quirks.look_up_tested,
            gateway_refuses_rate_limits=quirks.gateway_refuses_rate_limits,
            repeats_fail_by_nonce=bool(quirks.nonce_apis),
            units_per_s=self.settings.units_per_s or 1000.0 / float(self.exchange.rateLimit or 1000.0),
            private=bool(self.settings.credentials),
            burst=quirks.burst,
            expiry_ms=quirks.expiry_ms if quirks.deadline_param or quirks.deadline_header else None,
            fetch_trades=bool(has.get("fetchTrades")),
            cancel_all_after=bool(has.get("cancelAllOrdersAfter")),
            cancel_all_after_stops=quirks.dead_man.stops,
        )

    def _usable(self, kind: StreamKind) -> bool:
        return not kind.private or bool(self.settings.credentials)

    async def time(self, request: FetchTime, trace: Trace) -> TimeFetched:
        """The venue's clock; with `resync`, what requests are signed with follows it."""
        venue_ms = await self.exchange.fetch_time()
        if not isinstance(venue_ms, int) or venue_ms <= 0:
            raise IncompleteError(f"a time that is none: {venue_ms!r}")
        if request.resync and "timeDifference" in self.exchange.options:
            self.exchange.options["timeDifference"] = self.exchange.milliseconds() - venue_ms
        return TimeFetched(request_id=request.request_id, cost=trace.cost, venue_ms=venue_ms)

    # -------------------------------------------------------------- market data

    async def book(self, request: FetchBook, trace: Trace) -> BookFetched:
        """The book by request, beside what the stream has."""
        raw = await self.exchange.fetch_order_book(request.symbol, request.limit)
        bids, asks = levels_of(raw["bids"]), levels_of(raw["asks"])
        if not bids and not asks:
            raise IncompleteError(f"an empty book of {request.symbol}")
        streamed = self.exchange.orderbooks.get(request.symbol) or {"bids": [], "asks": []}
        return BookFetched(
            request_id=request.request_id,
            cost=trace.cost,
            symbol=request.symbol,
            bids=bids,
            asks=asks,
            streamed_bid=_best(streamed["bids"]),
            streamed_ask=_best(streamed["asks"]),
        )

    async def candles(self, request: FetchCandles, trace: Trace) -> CandlesFetched:
        """The venue's own candles."""
        if not self.exchange.has.get("fetchOHLCV"):
            raise NotOfferedError(f"{self.settings.id} has no candles: build them from trades")
        rows = await self.exchange.fetch_ohlcv(request.symbol, request.timeframe, request.since_ms, request.limit)
        self._check_list(trace)
        name, symbol, frame = self.settings.name, request.symbol, request.timeframe
        return CandlesFetched(
            request_id=request.request_id,
            cost=trace.cost,
            symbol=symbol,
            timeframe=frame,
            candles=tuple(convert.candle_of(row, name, symbol, frame) for row in rows),
        )

    async def public_trades(self, request: FetchTrades, trace: Trace) -> PublicTradesFetched:
        """The latest public trades."""
        raw = await self.exchange.fetch_trades(request.symbol, None, request.limit)
        self._check_list(trace)
        name, now_s = self.settings.name, self.now_s()
        ticks = [convert.tick_of(item, name, request.symbol, now_s) for item in raw]
        return PublicTradesFetched(
            request_id=request.request_id,
            cost=trace.cost,
            symbol=request.symbol,
            trades=tuple(sorted(ticks, key=lambda tick: tick.timestamp_ms)),
        )

    # -------------------------------------------------------------- the account

    async def balance(self, request: FetchBalance, trace: Trace) -> BalanceFetched:
        """All balances; a reply without the venue's own envelope says nothing about money."""
        raw = await self.exchange.fetch_balance()
        envelope = self.quirks.balance_envelope
        body = trace.body
        if not isinstance(body, dict | list):
            raise IncompleteError("a balance that is neither object nor list")
        if envelope is not None and not (isinstance(body, dict) and envelope in body):
            raise IncompleteError(f"a balance without {envelope!r}")
        return BalanceFetched(request_id=request.request_id, cost=trace.cost, balances=convert.balances_of(raw))

    async def key_rights(self, request: FetchKeyRights, trace: Trace) -> KeyRightsFetched:
        """What the key may do, where somebody has looked how this venue tells it."""
        route = self.quirks.key_rights
        # an older ccxt may not know the method
        method = None if route is None else getattr(self.exchange, route.method, None)
        may = None if route is None or method is None else convert.may_withdraw(await method(), route)
        return KeyRightsFetched(request_id=request.request_id, cost=trace.cost, may_withdraw=may)

    async def open_orders(self, request: FetchOpenOrders, trace: Trace) -> OrdersFetched:
        """Open orders of one market."""
        raw = await self.exchange.fetch_open_orders(request.symbol)
        self.by_offset.entries("open_orders", trace.body)
        return self._orders(request.request_id, raw, trace)

    async def recent_orders(self, request: FetchRecentOrders, trace: Trace) -> OrdersFetched:
        """Orders of one market that ended since a time."""
        route = self._recent_route()
        if route is None:
            raise NotOfferedError(f"{self.settings.id} lists no orders of the past")
        if self.quirks.offset_param:
            read = functools.partial(getattr(self.exchange, route), request.symbol, request.since_ms, None)
            return self._orders(request.request_id, await self.by_offset.read("recent_orders", read, trace), trace)
        raw = await getattr(self.exchange, route)(request.symbol, request.since_ms)
        self.by_offset.entries("recent_orders", trace.body)
        reply = self._orders(request.request_id, raw, trace)
        if route != "fetch_closed_orders" or not self._native("fetchCanceledOrders"):
            return reply
        raw = await self.exchange.fetch_canceled_orders(request.symbol, request.since_ms)
        more = self._orders(request.request_id, raw, trace)
        orders = {order.venue_id: order for order in (*reply.orders, *more.orders)}
        return OrdersFetched(request_id=request.request_id, cost=trace.cost, orders=tuple(orders.values()))

    def _recent_route(self) -> str | None:
        for has, method in (
            ("fetchOrders", "fetch_orders"),
            ("fetchCanceledAndClosedOrders", "fetch_canceled_and_closed_orders"),
            ("fetchClosedOrders", "fetch_closed_orders"),
        ):
            if self._native(has):
                return method
        return None

    def _native(self, name: str) -> bool:
        return self.exchange.has.get(name) is True

    def _orders(self, request_id: int, raw: Any, trace: Trace) -> OrdersFetched:
        self._check_list(trace)
        rule = self.quirks.client_id
        orders = tuple(convert.order_of(item, rule) for item in raw)
        return OrdersFetched(request_id=request_id, cost=trace.cost, orders=orders)

    async def order(self, request: FetchOrder, trace: Trace) -> OrderFetched:
        """One order, by the venue's id or by a client id where that route was tested."""
        if request.venue_id is not None:
            raw = await self.exchange.fetch_order(request.venue_id, request.symbol)
        elif self.quirks.fetch_by_client_id:
            raw = await self.exchange.fetch_order(None, request.symbol, by_client_id(self.quirks, request.client_id))
        else:
            raise NotOfferedError(f"{self.settings.id}: finding orders by client id is not tested")
        order = convert.order_of(raw, self.quirks.client_id, request.symbol)
        return OrderFetched(request_id=request.request_id, cost=trace.cost, order=order)

    async def my_trades(self, request: FetchMyTrades, trace: Trace) -> TradesFetched:
        """Own trades since a time, page by page until one brings nothing new."""
        if self.quirks.offset_param:
            return await self._my_trades_by_offset(request, trace)
        found: dict[tuple[str, str], VenueTrade] = {}
        since, page_size = request.since_ms, self._page_size("fetchMyTrades")
        for _ in range(MAX_PAGES):
            raw = await self.exchange.fetch_my_trades(request.symbol, since, page_size or PAGE)
            self._check_list(trace)
            self.by_offset.entries("my_trades", trace.body)
            page = [convert.trade_of(item, self.quirks.client_id, fees=False) for item in raw]
            trades = [trade for trade in page if trade is not None]
            new = [trade for trade in trades if (trade.symbol, trade.trade_id) not in found]
            found.update({(trade.symbol, trade.trade_id): trade for trade in new})
            last = max((trade.timestamp_ms for trade in new), default=since)
            if not new or last <= since or (page_size and len(raw) < page_size):
                break
            since = last  # inclusive: trades of the same millisecond may be on the next page
        else:
            raise IncompleteError(f"own trades did not end after {MAX_PAGES} pages")
        trades = sorted(found.values(), key=lambda trade: (trade.timestamp_ms, trade.trade_id))
        return TradesFetched(request_id=request.request_id, cost=trace.cost, trades=tuple(trades))

    async def _my_trades_by_offset(self, request: FetchMyTrades, trace: Trace) -> TradesFetched:
        read = functools.partial(self.exchange.fetch_my_trades, request.symbol, request.since_ms, None)
        raw = await self.by_offset.read("my_trades", read, trace)
        self._check_list(trace)
        rule = self.quirks.client_id
        found = [convert.trade_of(item, rule, fees=False) for item in raw]
        # ccxt leaves the other markets in where a venue lists all of them
        trades = {
            (trade.symbol, trade.trade_id): trade
            for trade in found
            if trade is not None and request.symbol in {None, trade.symbol}
        }
        ordered = sorted(trades.values(), key=lambda trade: (trade.timestamp_ms, trade.trade_id))
        return TradesFetched(request_id=request.request_id, cost=trace.cost, trades=tuple(ordered))

    def _page_size(self, name: str) -> int | None:
        """Most entries in one reply, where the venue's features say so."""
        features = (getattr(self.exchange, "features", None) or {}).get(self.settings.type) or {}
        return (features.get(name) or {}).get("limit")

    def _check_list(self, trace: Trace) -> None:
        check_envelope(self.quirks, trace)


def _best(side: Any) -> float | None:
    return float(side[0][0]) if side else None

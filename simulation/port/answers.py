"""What one simulated exchange answers to each request, from the engine's truth at the instant when it arrives.

Called by `requests.py`. A `View` says in which way a fault bends a reading; none of them bends the truth itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from ganglion.messages.market import Candle
from ganglion.messages.orders import Balance, Phase, VenueOrder
from ganglion.messages.values import OrderType, Side
from ganglion.messages.venue import (
    BalanceFetched,
    BookFetched,
    CancelAllAfter,
    CancelAllAfterSet,
    CancelAtVenue,
    CancelDone,
    CandlesFetched,
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
    OrderCreated,
    OrderFetched,
    OrdersFetched,
    PublicTradesFetched,
    Stream,
    StreamKind,
    TimeFetched,
    TradesFetched,
    VenueReply,
)
from ganglion.simulation.port import rendering
from ganglion.simulation.port.failures import RefusedError
from ganglion.simulation.port.streams import Streams, best_of
from ganglion.simulation.venue.events import Fill, Rejected
from ganglion.simulation.venue.orders import NewOrder, Order

if TYPE_CHECKING:
    from ganglion.simulation.port.exchange import SimulatedExchange


class View(NamedTuple):
    """How a reading of the account is bent."""

    at_ms: int | None = None
    """As it was then."""
    empty: bool = False
    """With nothing in it."""
    hidden: tuple[str, int] | None = None
    """Without this order (market and id)."""


PLAIN = View()


class Answers:
    """Answers requests of one account."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self.exchange = exchange
        self._routes: dict[type, Callable[[Any, Streams, View], VenueReply]] = {
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
            CreateOrder: self.create,
            CancelAtVenue: self.cancel,
            CancelAllAfter: self.cancel_all_after,
        }

    def answer(self, request: Any, streams: Streams, view: View = PLAIN) -> VenueReply:
        """The reply to a request that has one.

        Raises:
            RefusedError: the venue refuses it.
        """
        return self._routes[type(request)](request, streams, view)

    def cost_of(self, request: object) -> float:
        """What it is charged."""
        return self.exchange.profile.costs.get(type(request), 0.0)

    # -------------------------------------------------------------- markets

    def markets(self, request: FetchMarkets, _streams: Streams, _view: View) -> MarketsFetched:
        """What can be traded."""
        exchange = self.exchange
        known = exchange.core.engine.markets
        name, side = exchange.name, exchange.profile.fee_side
        listed = [known[symbol] for symbol in request.symbols if symbol in known]
        return MarketsFetched(
            request_id=request.request_id,
            cost=self.cost_of(request),
            markets=tuple(rendering.market_of(market, name, side) for market in listed),
            known=tuple(sorted(known)),
            capabilities=exchange.profile.capabilities(),
        )

    def time(self, request: FetchTime, _streams: Streams, _view: View) -> TimeFetched:
        """The venue's clock."""
        step_ms = self.exchange.profile.clock_step_ms
        venue_ms = self.exchange.core.now_ms() // step_ms * step_ms
        return TimeFetched(request_id=request.request_id, cost=self.cost_of(request), venue_ms=venue_ms)

    def book(self, request: FetchBook, streams: Streams, _view: View) -> BookFetched:
        """The book, beside what the stream has."""
        bids, asks = self.exchange.core.engine.books[request.symbol].depth(request.limit)
        live = streams.live.get(Stream(StreamKind.BOOK, request.symbol))
        return BookFetched(
            request_id=request.request_id,
            cost=self.cost_of(request),
            symbol=request.symbol,
            bids=rendering.levels_of(bids),
            asks=rendering.levels_of(asks),
            streamed_bid=None if live is None else best_of(live.bids, Side.BUY),
            streamed_ask=None if live is None else best_of(live.asks, Side.SELL),
        )

    def candles(self, request: FetchCandles, _streams: Streams, _view: View) -> CandlesFetched:
        """The venue's own candles."""
        core, name = self.exchange.core, self.exchange.name
        tape = core.tapes[request.symbol]
        found = tape.candles(request.timeframe, core.now_ms(), request.limit, request.since_ms)
        return CandlesFetched(
            request_id=request.request_id,
            cost=self.cost_of(request),
            symbol=request.symbol,
            timeframe=request.timeframe,
            candles=tuple(
                Candle(
                    exchange=name,
                    symbol=request.symbol,
                    timeframe=request.timeframe,
                    open_ms=candle.open_ms,
                    open=float(candle.open),
                    high=float(candle.high),
                    low=float(candle.low),
                    close=float(candle.close),
                    volume=float(candle.volume),
                )
                for candle in found
            ),
        )

    def public_trades(self, request: FetchTrades, _streams: Streams, _view: View) -> PublicTradesFetched:
        """The latest public trades."""
        exchange = self.exchange
        fills, now_s = exchange.core.tapes[request.symbol].latest(request.limit), exchange.timeline.now_s
        ticks = sorted((rendering.tick_of(fill, exchange.name, now_s) for fill in fills), key=lambda t: t.timestamp_ms)
        return PublicTradesFetched(
            request_id=request.request_id, cost=self.cost_of(request), symbol=request.symbol, trades=tuple(ticks)
        )

    # -------------------------------------------------------------- the account

    def balance(self, request: FetchBalance, _streams: Streams, view: View) -> BalanceFetched:
        """All balances."""
        account = self.exchange.account
        self.exchange.read += 1
        if view.empty:
            balances: tuple[Balance, ...] = ()
        elif view.at_ms is None:
            balances = rendering.balances_of(account)
        else:
            balances = rendering.balances_at(account, self.exchange.core.engine.markets, view.at_ms)
        return BalanceFetched(request_id=request.request_id, cost=self.cost_of(request), balances=balances)

    def key_rights(self, request: FetchKeyRights, _streams: Streams, _view: View) -> KeyRightsFetched:
        """It may not withdraw."""
        return KeyRightsFetched(request_id=request.request_id, cost=self.cost_of(request), may_withdraw=False)

    def open_orders(self, request: FetchOpenOrders, _streams: Streams, view: View) -> OrdersFetched:
        """Open orders of one market, oldest first."""
        shown = self._shown(request.symbol, view, only_open=view.at_ms is None)
        orders = tuple(order for _, order in shown if order.status == "open")
        return OrdersFetched(request_id=request.request_id, cost=self.cost_of(request), orders=orders)

    def recent_orders(self, request: FetchRecentOrders, _streams: Streams, view: View) -> OrdersFetched:
        """Orders of one market since a time; open ones among them where the venue lists all in one."""
        everything = self.exchange.profile.recent_with_open
        found = []
        for order, told in self._shown(request.symbol, view):
            when_ms = order.created_ms if everything else order.updated_ms
            if when_ms >= request.since_ms and (everything or told.status != "open"):
                found.append(told)
        return OrdersFetched(request_id=request.request_id, cost=self.cost_of(request), orders=tuple(found))

    def order(self, request: FetchOrder, _streams: Streams, view: View) -> OrderFetched:
        """One order, by the venue's id or by client id."""
        order = self.found(request)
        told = None if order is None else self._told(order, view)
        if told is None:
            raise RefusedError("OrderNotFound", f"{self.exchange.profile.id} {self.exchange.profile.not_found}")
        return OrderFetched(request_id=request.request_id, cost=self.cost_of(request), order=told)

    def found(self, request: FetchOrder) -> Order | None:
        """The order that is asked for."""
        account = self.exchange.account
        if request.venue_id is None:
            return account.by_client_id.get((request.symbol, request.client_id))
        return account.orders.get((request.symbol, _number(request.venue_id)))

    def my_trades(self, request: FetchMyTrades, _streams: Streams, view: View) -> TradesFetched:
        """Own trades since a time."""
        account = self.exchange.account
        symbols = list(account.fills) if request.symbol is None else [request.symbol]
        until_ms = 1 << 62 if view.at_ms is None else view.at_ms
        fills = [fill for symbol in symbols for fill in account.fills.get(symbol, ())]
        chosen = [] if view.empty else [fill for fill in fills if request.since_ms <= fill.time_ms <= until_ms]
        if self.exchange.listed_s:
            chosen = [fill for fill in chosen if self._listed(fill)]
        trades = [rendering.trade_of(fill, account.name) for fill in chosen]
        trades.sort(key=lambda trade: (trade.timestamp_ms, trade.trade_id))
        return TradesFetched(request_id=request.request_id, cost=self.cost_of(request), trades=tuple(trades))

    def _listed(self, fill: Fill) -> bool:
        return self.exchange.timeline.now_s >= self.exchange.listed_s.get((fill.symbol, fill.trade_id), 0.0)

    def _shown(self, symbol: str, view: View, *, only_open: bool = False) -> Iterator[tuple[Order, VenueOrder]]:
        account = self.exchange.account
        for order in list(account.open.values() if only_open else account.orders.values()):
            if order.symbol == symbol:
                told = self._told(order, view)
                if told is not None:
                    yield order, told

    def _told(self, order: Order, view: View) -> VenueOrder | None:
        key = (order.symbol, order.id)
        if view.at_ms is None and not view.empty and view.hidden != key:
            return rendering.order_of(order)
        stand = None if view.at_ms is None else rendering.stand_at(order, self.exchange.account, view.at_ms)
        if stand is None:
            self.exchange.withheld.add(key)
            return None
        return rendering.order_of(order, stand)

    # -------------------------------------------------------------- writes

    def create(self, request: CreateOrder, _streams: Streams, _view: View) -> OrderCreated:
        """Place one order; amounts are cut and prices rounded as ccxt does."""
        exchange = self.exchange
        market = exchange.core.engine.markets[request.symbol]
        command = NewOrder(
            account=exchange.account.name,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            client_id=request.client_id,
            quantity=market.truncate(request.amount),
            # Of a market order it is what funds were reserved at, and stays at home.
            price=None
            if request.price is None or request.type is OrderType.MARKET
            else rounded(request.price, market.tick),
            time_in_force=request.time_in_force,
            post_only=request.post_only,
            fee_asset=exchange.profile.fee_asset,
        )
        events = exchange.core.place(command)
        self._refuse(events[0])
        order = exchange.account.by_client_id[request.symbol, request.client_id]
        told = rendering.order_of(order)
        if not exchange.profile.tells_whole_orders:
            told = VenueOrder(
                symbol=order.symbol,
                venue_id=told.venue_id,
                client_id=told.client_id,
                status=None,
                side=told.side,
                type=told.type,
                price=order.price,
                amount=told.amount,
            )
        return OrderCreated(
            request_id=request.request_id,
            cost=self.cost_of(request),
            client_id=request.client_id,
            attempt=request.attempt,
            symbol=request.symbol,
            order=told,
            failure=None,
        )

    def cancel(self, request: CancelAtVenue, _streams: Streams, _view: View) -> CancelDone:
        """Cancel one order."""
        exchange, account = self.exchange, self.exchange.account
        order = self.wanted(request)
        number = _number(request.venue_id or "")
        if request.venue_id is None:
            events = exchange.core.cancel(account.name, request.symbol, client_id=request.client_id)
        else:
            events = exchange.core.cancel(account.name, request.symbol, order_id=number)
        self._refuse(events[0])
        told = VenueOrder(request.symbol, request.venue_id, request.client_id, None)
        if exchange.profile.tells_whole_orders and order is not None:
            told = rendering.order_of(order)
        return CancelDone(
            request_id=request.request_id,
            cost=self.cost_of(request),
            client_id=request.client_id,
            symbol=request.symbol,
            order=told,
            failure=None,
        )

    def wanted(self, request: CancelAtVenue) -> Order | None:
        """The open order that a cancel means."""
        account = self.exchange.account
        if request.venue_id is not None:
            return account.open.get((request.symbol, _number(request.venue_id)))
        order = account.open_client_ids.get(request.client_id)
        return order if order is not None and order.symbol == request.symbol else None

    def cancel_all_after(self, request: CancelAllAfter, _streams: Streams, _view: View) -> CancelAllAfterSet:
        """Arm, renew or switch off the dead man's switch."""
        self.exchange.arm_dead_man(request.timeout_s)
        return CancelAllAfterSet(request_id=request.request_id, cost=self.cost_of(request), timeout_s=request.timeout_s)

    def _refuse(self, event: object) -> None:
        if isinstance(event, Rejected):
            profile = self.exchange.profile
            error, text = profile.says[event.code]
            raise RefusedError(error, f"{profile.id} {text}")

    # -------------------------------------------------------------- before anything is sent

    def local_refusal(self, request: Any) -> RefusedError | None:
        """What the adapter refuses by itself: nothing is sent."""
        exchange, profile = self.exchange, self.exchange.profile
        markets, id_ = exchange.core.engine.markets, profile.id
        error = text = ""
        if isinstance(request, FetchMyTrades) and request.symbol is None and profile.quirks.own_trades_need_symbol:
            error, text = "ArgumentsRequired", "fetchMyTrades() requires a symbol argument"
        elif isinstance(request, FetchOrder) and request.venue_id is None and not profile.quirks.fetch_by_client_id:
            error, text = "NotSupported", "finding orders by client id is not tested"
        elif isinstance(request, CancelAllAfter) and not profile.dead_man:
            error, text = "NotSupported", "it has no dead man's switch"
        elif (
            not isinstance(request, FetchMarkets)
            and (symbol := getattr(request, "symbol", None)) is not None
            and (symbol not in markets)
        ):
            error, text = "BadSymbol", f"it does not have market symbol {request.symbol}"
        elif isinstance(request, CreateOrder) and not markets[request.symbol].truncate(request.amount):
            step = markets[request.symbol].step
            error = "InvalidOrder"
            text = f"amount of {request.symbol} must be greater than minimum amount precision of {step}"
        return RefusedError(error, f"{id_} {text}", Phase.BEFORE_SEND) if error else None


def rounded(price: Decimal, tick: Decimal) -> Decimal:
    """The nearest price that the market has, as ccxt writes it."""
    return (price / tick).quantize(Decimal(1), ROUND_HALF_EVEN) * tick


def _number(venue_id: str) -> int:
    return int(venue_id) if venue_id.isdigit() else -1

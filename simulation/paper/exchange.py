"""A paper account at one exchange: the matching engine on the real market's data, and what is on its way to it.

`PaperAccount` outlives the incarnations of its exchange actor; venue.py feeds it what the real exchange tells, on one
thread. An order waits until its latency is over and something came from its market after that; a market that says
nothing for `QUIET_S` while its stream is up has not changed, and is met as it stands. Without data nothing is filled:
what waits then is refused as not sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ganglion.actors.exchange.venue import ReplyTo
from ganglion.messages import market as told
from ganglion.messages.market import BookDelta, BookSnapshot, TradeTick
from ganglion.messages.orders import Phase
from ganglion.messages.values import ZERO, Side, Symbol
from ganglion.messages.venue import (
    BookFetched,
    CancelAtVenue,
    Capabilities,
    CreateOrder,
    FromVenue,
    MarketsFetched,
    OrdersStreamed,
    StreamKind,
    TradesStreamed,
    VenueRequest,
)
from ganglion.simulation.backtest.exchange import DataExchange, DataPort
from ganglion.simulation.backtest.fills import FillSettings, exact, share_of
from ganglion.simulation.paper.clock import VenueClock
from ganglion.simulation.paper.live_market import LiveMarket
from ganglion.simulation.paper.markets import as_told, market_of
from ganglion.simulation.port import BINANCE, PROFILES, PortSettings, rendering
from ganglion.simulation.port.failures import RefusedError
from ganglion.simulation.venue.markets import Market, MarketError
from ganglion.simulation.venue.orders import FeeAsset, Order
from ganglion.supervision import Clock

QUIET_S = 1.0
"""Silence of a market whose stream is up after which it is met as it stands."""
PATIENCE_S = 10.0
"""What waits for a market without data is given up after so long."""
MOST_LEVELS = 100
"""Of a book that one order may trade through."""
FEE_ASSETS = {"base": FeeAsset.BASE, "quote": FeeAsset.QUOTE}
PRIVATE = (StreamKind.ORDERS, StreamKind.MY_TRADES)
"""The account's streams: fills say what a stream of balances would."""


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """One paper account."""

    name: str
    """The arm's name, `exchange` in messages."""
    id: str
    """ccxt's id of the real exchange."""
    symbols: tuple[Symbol, ...]
    balances: Mapping[str, Decimal]
    fills: FillSettings = field(default_factory=FillSettings)
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")


class PaperAccount:
    """See the file's docstring."""

    def __init__(self, settings: PaperSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = VenueClock(clock)
        self.markets = {symbol: LiveMarket(settings.name, symbol) for symbol in settings.symbols}
        self.exchange: PaperExchange | None = None
        """Opened when the real exchange has said what it trades."""
        self.defects: list[str] = []
        """Failures of the engine, markets that it can't have: there should be none."""

    @property
    def latency_s(self) -> float:
        """From a decision to the venue."""
        return self.settings.fills.latency_s

    def balances(self) -> dict[str, Decimal]:
        """What the account has, free and in orders, by asset."""
        if self.exchange is None:
            return dict(self.settings.balances)
        return {asset: balance.total for asset, balance in list(self.exchange.account.balances.items())}

    def audit(self) -> None:
        """Look whether the engine conserved money.

        Raises:
            LedgerError: it did not.
        """
        if self.exchange is not None:
            self.exchange.core.engine.audit()

    def opened(self, reply: MarketsFetched) -> MarketsFetched:
        """What the bot hears of the exchange's markets: those of this account, and that it can be traded on."""
        if self.exchange is None:
            self.exchange = self._open(reply.markets)
        known = self.exchange.core.engine.markets
        return msgspec.structs.replace(
            reply,
            markets=tuple(as_told(real, known[real.symbol]) for real in reply.markets if real.symbol in known),
            capabilities=_capabilities(reply.capabilities),
        )

    def _open(self, markets: Iterable[told.Market]) -> PaperExchange:
        settings = self.settings
        listed = {market.symbol: market for market in markets if market.symbol in self.markets}
        profile = replace(PROFILES.get(settings.id, BINANCE), id=settings.id, costs={})
        if settings.id not in PROFILES:
            side = next((market.fee_side for market in listed.values()), profile.fee_side)
            profile = replace(profile, fee_side=side, fee_asset=FEE_ASSETS.get(side, FeeAsset.RECEIVED))
        port = PortSettings(
            settings.name,
            settings.symbols,
            profile=profile,
            balances=dict(settings.balances),
            maker_fee=settings.maker_fee,
            taker_fee=settings.taker_fee,
        )
        made: dict[Symbol, Market] = {}
        for symbol, real in listed.items():
            try:
                made[symbol] = market_of(real, settings.maker_fee, settings.taker_fee)
            except MarketError as error:
                # Left out, so that the bot rests it and trades the others.
                self.defects.append(f"no paper orders: {error}")
        return PaperExchange(port, made, settings.fills, self.clock, self.markets)


def _capabilities(real: Capabilities) -> Capabilities:
    """The real exchange's public side, and an account of which everything can be read and nothing is lost."""
    public = tuple(kind for kind in real.streams if not kind.private)
    return msgspec.structs.replace(
        real,
        streams=(*public, *PRIVATE),
        fetch_order_by_client_id=True,
        recent_orders=True,
        own_trades=True,
        own_trades_need_symbol=False,
        look_up_counts=True,
        repeats_fail_by_nonce=False,
        private=True,
        expiry_ms=None,
        cancel_all_after=False,
    )


class _Sent(NamedTuple):
    """A place or a cancel on its way."""

    due_s: float
    request: CreateOrder | CancelAtVenue
    port: PaperPort


class PaperExchange(DataExchange):
    """The engine's side: who waits, who rests, and what the market's data does to them."""

    def __init__(
        self,
        settings: PortSettings,
        markets: Mapping[Symbol, Market],
        fills: FillSettings,
        clock: VenueClock,
        live: Mapping[Symbol, LiveMarket],
    ) -> None:
        super().__init__(settings, markets, fills, clock)
        self._now_s = clock.monotonic_s
        self._live = live
        self._sent: dict[Symbol, deque[_Sent]] = {symbol: deque() for symbol in markets}

    def connect(self) -> PaperPort:  # type: ignore[override]
        """The account's side of one more incarnation of an exchange actor."""
        self._port = port = PaperPort(self)
        return port

    # -------------------------------------------------------------- on its way

    def send(self, request: CreateOrder | CancelAtVenue, port: PaperPort) -> None:
        """A place or a cancel leaves the bot."""
        due_s = self._now_s() + self.fill_settings.latency_s
        self._sent[request.symbol].append(_Sent(due_s, request, port))

    def quiet(self, symbol: Symbol) -> None:
        """Somebody has waited for `QUIET_S`: a market that is live stands as it stood."""
        if self._live[symbol].live and self._is_due(symbol, QUIET_S):
            self._meet(symbol)

    def give_up(self, symbol: Symbol) -> None:
        """Somebody has waited for too long."""
        while self._is_due(symbol, PATIENCE_S):
            self._refuse_first(symbol, f"nothing came from {symbol} for {PATIENCE_S:g} s")

    def cut_off(self, symbol: Symbol, why: str) -> None:
        """The market's data ended: what has not arrived does not arrive."""
        while self._sent.get(symbol):
            self._refuse_first(symbol, why)

    def _is_due(self, symbol: Symbol, after_s: float = 0.0) -> bool:
        sent = self._sent[symbol]
        # Timers of a loop may fire a moment early.
        return bool(sent) and sent[0].due_s + after_s <= self._now_s() + 0.001

    def _refuse_first(self, symbol: Symbol, why: str) -> None:
        sent = self._sent[symbol].popleft()
        sent.port.refuse(sent.request, RefusedError("NetworkError", f"paper: {why}", Phase.BEFORE_SEND))

    # -------------------------------------------------------------- what the market does

    def book(self, message: BookSnapshot | BookDelta) -> None:
        """The streamed book changed."""
        live = self._live[message.symbol]
        if live.heard(message, self.now_ms()):
            self._moved(live)

    def book_read(self, message: BookFetched) -> None:
        """A book was read by request."""
        live = self._live[message.symbol]
        if live.read(message, self._now_s(), self.now_ms()):
            self._moved(live)

    def _moved(self, live: LiveMarket) -> None:
        symbol = live.symbol
        if symbol in self._sent and (self._is_due(symbol) or (self.open_orders and self._reached(live))):
            self._meet(symbol)

    def trade(self, tick: TradeTick) -> None:
        """A public trade: it fills what it went through, as far as its own amount reaches."""
        symbol = tick.symbol
        live = self._live[symbol]
        live.rows += 1
        if symbol not in self._sent or tick.timestamp_ms < live.since_ms:
            return
        quote = self.engine.quotes.get(symbol)
        if not self.open_orders or quote is None or not live.live:
            if self.fill_settings.queue:
                self.count_queue(symbol, tick.price, tick.size)
            return
        quote.room = share_of(tick.size, self.fill_settings)
        self.trade_print(symbol, tick.price, tick.size)
        quote.room = None

    def _reached(self, live: LiveMarket) -> bool:
        """Whether the book has come to one of our resting orders."""
        book, touches = self.engine.books[live.symbol], self.fill_settings.touch_fills
        bid, ask = book.bids.best(), book.asks.best()
        if bid is not None and (bid.price > live.book.ask or (touches and bid.price == live.book.ask)):
            return True
        return ask is not None and (ask.price < live.book.bid or (touches and ask.price == live.book.bid))

    def _meet(self, symbol: Symbol) -> None:
        """What has arrived becomes effective on the book as it stands, then what it has come to is filled."""
        live = self._live[symbol]
        bids, asks = live.levels(MOST_LEVELS)
        self.begin_book(symbol, bids, asks)
        quote = self.engine.quotes[symbol]
        sides = [
            (side, [price for price, _ in levels], ours)
            for side, (levels, ours) in enumerate(((bids, quote.bids or []), (asks, quote.asks or [])))
        ]
        before: list[list[Decimal]] = []
        for side, prices, ours in sides:
            taken = live.taken[side]
            for price, level in zip(prices, ours, strict=True):
                level[1] = max(ZERO, level[1] - taken.get(price, ZERO))
            before.append([level[1] for level in ours])
        waiting = self._sent[symbol]
        while waiting and self._is_due(symbol):
            sent = waiting.popleft()
            sent.port.apply(sent.request)
        self.cross_book(symbol)
        for (side, prices, ours), sizes in zip(sides, before, strict=True):
            for price, level, size in zip(prices, ours, sizes, strict=True):
                if level[1] != size:
                    live.take(side, price, size - level[1])

    def joined(self, order: Order) -> None:
        """See `DataExchange`: what traded before it came is not for it."""
        live = self._live[order.symbol]
        live.since_ms = max(live.since_ms, self.now_ms())
        super().joined(order)
        key = (order.symbol, order.id)
        if key in self._ahead and order.price is not None:
            # The book says what a backtest on trades has to guess.
            levels = live.levels(None)[order.side is Side.SELL]
            self._ahead[key] = exact(next((size for price, size in levels if exact(price) == order.price), 0.0))


class PaperPort(DataPort):
    """The account's side of one incarnation of an exchange actor."""

    exchange: PaperExchange

    def __init__(self, exchange: PaperExchange) -> None:
        super().__init__(exchange)
        self.up: set[StreamKind] = set()
        """The account's streams that the bot hears; what it misses it finds when it reads the account, as live."""

    def tell(self, message: FromVenue) -> None:
        """See `DataPort`."""
        if (StreamKind.MY_TRADES if isinstance(message, TradesStreamed) else StreamKind.ORDERS) in self.up:
            super().tell(message)

    def take(self, request: VenueRequest, reply_to: ReplyTo) -> None:
        """Answer a reading, or send a place or a cancel on its way."""
        self._reply_to = reply_to
        if not isinstance(request, CreateOrder | CancelAtVenue):
            self.apply(request)
            return
        refusal = self.exchange.answers.local_refusal(request)
        if refusal is None:
            self.exchange.send(request, self)
        else:
            self.refuse(request, refusal)

    def refuse(self, request: VenueRequest, refusal: RefusedError) -> None:
        """The venue does not do it."""
        self._refuse(request, refusal)

    def _tell_end(self, order: Order | None) -> None:
        # As live: the user stream tells of every order, whatever the answers say.
        if order is not None:
            self.tell(OrdersStreamed((rendering.order_of(order),)))

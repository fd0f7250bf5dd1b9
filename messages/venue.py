"""The venue port: what an exchange actor asks a venue for, and what a venue answers and streams.

A venue (ccxt, simulated, a host) takes requests through `Venue.submit(request, reply_to)` and tells
typed replies to `reply_to`. A reply carries the request's `request_id`; a failure is a `Failure`
value with operation and phase. Replies to writes repeat the client id too, because they count even
when the incarnation that asked is gone. Streams tell BookSnapshot, BookDelta, TradeTick and Ticker
of `messages.market` besides the events of this file. Money is Decimal, times are milliseconds.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import ClassVar, TypeAlias

from ganglion.messages.base import Message, Overflow
from ganglion.messages.lifecycle import Failure
from ganglion.messages.market import BookDelta, BookSnapshot, Candle, Levels, Market, Ticker, TradeTick
from ganglion.messages.orders import Balance, VenueOrder, VenueTrade
from ganglion.messages.values import OrderType, Side, Symbol, TimeInForce


class StreamKind(enum.StrEnum):
    """What a stream carries."""

    BOOK = "book"
    TRADES = "trades"
    TICKER = "ticker"
    ORDERS = "orders"
    MY_TRADES = "my_trades"
    BALANCE = "balance"

    @property
    def private(self) -> bool:
        """Whether it belongs to the account (and a gap in it means: read the account again)."""
        return self in PRIVATE_STREAMS


PRIVATE_STREAMS = frozenset({StreamKind.ORDERS, StreamKind.MY_TRADES, StreamKind.BALANCE})


class Stream(Message, frozen=True, gc=False):
    """One subscription: a kind, and the market where it has one."""

    kind: StreamKind
    symbol: Symbol | None = None


# ------------------------------------------------------------------ requests: exchange -> venue


class FetchMarkets(Message, frozen=True, gc=False):
    """Load what can be traded; `symbols` are those whose limits and fees are wanted."""

    request_id: int
    symbols: tuple[Symbol, ...]
    reload: bool = False
    """Ask the venue again even where its markets are known: one of them was refused."""


class FetchTime(Message, frozen=True, gc=False):
    """Read the venue's clock; the cheap probe after a loss, and the cure for a refused nonce."""

    request_id: int
    resync: bool = False
    """Also correct the clock that requests are signed with."""


class FetchBook(Message, frozen=True, gc=False):
    """Read a book by request, next to what the stream last showed."""

    request_id: int
    symbol: Symbol
    limit: int


class FetchCandles(Message, frozen=True, gc=False):
    """Read the venue's own candles."""

    request_id: int
    symbol: Symbol
    timeframe: str
    since_ms: int | None
    limit: int


class FetchBalance(Message, frozen=True, gc=False):
    """Read all balances of the account."""

    request_id: int


class FetchKeyRights(Message, frozen=True, gc=False):
    """Read what the API key may do; answered with KeyRightsFetched."""

    request_id: int


class FetchOpenOrders(Message, frozen=True, gc=False):
    """Read the open orders of one market."""

    request_id: int
    symbol: Symbol


class FetchOrder(Message, frozen=True, gc=False):
    """Read one order, by the venue's id where it is known, else by client id."""

    request_id: int
    symbol: Symbol
    client_id: str
    venue_id: str | None


class FetchRecentOrders(Message, frozen=True, gc=False):
    """Read orders of one market that are not open any more (all orders where that is one route)."""

    request_id: int
    symbol: Symbol
    since_ms: int


class FetchMyTrades(Message, frozen=True, gc=False):
    """Read own trades since a time, all pages; `symbol` None where the venue serves all at once."""

    request_id: int
    symbol: Symbol | None
    since_ms: int


class CreateOrder(Message, frozen=True, gc=False):
    """Send one attempt of an order. Sent once, never repeated by the venue's side of the port."""

    request_id: int
    client_id: str
    attempt: int
    symbol: Symbol
    side: Side
    type: OrderType
    amount: Decimal
    price: Decimal | None
    time_in_force: TimeInForce
    post_only: bool
    overflow: ClassVar[Overflow] = Overflow.KEEP


class CancelAtVenue(Message, frozen=True, gc=False):
    """Cancel one order, by the venue's id where it is known, else by client id."""

    request_id: int
    client_id: str
    venue_id: str | None
    symbol: Symbol
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Watch(Message, frozen=True, gc=False):
    """Start a stream; StreamUp, its data, and at its end StreamDown follow. Twice is once."""

    request_id: int
    stream: Stream


class Unwatch(Message, frozen=True, gc=False):
    """End a stream; no StreamDown follows."""

    request_id: int
    stream: Stream


class RepeatBook(Message, frozen=True, gc=False):
    """Tell a streamed book again, as a BookSnapshot: somebody on our side lost a part of it."""

    request_id: int
    symbol: Symbol


class DropClient(Message, frozen=True, gc=False):
    """Close the connection under a stream: StreamDown follows for every stream on it."""

    request_id: int
    stream: Stream
    reason: str


class CloseVenue(Message, frozen=True, gc=False):
    """Close everything; writes under way are still answered, this is not."""

    request_id: int


VenueRequest: TypeAlias = (
    FetchMarkets
    | FetchTime
    | FetchBook
    | FetchCandles
    | FetchBalance
    | FetchKeyRights
    | FetchOpenOrders
    | FetchOrder
    | FetchRecentOrders
    | FetchMyTrades
    | CreateOrder
    | CancelAtVenue
    | Watch
    | Unwatch
    | RepeatBook
    | DropClient
    | CloseVenue
)
"""All that may be submitted to a venue."""


# ------------------------------------------------------------------ replies: venue -> exchange


class Capabilities(Message, frozen=True, gc=False):
    """What a venue can do, as it says itself and as its quirks say."""

    streams: tuple[StreamKind, ...]
    fetch_time: bool
    fetch_order_by_client_id: bool
    """The route is tested: not finding an order by it is a vote."""
    recent_orders: bool
    own_trades: bool
    own_trades_need_symbol: bool
    look_up_counts: bool
    """Absence in a look-up by this venue's tested routes may count as a vote."""
    gateway_refuses_rate_limits: bool
    """A 429 is answered before the matching engine: such a place was not taken."""
    units_per_s: float
    """Cost units that the venue allows in a second."""
    private: bool
    """Credentials are there: the account can be read."""


class MarketsFetched(Message, frozen=True, gc=False):
    """Reply to FetchMarkets."""

    request_id: int
    cost: float
    """In the venue's own units; so in all replies."""
    markets: tuple[Market, ...]
    """Of the symbols that were asked for and exist."""
    known: tuple[Symbol, ...]
    """Every symbol of the venue: near matches for a mistyped one come from here."""
    capabilities: Capabilities
    overflow: ClassVar[Overflow] = Overflow.KEEP


class TimeFetched(Message, frozen=True, gc=False):
    """Reply to FetchTime."""

    request_id: int
    cost: float
    venue_ms: int
    overflow: ClassVar[Overflow] = Overflow.KEEP


class BookFetched(Message, frozen=True, gc=False):
    """Reply to FetchBook: never empty on both sides."""

    request_id: int
    cost: float
    symbol: Symbol
    bids: Levels
    asks: Levels
    streamed_bid: float | None
    """Best bid of the stream's book as the venue's side last saw it."""
    streamed_ask: float | None
    overflow: ClassVar[Overflow] = Overflow.KEEP


class CandlesFetched(Message, frozen=True, gc=False):
    """Reply to FetchCandles, oldest first."""

    request_id: int
    cost: float
    symbol: Symbol
    timeframe: str
    candles: tuple[Candle, ...]
    overflow: ClassVar[Overflow] = Overflow.KEEP


class BalanceFetched(Message, frozen=True, gc=False):
    """Reply to FetchBalance, with the venue's own envelope checked; assets with nothing are left out."""

    request_id: int
    cost: float
    balances: tuple[Balance, ...]
    overflow: ClassVar[Overflow] = Overflow.KEEP


class KeyRightsFetched(Message, frozen=True, gc=False):
    """Reply to FetchKeyRights."""

    request_id: int
    cost: float
    may_withdraw: bool | None
    """None where the venue does not tell, or nobody has looked how it does."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class OrdersFetched(Message, frozen=True, gc=False):
    """Reply to FetchOpenOrders and FetchRecentOrders."""

    request_id: int
    cost: float
    orders: tuple[VenueOrder, ...]
    overflow: ClassVar[Overflow] = Overflow.KEEP


class OrderFetched(Message, frozen=True, gc=False):
    """Reply to FetchOrder when it was found."""

    request_id: int
    cost: float
    order: VenueOrder
    overflow: ClassVar[Overflow] = Overflow.KEEP


class TradesFetched(Message, frozen=True, gc=False):
    """Reply to FetchMyTrades, oldest first."""

    request_id: int
    cost: float
    trades: tuple[VenueTrade, ...]
    overflow: ClassVar[Overflow] = Overflow.KEEP


class RequestFailed(Message, frozen=True, gc=False):
    """A reading did not succeed; writes are answered by OrderCreated and CancelDone even then."""

    request_id: int
    cost: float
    failure: Failure
    overflow: ClassVar[Overflow] = Overflow.KEEP


class OrderCreated(Message, frozen=True, gc=False):
    """Reply to CreateOrder, good or bad."""

    request_id: int
    cost: float
    client_id: str
    attempt: int
    symbol: Symbol
    order: VenueOrder | None
    """Set on success, always with a venue id."""
    failure: Failure | None
    overflow: ClassVar[Overflow] = Overflow.KEEP


class CancelDone(Message, frozen=True, gc=False):
    """Reply to CancelAtVenue, good or bad."""

    request_id: int
    cost: float
    client_id: str
    symbol: Symbol
    order: VenueOrder | None
    failure: Failure | None
    overflow: ClassVar[Overflow] = Overflow.KEEP


# ------------------------------------------------------------------ stream events: venue -> exchange


class StreamUp(Message, frozen=True, gc=False):
    """A stream is connected and subscribed."""

    stream: Stream
    overflow: ClassVar[Overflow] = Overflow.KEEP


class StreamDown(Message, frozen=True, gc=False):
    """A stream ended; what it would have carried since then is lost. It does not return by itself."""

    stream: Stream
    failure: Failure
    overflow: ClassVar[Overflow] = Overflow.KEEP


class OrdersStreamed(Message, frozen=True, gc=False):
    """Order updates of the account."""

    orders: tuple[VenueOrder, ...]
    overflow: ClassVar[Overflow] = Overflow.KEEP


class TradesStreamed(Message, frozen=True, gc=False):
    """Own trades of the account."""

    trades: tuple[VenueTrade, ...]
    incomplete: tuple[Symbol, ...] = ()
    """Markets with trades that the stream told without their fee: they have to be read by request."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class BalancesStreamed(Message, frozen=True, gc=False):
    """Balances of the account."""

    balances: tuple[Balance, ...]
    overflow: ClassVar[Overflow] = Overflow.KEEP


class CostSpent(Message, frozen=True, gc=False):
    """A request that nobody submitted (a stream's own snapshot or token) was charged by the venue."""

    cost: float


VenueReply: TypeAlias = (
    MarketsFetched
    | TimeFetched
    | BookFetched
    | CandlesFetched
    | BalanceFetched
    | KeyRightsFetched
    | OrdersFetched
    | OrderFetched
    | TradesFetched
    | RequestFailed
    | OrderCreated
    | CancelDone
)
"""Answers to requests."""

VenueEvent: TypeAlias = (
    StreamUp
    | StreamDown
    | OrdersStreamed
    | TradesStreamed
    | BalancesStreamed
    | CostSpent
    | BookSnapshot
    | BookDelta
    | TradeTick
    | Ticker
)
"""What comes unasked."""

FromVenue: TypeAlias = VenueReply | VenueEvent
"""All that a venue tells an exchange actor."""

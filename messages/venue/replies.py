"""Replies of a venue: one to each request, with its `request_id`; what failed is a `Failure` value.

Replies to writes repeat the client id, because they count even when the incarnation that asked is gone. `cost` is
what the request was charged, in the venue's own units.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from ganglion.messages.base import Message, Overflow
from ganglion.messages.lifecycle import Failure
from ganglion.messages.market import Candle, Levels, Market, TradeTick
from ganglion.messages.orders import Balance, VenueOrder, VenueTrade
from ganglion.messages.values import Symbol
from ganglion.messages.venue.requests import StreamKind


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
    repeats_fail_by_nonce: bool = False
    """A request that arrives twice is refused for its nonce the second time: it may have been taken the first time."""
    burst: float | None = None
    """Cost units that it allows at once, where that is known."""
    expiry_ms: int | None = None
    """How long after its sending an order may arrive, where a request can name that time."""
    fetch_trades: bool = False
    """Public trades can be read by request."""
    cancel_all_after: bool = False
    """It has a dead man's switch."""
    cancel_all_after_stops: bool = True
    """The switch can be switched off again."""


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


class PublicTradesFetched(Message, frozen=True, gc=False):
    """Reply to FetchTrades, oldest first."""

    request_id: int
    cost: float
    symbol: Symbol
    trades: tuple[TradeTick, ...]
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


class CancelAllAfterSet(Message, frozen=True, gc=False):
    """Reply to CancelAllAfter: armed for so long from now on, or switched off (0)."""

    request_id: int
    cost: float
    timeout_s: float
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
    evidence: ClassVar[bool] = True


class CancelDone(Message, frozen=True, gc=False):
    """Reply to CancelAtVenue, good or bad."""

    request_id: int
    cost: float
    client_id: str
    symbol: Symbol
    order: VenueOrder | None
    failure: Failure | None
    overflow: ClassVar[Overflow] = Overflow.KEEP
    evidence: ClassVar[bool] = True


VenueReply: TypeAlias = (
    MarketsFetched
    | TimeFetched
    | BookFetched
    | CandlesFetched
    | PublicTradesFetched
    | BalanceFetched
    | KeyRightsFetched
    | OrdersFetched
    | OrderFetched
    | TradesFetched
    | RequestFailed
    | OrderCreated
    | CancelDone
    | CancelAllAfterSet
)
"""Answers to requests."""

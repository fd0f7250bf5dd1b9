"""Requests to a venue: what an exchange actor submits, and what a stream of it is named by.

Submitted through `Venue.submit(request, reply_to)`; each but those about streams and CloseVenue is answered once, by
a message of `replies` with the same `request_id`. Money is Decimal, times are milliseconds.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import ClassVar, TypeAlias

from ganglion.messages.base import Message, Overflow
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


class FetchTrades(Message, frozen=True, gc=False):
    """Read the latest public trades of one market; answered with PublicTradesFetched."""

    request_id: int
    symbol: Symbol
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
    expires_ms: int | None = None
    """By the venue's clock: it must refuse what arrives later, where it has such a thing."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class CancelAtVenue(Message, frozen=True, gc=False):
    """Cancel one order, by the venue's id where it is known, else by client id."""

    request_id: int
    client_id: str
    venue_id: str | None
    symbol: Symbol
    overflow: ClassVar[Overflow] = Overflow.KEEP


class CancelAllAfter(Message, frozen=True, gc=False):
    """Let the venue cancel ALL orders of the account when nobody repeats this in time: the dead man's switch.

    It knows no owner: orders that are not ours go too. 0 switches it off. Answered with CancelAllAfterSet.
    """

    request_id: int
    timeout_s: float


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
    | FetchTrades
    | FetchBalance
    | FetchKeyRights
    | FetchOpenOrders
    | FetchOrder
    | FetchRecentOrders
    | FetchMyTrades
    | CreateOrder
    | CancelAtVenue
    | CancelAllAfter
    | Watch
    | Unwatch
    | RepeatBook
    | DropClient
    | CloseVenue
)
"""All that may be submitted to a venue."""

"""What a venue tells unasked: streams that came up or ended, and what they carry.

Books, public trades and tickers are messages of `messages.market`; the account's own are here.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from ganglion.messages.base import Message, Overflow
from ganglion.messages.lifecycle import Failure
from ganglion.messages.market import BookDelta, BookSnapshot, Ticker, TradeTick
from ganglion.messages.orders import Balance, VenueOrder, VenueTrade
from ganglion.messages.values import Symbol
from ganglion.messages.venue.requests import Stream


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

"""Orders as the venue sees them: the command that comes in, and the record that lives until it is terminal.

`Order` is mutable and belongs to the engine; others read it between commands and never keep it across one.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from ganglion.messages.values import ZERO, OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from ganglion.simulation.venue.accounts import Account


class SelfTrade(enum.StrEnum):
    """Who gives way when an order would trade with its own account. The venue never lets such a trade happen."""

    EXPIRE_MAKER = "expire_maker"
    """The resting order ends and the incoming one goes on: the default."""
    EXPIRE_TAKER = "expire_taker"
    EXPIRE_BOTH = "expire_both"


class FeeAsset(enum.StrEnum):
    """In which asset an order's fee is charged."""

    RECEIVED = "received"
    """In what its owner receives: the default."""
    BASE = "base"
    QUOTE = "quote"


class OrderStatus(enum.StrEnum):
    """Where an order stands; the last four are terminal."""

    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    EXPIRED_SELF_TRADE = "expired_self_trade"

    @property
    def is_open(self) -> bool:
        """Whether the order can still fill."""
        return self in OPEN


OPEN = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})
"""Orders that can still fill; the crowd asks for it thousands of times a second, without a call."""


class NewOrder(msgspec.Struct, frozen=True, gc=False):
    """The command to place one order.

    A limit order has `price` and `quantity`; a market order has `quantity` (base) or `quote_quantity` (quote).
    `client_id` must not be in use among the account's OPEN orders; an id of a finished order may be used again.
    """

    account: str
    symbol: str
    side: Side
    type: OrderType
    client_id: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    quote_quantity: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    fee_asset: FeeAsset = FeeAsset.RECEIVED
    reference: int = 0
    """A number of the owner's, which need not be unique; 0 for none."""
    expires_ms: int | None = None
    """When a resting order ends by itself; milliseconds since 1970."""


# Bound once: until Python 3.12 each look-up of an enum's member runs through its metaclass.
_BUY = Side.BUY
_NEW = OrderStatus.NEW
_FEE_IN_QUOTE = FeeAsset.QUOTE
_FEE_IN_BASE = FeeAsset.BASE


class Order:
    """One order that the venue accepted."""

    __slots__ = (
        "account",
        "client_id",
        "created_ms",
        "expires_ms",
        "fee_asset",
        "fee_on_top",
        "filled",
        "id",
        "locked",
        "post_only",
        "price",
        "quantity",
        "quote_filled",
        "quote_quantity",
        "reference",
        "self_trade",
        "side",
        "status",
        "symbol",
        "time_in_force",
        "type",
        "updated_ms",
    )

    def __init__(self, command: NewOrder, account: Account, order_id: int, now_ms: int) -> None:
        self.id = order_id
        self.account = account
        self.symbol = command.symbol
        self.client_id = command.client_id
        self.side = command.side
        self.type = command.type
        self.time_in_force = command.time_in_force
        self.post_only = command.post_only
        self.self_trade = command.self_trade
        self.fee_asset = command.fee_asset
        self.fee_on_top = command.fee_asset is (_FEE_IN_QUOTE if command.side is _BUY else _FEE_IN_BASE)
        """Whether the fee is charged in what the owner pays with, so that it has to be set aside as well."""
        self.reference = command.reference
        self.expires_ms = command.expires_ms
        self.price = command.price
        self.quantity = command.quantity if command.quantity is not None else ZERO
        self.quote_quantity = command.quote_quantity
        self.filled = ZERO
        self.quote_filled = ZERO
        self.locked = ZERO
        self.status = _NEW
        self.created_ms = now_ms
        self.updated_ms = now_ms

    @property
    def remaining(self) -> Decimal:
        """Base that is still to be filled."""
        return self.quantity - self.filled

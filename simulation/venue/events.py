"""What the matching engine answers: plain, frozen facts in the order in which they happened.

Made by `engine.py`, translated into a wire protocol by the dialects (and by an in-process port), written to the
ledger by `core.py`. Every number is a Decimal, every time is in milliseconds since 1970 as it was handed in.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ganglion.messages.values import Side


class RejectCode(enum.StrEnum):
    """Why a command was refused. Each dialect maps these to its venue's codes and texts."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_ORDER = "unknown_order"
    MALFORMED = "malformed"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    WOULD_MATCH = "would_match"
    LOT_SIZE = "lot_size"
    PRICE_FILTER = "price_filter"
    PRICE_BAND = "price_band"
    NOTIONAL = "notional"
    MAX_OPEN_ORDERS = "max_open_orders"


class ExpireReason(enum.StrEnum):
    """Why the venue itself ended an order."""

    NO_LIQUIDITY = "no_liquidity"
    """The rest of a market or IOC order, or a FOK order that could not be filled whole."""
    SELF_TRADE = "self_trade"
    """The order would have traded with its own account."""
    TIME = "time"
    """The order's own time was over."""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The venue took an order; fills of the same command follow."""

    account: str
    symbol: str
    order_id: int
    client_id: str
    time_ms: int


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The venue refused a command; nothing changed. `order_id` is set for refused cancels by id."""

    account: str
    symbol: str
    client_id: str
    code: RejectCode
    reason: str
    order_id: int | None = None


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One match between two accounts. Trade ids count up per symbol, and are unique per symbol only.

    Each fee is in its own asset: what the side receives, unless its order says otherwise. `taker_filled`,
    `maker_filled` and their quote companions are the orders' cumulative amounts after this fill.
    """

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    quote: Decimal
    time_ms: int
    taker_side: Side
    taker_account: str
    maker_account: str
    taker_order_id: int
    maker_order_id: int
    taker_fee: Decimal
    taker_fee_asset: str
    maker_fee: Decimal
    maker_fee_asset: str
    taker_filled: Decimal
    taker_quote_filled: Decimal
    maker_filled: Decimal
    maker_quote_filled: Decimal


class Amended(msgspec.Struct, frozen=True, gc=False):
    """An open order's quantity or price was changed in place by its owner; fills of the same command follow."""

    account: str
    symbol: str
    order_id: int
    client_id: str
    time_ms: int


class Canceled(msgspec.Struct, frozen=True, gc=False):
    """An order ended by its owner's command. `cancel_id` is the command's own client id, empty if it had none."""

    account: str
    symbol: str
    order_id: int
    client_id: str
    cancel_id: str
    filled: Decimal
    time_ms: int


class Expired(msgspec.Struct, frozen=True, gc=False):
    """An order (or the rest of it) ended by the venue's rules."""

    account: str
    symbol: str
    order_id: int
    client_id: str
    reason: ExpireReason
    filled: Decimal
    time_ms: int


class BalanceChanged(msgspec.Struct, frozen=True, gc=False):
    """What an account holds of one asset after a command."""

    account: str
    asset: str
    free: Decimal
    locked: Decimal
    time_ms: int


class LevelChanged(msgspec.Struct, frozen=True, gc=False):
    """The total quantity now resting at a price, zero when the level is gone.

    `update_id` counts up by one per change and symbol: a dialect numbers its depth frames with it.
    """

    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    update_id: int


Event: TypeAlias = Accepted | Amended | Rejected | Fill | Canceled | Expired | BalanceChanged | LevelChanged

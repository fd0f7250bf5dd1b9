"""How a portfolio actor is wired: its modes, its neighbours' protocols, its settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ganglion.actors.trading.portfolio.limits import Limits
from ganglion.messages.account import (
    AccountSnapshot,
    Drain,
    Funds,
    LedgerRead,
    LockedByOthers,
    Reconciled,
    Resume,
    ResumeRequest,
    SaveState,
    SnapshotRequest,
    Suspend,
)
from ganglion.messages.degraded import VenueBack, VenueDown
from ganglion.messages.lifecycle import (
    ConnectionChanged,
    EpochOpened,
    HaltAccount,
    HaltMode,
    MarketPaused,
    Tick,
    VenuePaused,
)
from ganglion.messages.market import BookInvalid, TopOfBook
from ganglion.messages.orders import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    Fill,
    OrderDenied,
    OrderUpdate,
    PlaceOrder,
)
from ganglion.messages.trading import Flatten, SetTradingState, TradingStates
from ganglion.messages.values import Symbol
from ganglion.supervision import Address

ToMode: TypeAlias = OrderUpdate | Fill | OrderDenied | Funds | Resume | Suspend | Drain
ToOrders: TypeAlias = (
    PlaceOrder
    | CancelOrder
    | AmendOrder
    | CancelAll
    | SnapshotRequest
    | SaveState
    | Drain
    | HaltAccount
    | HaltMode
    | SetTradingState
)


PortfolioMessage: TypeAlias = (
    PlaceOrder
    | CancelOrder
    | AmendOrder
    | CancelAll
    | ResumeRequest
    | SaveState
    | Drain
    | OrderUpdate
    | Fill
    | OrderDenied
    | AccountSnapshot
    | LedgerRead
    | Reconciled
    | LockedByOthers
    | EpochOpened
    | HaltAccount
    | HaltMode
    | SetTradingState
    | TradingStates
    | Flatten
    | VenuePaused
    | VenueDown
    | VenueBack
    | MarketPaused
    | ConnectionChanged
    | TopOfBook
    | BookInvalid
    | Tick
)
"""What a portfolio is told, by modes, by the order line, by books, by the monitor and by operators."""


@dataclass(frozen=True, slots=True)
class ModeWiring:
    """One mode of an account, as its factory knows it; it need not be running."""

    symbol: Symbol
    address: Address[ToMode]
    funds: Decimal | None = None
    """Its share of the account's opening balances (0.5 is half); None for an equal part of what is left."""
    limits: Limits = field(default_factory=Limits)


class PortfolioSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a portfolio decides by."""

    max_book_age_s: float = 5.0
    """Nothing is placed on a book older than this (I8)."""
    view_every_s: float = 0.0
    """Least time between two views for monitor, treasury and dashboard while much changes; 0 shows each change."""

"""The order line: intents, commands, evidence and outcomes.

Commands go mode -> portfolio -> orders -> exchange; facts come back the same way. An intent is one decision to
trade, for ever; a venue order is what the exchange made of it; evidence is what a venue said about one.
Money is Decimal. `deadline_s` is a time by the system's monotonic clock, in seconds.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import ClassVar, TypeAlias

from ganglion.messages.base import Message, Overflow
from ganglion.messages.lifecycle import Failure
from ganglion.messages.market import Market, TopOfBook
from ganglion.messages.values import EXACT, Asset, Liquidity, OrderType, Side, Symbol, TimeInForce


class OrderState(enum.StrEnum):
    """Where an intent stands. Legal moves are a table in `actors/trading/orders/states.py`."""

    INTENDED = "intended"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_AMEND = "pending_amend"
    UNKNOWN = "unknown"
    """Maybe at the venue: held as risk until evidence says otherwise."""
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    DENIED = "denied"
    """Refused by us; nothing was sent."""

    @property
    def terminal(self) -> bool:
        """No command can change it any more (a late fill still can)."""
        return self in TERMINAL


TERMINAL = frozenset(
    {OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.DENIED}
)


class DenyReason(enum.StrEnum):
    """Why we refused a command before anything was sent."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    BELOW_MINIMUM = "below_minimum"
    LIMIT = "limit"
    HALTED = "halted"
    PAUSED = "paused"
    STALE_EPOCH = "stale_epoch"
    NOT_RECONCILED = "not_reconciled"
    STALE_BOOK = "stale_book"
    EXPIRED = "expired"
    OVERFLOW = "overflow"
    UNKNOWN_ORDER = "unknown_order"
    INVALID = "invalid"
    BEFORE_SEND = "before_send"
    """The venue adapter refused it before a byte left (unsupported, malformed)."""
    DRAINING = "draining"


class Intent(Message, frozen=True, gc=False):
    """One decision to trade: what, how much, until when, and why."""

    intent_id: str
    """Made by the mode from the ids seam; unique for ever."""
    account: str
    """The exchange's name in the configuration."""
    mode: str
    symbol: Symbol
    side: Side
    type: OrderType
    amount: Decimal
    """In the base asset, already cut to the market's step."""
    price: Decimal | None
    """The limit; for a market order the worst price that funds are reserved at."""
    time_in_force: TimeInForce
    post_only: bool
    epoch: int
    """The account epoch that the decision was made in; a later one refuses it."""
    deadline_s: float
    """After it the command is answered OrderDenied(expired) instead of sent."""
    reason: str
    """For people: why the mode decided it."""
    correlation_id: str
    """Shared by everything that follows from one decision."""
    causation_id: str
    """What it was decided on: a fill's trade id, a book's sequence, a timer."""
    flatten: bool = False
    """An operator's flatten: the one thing that passes a halt."""


# ------------------------------------------------------------------ commands: mode -> portfolio -> orders


class PlaceOrder(Message, frozen=True, gc=False):
    """Place what the intent says."""

    intent: Intent
    overflow: ClassVar[Overflow] = Overflow.REFUSE


class CancelOrder(Message, frozen=True, gc=False):
    """Cancel an order by its intent; never held back by halts, pauses or the journal."""

    intent_id: str
    mode: str
    reason: str
    correlation_id: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


class AmendOrder(Message, frozen=True, gc=False):
    """Replace an order: cancel to terminal, then place `intent` (a second intent; not atomic on spot venues)."""

    intent_id: str
    """The order to replace."""
    intent: Intent
    """What takes its place; its amount is what should be open, fills of the first are not subtracted."""
    overflow: ClassVar[Overflow] = Overflow.REFUSE


class CancelAll(Message, frozen=True, gc=False):
    """Cancel every open order of a mode, in a market and on a side; None is all of them."""

    mode: str | None
    reason: str
    symbol: Symbol | None = None
    side: Side | None = None
    overflow: ClassVar[Overflow] = Overflow.KEEP


# ------------------------------------------------------------------ orders -> exchange


class SendOrder(Message, frozen=True, gc=False):
    """Send this attempt of an intent to the venue; journaled before."""

    intent: Intent
    client_id: str
    attempt: int
    epoch: int
    overflow: ClassVar[Overflow] = Overflow.KEEP


class SendCancel(Message, frozen=True, gc=False):
    """Cancel at the venue, by the venue's id where it is known and by client id elsewhere."""

    client_id: str
    venue_id: str | None
    symbol: Symbol
    overflow: ClassVar[Overflow] = Overflow.KEEP


class LookUpOrder(Message, frozen=True, gc=False):
    """Find out what became of an order; answered with LookUpDone."""

    client_id: str
    venue_id: str | None
    symbol: Symbol
    since_ms: int
    """Trades and closed orders are searched from here on."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class ReadAccount(Message, frozen=True, gc=False):
    """Read trades, orders and balances until two readings agree; answered with AccountRead."""

    epoch: int
    symbols: tuple[Symbol, ...]
    since_ms: int
    """Trades from here on (a watermark with overlap)."""
    audit: bool = False
    """Beside the trading, not before it: goes last in line, and is read once whether it settles or not."""
    recent: bool = False
    """Orders that have ended since then too, where the venue lists them: at a start any of them may be unknown here."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class OpenEpoch(Message, frozen=True, gc=False):
    """A request for a new epoch, because the account's own actors lost their state; answered with EpochOpened."""

    reason: str
    overflow: ClassVar[Overflow] = Overflow.KEEP


# ------------------------------------------------------------------ evidence: exchange -> orders


class VenueOrder(Message, frozen=True, gc=False):
    """What a venue said about one order; None where it did not say."""

    symbol: Symbol
    venue_id: str | None
    client_id: str | None
    """Normalised: as we made it, without a venue's prefix."""
    status: str | None
    """ccxt's word: open, closed, canceled, expired, rejected."""
    side: Side | None = None
    type: OrderType | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    filled: Decimal | None = None
    """Cumulative."""
    cost: Decimal | None = None
    timestamp_ms: int | None = None


class VenueTrade(Message, frozen=True, gc=False):
    """One of our own trades, as the venue told it."""

    symbol: Symbol
    trade_id: str
    venue_order_id: str | None
    client_id: str | None
    side: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    """What was charged, in `fee_asset`; negative for a rebate."""
    fee_asset: Asset
    liquidity: Liquidity | None
    timestamp_ms: int


class Balance(Message, frozen=True, gc=False):
    """One asset at the venue: `free` can be used, `used` is locked by open orders."""

    asset: Asset
    free: Decimal
    used: Decimal

    @property
    def total(self) -> Decimal:
        """All of it."""
        return EXACT.add(self.free, self.used)


class Phase(enum.StrEnum):
    """How far a request got, read from hooks around the send, never guessed from an error's class."""

    BEFORE_SEND = "before_send"
    MAYBE_SENT = "maybe_sent"
    AFTER_REPLY = "after_reply"


class PlaceVerdict(enum.StrEnum):
    """What a failed attempt means, by the error table (class x operation x phase)."""

    DENIED = "denied"
    """Never left: nothing was sent."""
    REJECTED = "rejected"
    """The venue refused this attempt."""
    RECONCILE = "reconcile"
    """Unknown: look for it."""


class PlaceAnswered(Message, frozen=True, gc=False):
    """How one attempt ended. Never filtered by incarnation or epoch: a late answer is evidence all the same."""

    client_id: str
    attempt: int
    order: VenueOrder | None
    """Set on success: an order with a venue id."""
    failure: Failure | None
    """Set otherwise; its phase says what the failure proves."""
    verdict: PlaceVerdict | None
    """What the error table makes of the failure."""
    sent_ms: int
    """The venue's clock (as we know it) when it was sent."""
    overflow: ClassVar[Overflow] = Overflow.KEEP
    evidence: ClassVar[bool] = True


class CancelAnswered(Message, frozen=True, gc=False):
    """How a cancel ended. OrderNotFound may mean filled: only evidence about the order counts."""

    client_id: str
    order: VenueOrder | None
    failure: Failure | None
    overflow: ClassVar[Overflow] = Overflow.KEEP
    evidence: ClassVar[bool] = True


class LookUpDone(Message, frozen=True, gc=False):
    """One vote on an order: what was found, and whether finding nothing counts."""

    client_id: str
    order: VenueOrder | None
    trades: tuple[VenueTrade, ...]
    counts: bool
    """True if absence here is a valid vote: venue's own envelope, tested route, stream unbroken or re-read."""
    venue_ms: int
    """The venue's clock at the reading."""
    failure: Failure | None = None
    overflow: ClassVar[Overflow] = Overflow.KEEP


class OrderSeen(Message, frozen=True, gc=False):
    """An order update from the user stream or a poll."""

    order: VenueOrder
    sequence: int
    """The arm's number of account events, rising by one."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class TradeSeen(Message, frozen=True, gc=False):
    """An own trade from the user stream or a poll; told more than once at times."""

    trade: VenueTrade
    sequence: int
    overflow: ClassVar[Overflow] = Overflow.KEEP


class BalancesSeen(Message, frozen=True, gc=False):
    """Balances from the user stream: compared, never adopted in silence."""

    balances: tuple[Balance, ...]
    sequence: int
    overflow: ClassVar[Overflow] = Overflow.KEEP


class AccountRead(Message, frozen=True, gc=False):
    """The whole account as the venue shows it, taken while no user event came between."""

    epoch: int
    open_orders: tuple[VenueOrder, ...]
    trades: tuple[VenueTrade, ...]
    balances: tuple[Balance, ...]
    markets: tuple[Market, ...]
    as_of: int
    """The sequence of account events up to which it holds."""
    settled: bool
    """False after five readings that disagreed: try again, place nothing."""
    read_ms: int
    """The venue's clock at the reading: the next watermark."""
    failure: Failure | None = None
    recent_orders: tuple[VenueOrder, ...] = ()
    """Ended or not, by when they were placed; empty where nobody asked, or the venue does not list them."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


# ------------------------------------------------------------------ outcomes: orders -> portfolio -> mode


class OrderUpdate(Message, frozen=True, gc=False):
    """Where an intent stands now. Told on each change of state or of the filled amount."""

    intent_id: str
    account: str
    mode: str
    client_id: str
    venue_id: str | None
    symbol: Symbol
    side: Side
    type: OrderType
    price: Decimal | None
    amount: Decimal
    state: OrderState
    filled: Decimal
    reason: str
    """Why it is in this state; empty where nothing needs to be said."""
    sequence: int
    """Rising by one per account: the order line's own numbering of facts."""
    correlation_id: str = ""
    causation_id: str = ""
    overflow: ClassVar[Overflow] = Overflow.KEEP

    @property
    def remaining(self) -> Decimal:
        """What is not filled."""
        return EXACT.subtract(self.amount, self.filled)


class OrderDenied(Message, frozen=True, gc=False):
    """A command was refused by us: nothing was sent, nothing is reserved."""

    intent_id: str
    account: str
    mode: str
    deny_reason: DenyReason
    text: str
    """What was wrong and what to do."""
    correlation_id: str = ""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Admitted(Message, frozen=True, gc=False):
    """An intent passed the portfolio's checks, on this book; for the monitor (I8)."""

    account: str
    intent_id: str
    symbol: Symbol
    top: TopOfBook | None
    """What was known of the book then; None for nothing."""
    book_invalid: str | None
    """Why the book was not to be decided on (gap, crossed, disconnected); None where it was."""
    at_s: float
    """By the system's monotonic clock."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


class Fill(Message, frozen=True, gc=False):
    """One fill, applied exactly once, keyed by (account, symbol, trade_id)."""

    account: str
    symbol: Symbol
    trade_id: str
    intent_id: str | None
    """None for a trade of an external order."""
    mode: str | None
    client_id: str | None
    side: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_asset: Asset
    liquidity: Liquidity | None
    timestamp_ms: int
    sequence: int
    """The order line's numbering of facts, shared with OrderUpdate."""
    synthetic: bool = False
    """Inferred from a cumulative quantity; replaced when the real trade comes."""
    replaces: tuple[str, ...] = ()
    """Trade ids of synthetic fills that this one stands in for."""
    told_as: tuple[tuple[Decimal, tuple[int, ...]], ...] = ()
    """What of the amount other fills have told before: how much, and the sequences of all that told this part."""
    overflow: ClassVar[Overflow] = Overflow.KEEP


OrderCommand: TypeAlias = PlaceOrder | CancelOrder | AmendOrder | CancelAll
"""What a mode may say about orders."""

Evidence: TypeAlias = PlaceAnswered | CancelAnswered | LookUpDone | OrderSeen | TradeSeen | BalancesSeen | AccountRead
"""What an exchange says about orders."""

"""One intent's line through the venue: what was sent, what is known of it, and the state that follows from both.

Pure; only the ledger changes it. Evidence merges monotonically: cumulative quantities only grow, a terminal word is
never taken back, so an older snapshot changes nothing and the order of evidence does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from ganglion.actors.trading.money import minus, plain, plus, total
from ganglion.messages.orders import TERMINAL, Fill, Intent, OrderState, VenueOrder
from ganglion.messages.values import ZERO

ENDED_WORDS = frozenset({"closed", "canceled", "expired", "rejected"})
"""ccxt's words for an order that can't trade any more."""

_PENDING = frozenset({OrderState.PENDING_CANCEL, OrderState.PENDING_AMEND})
_NOT_SENT = frozenset({OrderState.INTENDED, OrderState.DENIED})
_UNKNOWN = OrderState.UNKNOWN
_ACCEPTED = OrderState.ACCEPTED
_PARTIAL = OrderState.PARTIALLY_FILLED
_FILLED = OrderState.FILLED
_SETTLED = frozenset({OrderState.FILLED, OrderState.DENIED})


@dataclass
class Line:
    """All that is known about one intent."""

    intent: Intent
    number: int
    client_id: str
    since_ms: int = 0
    """The venue's clock at the last reading before it was decided: nothing of it is older."""
    state: OrderState = OrderState.INTENDED
    reason: str = ""
    doubtful: dict[int, None] = field(default_factory=dict)
    """Attempts that may be at the venue: sent, and not refused by proof."""
    attempts: int = 1
    answered: bool = False
    """The exchange told how the latest attempt ended."""
    sent_ms: int = 0
    """The venue's clock at the latest attempt; 0 where it is not known."""
    venue_id: str | None = None
    ended: str | None = None
    """The venue's terminal word."""
    venue_filled: Decimal | None = None
    """The greatest cumulative quantity that the venue told."""
    venue_cost: Decimal | None = None
    fills: dict[str, Fill] = field(default_factory=dict)
    """By trade id, synthetic ones included; changed by `add` and `take_back` alone."""
    synthetic_count: int = 0
    cancel_asked: bool = False
    seen: bool = False
    """The venue spoke of it."""
    presumed: bool = False
    """Taken for never placed, or for gone, by votes of absence: the one end that evidence can take back."""
    late: bool = False
    """Turned up at the venue after it was taken for ended."""
    ended_ms: int = 0
    """The venue's clock at the last reading before it came to its end; 0 while it has not."""
    sequence: int = 0
    """Of its latest fact."""
    told: tuple[OrderState, Decimal] = (OrderState.INTENDED, ZERO)
    """State and filled amount of the last OrderUpdate."""

    def __post_init__(self) -> None:
        """Sum up the fills that it begins with."""
        # No field: it follows from them, and stands in no checkpoint.
        self.filled: Decimal = total(fill.amount for fill in self.fills.values()) if self.fills else ZERO

    def add(self, fill: Fill) -> None:
        """One more fill, under a trade id that it does not have."""
        self.fills[fill.trade_id] = fill
        self.filled = plus(self.filled, fill.amount)

    def take_back(self, trade_id: str) -> None:
        """A fill that another one replaces."""
        del self.fills[trade_id]
        # Anew: a difference would keep the digits of what is gone.
        self.filled = total(fill.amount for fill in self.fills.values())

    @property
    def exists(self) -> bool:
        """Whether there is proof that the venue has or had it."""
        return self.seen or self.venue_id is not None or bool(self.fills)

    @property
    def missing(self) -> Decimal:
        """What the venue's cumulative quantity says beyond the fills that are known."""
        told = self.venue_filled
        return ZERO if told is None or told <= self.filled else minus(told, self.filled)

    @property
    def question(self) -> str:
        """Why the venue has to be asked about it; empty where nothing is open to doubt."""
        if self.state in _NOT_SENT:
            return ""
        if self.state is _UNKNOWN:
            return self.reason or "its state at the venue is unknown"
        if self.missing:
            return f"the venue says {plain(self.venue_filled or ZERO)} filled, its trades sum to {plain(self.filled)}"
        if self.state in TERMINAL:
            return ""
        if self.ended is not None:
            return f"the venue says {self.ended} but not how much was filled"
        if self.filled >= self.intent.amount:
            return "its trades fill it, but the venue has not said that it is closed"
        return ""

    def over_since(self, before_ms: int) -> bool:
        """Whether it ended before that, on proof, with every fill known: nothing can be said of it any more."""
        if not self.state.terminal or not 0 < self.ended_ms < before_ms:
            return False
        if self.presumed or any(fill.synthetic for fill in self.fills.values()):
            return False
        if not self.exists:
            # Never sent, or each attempt was refused on proof.
            return not self.doubtful
        return self.ended is not None and (self.venue_filled or ZERO) == self.filled

    def learns(self, order: VenueOrder) -> bool:
        """Whether this evidence says anything that is not known; an older snapshot does not."""
        if order.venue_id is not None and order.venue_id != self.venue_id:
            return True
        if order.filled is not None and (self.venue_filled is None or order.filled > self.venue_filled):
            return True
        if order.status is None:
            return False
        if self.presumed or not self.seen:
            return True
        if order.status in ENDED_WORDS:
            return self.ended is None
        return self.ended is None and self.state is OrderState.UNKNOWN

    def merge(self, order: VenueOrder) -> None:
        """Take over what is new in this evidence."""
        self.seen = True
        if self.venue_id is None:
            self.venue_id = order.venue_id
        if order.filled is not None and (self.venue_filled is None or order.filled > self.venue_filled):
            self.venue_filled = order.filled
            self.venue_cost = order.cost
        if order.status in ENDED_WORDS and self.ended is None:
            self.ended = order.status

    def revive(self) -> None:
        """Take back an end that was presumed, or a refusal that the venue itself contradicts."""
        self.presumed = False
        self.late = True
        self.state = OrderState.UNKNOWN

    def derive(self) -> OrderState:
        """The state that follows from what is known."""
        state = self.state
        if state in _SETTLED:
            return state
        if self.ended is not None:
            closed = self._closed()
            if closed is not None:
                return closed
        if state in TERMINAL or state in _PENDING:
            return state
        if self.fills:
            return _PARTIAL
        return _ACCEPTED if self.exists else state

    def _closed(self) -> OrderState | None:
        """Terminal only where the venue says so AND the fills sum to its cumulative quantity."""
        filled = self.filled
        if self.ended == "rejected" and not filled and not self.missing:
            return OrderState.REJECTED
        if self.venue_filled is None or filled < self.venue_filled:
            return None
        if filled >= self.intent.amount:
            return _FILLED
        return OrderState.EXPIRED if self.ended == "expired" else OrderState.CANCELED

"""The legal moves of an intent as one table; read by the ledger, which moves, and by the monitor, which checks (I7).

Pure. Unknown is reached from every state in which something may be at the venue, and left only on evidence. Fills
that come after Canceled or Expired change the filled amount, and the state only where they complete the order.
"""

from __future__ import annotations

from ganglion.messages.orders import TERMINAL, OrderState

_INTENDED = OrderState.INTENDED
_SUBMITTED = OrderState.SUBMITTED
_ACCEPTED = OrderState.ACCEPTED
_PARTIAL = OrderState.PARTIALLY_FILLED
_CANCELING = OrderState.PENDING_CANCEL
_AMENDING = OrderState.PENDING_AMEND
_UNKNOWN = OrderState.UNKNOWN
_FILLED = OrderState.FILLED
_CANCELED = OrderState.CANCELED
_EXPIRED = OrderState.EXPIRED
_REJECTED = OrderState.REJECTED
_DENIED = OrderState.DENIED

_ENDED = frozenset({_FILLED, _CANCELED, _EXPIRED, _REJECTED})

LEGAL: dict[OrderState, frozenset[OrderState]] = {
    # Canceled: withdrawn before it was sent. Unknown: found in a journal without proof that nothing was sent.
    _INTENDED: frozenset({_SUBMITTED, _DENIED, _CANCELED, _UNKNOWN}),
    _SUBMITTED: frozenset({_ACCEPTED, _PARTIAL, _CANCELING, _AMENDING, _UNKNOWN, _DENIED}) | _ENDED,
    _ACCEPTED: frozenset({_PARTIAL, _CANCELING, _AMENDING, _UNKNOWN}) | _ENDED,
    _PARTIAL: frozenset({_CANCELING, _AMENDING, _UNKNOWN}) | _ENDED,
    # Back to accepted: the cancel was refused while the order works on.
    _CANCELING: frozenset({_ACCEPTED, _PARTIAL, _UNKNOWN, _DENIED}) | _ENDED,
    _AMENDING: frozenset({_ACCEPTED, _PARTIAL, _CANCELING, _UNKNOWN, _DENIED}) | _ENDED,
    _UNKNOWN: frozenset({_ACCEPTED, _PARTIAL, _CANCELING, _AMENDING, _DENIED}) | _ENDED,
    _FILLED: frozenset(),
    # Back to life: taken for canceled because the venue knew it no more, and seen there again.
    _CANCELED: frozenset({_FILLED, _ACCEPTED, _PARTIAL, _EXPIRED}),
    _EXPIRED: frozenset({_FILLED}),
    # A late arrival: what was taken for not placed turns up at the venue after all.
    _REJECTED: frozenset({_ACCEPTED, _PARTIAL, _CANCELING, _UNKNOWN, _FILLED, _CANCELED, _EXPIRED}),
    _DENIED: frozenset(),
}

AT_RISK = frozenset({_SUBMITTED, _CANCELING, _AMENDING, _UNKNOWN})
"""Something is on its way to the venue or may be there: held until evidence says otherwise."""


def may_move(old: OrderState, new: OrderState) -> bool:
    """Whether an intent may go from `old` to `new`; staying is always legal."""
    return old is new or new in LEGAL[old]


def is_open(state: OrderState) -> bool:
    """Whether an intent in this state may still trade or come to trade."""
    return state not in TERMINAL

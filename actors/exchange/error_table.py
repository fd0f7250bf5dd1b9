"""The error table as data: error class x operation -> what to do. Read by `directives.py`, by nobody else.

One row for each class of ccxt's hierarchy and for the Python errors that matter; a class without a row is
looked up by its bases. A cell is a `Cell`: verbs that hold together, for the first `tries` failures in a
row of that operation, and `after` from then on. Columns: reading, stream, place, cancel or amend.
The place column speaks of phase maybe_sent or after_reply: what never left is a plain refusal.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Verb(enum.StrEnum):
    """What to do about a failure."""

    RETRY = "retry"
    """Readings only: again, after 0.25 s x2, cap 30 s, full jitter."""
    RESUME = "resume"
    """Log and go on with the state as it is."""
    SUCCESS = "success"
    """The effect that was asked for is already there."""
    REJECT = "reject"
    """The venue refused this attempt: a typed answer to the caller, no failure of ours."""
    DENY = "deny"
    """Refused on this side: nothing was sent."""
    RECONCILE = "reconcile"
    """The order may be there: Unknown, its risk held, looked up; never re-sent."""
    RESYNC = "resync"
    """Drop the replica (book, portfolio) and build it from a new snapshot."""
    RESYNC_CLOCK = "resync_clock"
    """Read the venue's clock and sign with it."""
    RECONNECT = "reconnect"
    """Drop that client, state Connecting; spends no restart budget."""
    RESTART = "restart"
    """Replace the actor's behaviour, with a fresh venue behind it."""
    PAUSE = "pause"
    """Silence for a time; cancels go first afterwards, and through it where it is no ban."""
    STOP_VENUE = "stop_venue"
    """The arm rests until an operator resumes it; no slow retry."""
    STOP_SYMBOL = "stop_symbol"
    """The same for one market."""
    STOP_CAPABILITY = "stop_capability"
    """That call answers NotSupported from here on."""
    ESCALATE = "escalate"
    """To the supervisor."""
    HALT = "halt"
    """No placing on the account until an operator says so; cancels and queries pass."""
    MISS = "miss"
    """One look-up that found nothing: a vote, never proof."""
    NONE = "none"
    """Cannot happen for this operation; treated as no information."""


class Cell(NamedTuple):
    """What to do about one class of failure in one operation."""

    verbs: tuple[Verb, ...]
    tries: int | None = None
    """How many failures in a row `verbs` hold for; None for any number."""
    after: tuple[Verb, ...] = ()
    """What holds from then on."""


class Row(NamedTuple):
    """One class of failure."""

    error: str
    read: Cell
    stream: Cell
    place: Cell
    cancel: Cell
    why: str


V = Verb


def _c(*verbs: Verb, tries: int | None = None, after: tuple[Verb, ...] = ()) -> Cell:
    return Cell(verbs, tries, after)


RETRY, RESUME, REJECT, RECONCILE = _c(V.RETRY), _c(V.RESUME), _c(V.REJECT), _c(V.RECONCILE)
RECONNECT, PAUSE, HALT, NONE = _c(V.RECONNECT), _c(V.PAUSE), _c(V.HALT), _c(V.NONE)
STOP_VENUE, STOP_SYMBOL, STOP_CAPABILITY = (
    _c(V.STOP_VENUE),
    _c(V.STOP_SYMBOL),
    _c(V.STOP_CAPABILITY),
)
ESCALATE, DENY, RESTART, RESYNC = _c(V.ESCALATE), _c(V.DENY), _c(V.RESTART), _c(V.RESYNC)
STOP_AND_HALT, REJECT_AND_HALT = _c(V.STOP_VENUE, V.HALT), _c(V.REJECT, V.HALT)
TWICE_THEN_ESCALATE = _c(V.RETRY, tries=2, after=(V.ESCALATE,))
TWICE_THEN_RESTART = _c(V.RETRY, tries=2, after=(V.RESTART,))
BY_RATE = _c(V.RETRY, tries=5, after=(V.ESCALATE,))
RECONNECT_BY_RATE = _c(V.RECONNECT, tries=5, after=(V.ESCALATE,))
RECONCILE_AND_RESTART = _c(V.RECONCILE, V.RESTART)
CLOCK_THEN_RETRY = _c(V.RESYNC_CLOCK, V.RETRY, tries=3, after=(V.HALT,))
CLOCK_THEN_REJECT = _c(V.REJECT, V.RESYNC_CLOCK, tries=3, after=(V.REJECT, V.HALT))
BACK_ONLINE = _c(V.PAUSE, V.RESYNC)

PYTHON_ERRORS = ("Exception", "LookupError", "ArithmeticError", "TypeError", "ValueError", "KeyError")

# fmt: off (a row is a row)
TABLE: tuple[Row, ...] = (
    Row("BaseError", TWICE_THEN_ESCALATE, TWICE_THEN_ESCALATE, RECONCILE, RECONCILE, "no information; never assume"),
    Row(
        "ExchangeError",
        TWICE_THEN_RESTART,
        TWICE_THEN_RESTART,
        RECONCILE,
        RECONCILE,
        "an unknown code, or a transport failure after the send",
    ),
    Row(
        "AuthenticationError",
        STOP_AND_HALT,
        STOP_AND_HALT,
        REJECT_AND_HALT,
        HALT,
        "refused before matching; retrying invites a ban",
    ),
    Row(
        "PermissionDenied",
        STOP_CAPABILITY,
        STOP_CAPABILITY,
        REJECT,
        ESCALATE,
        "the key lacks a right, or its address list does not name us",
    ),
    Row("AccountNotEnabled", STOP_AND_HALT, STOP_AND_HALT, REJECT, ESCALATE, "the product is not activated"),
    Row("AccountSuspended", HALT, HALT, REJECT_AND_HALT, HALT, "nothing the bot can do"),
    Row(
        "ArgumentsRequired",
        ESCALATE,
        ESCALATE,
        DENY,
        ESCALATE,
        "raised before the send: a bug of ours spends restart budget",
    ),
    Row(
        "BadRequest",
        _c(V.RESUME, tries=1, after=(V.ESCALATE,)),
        _c(V.RESUME, tries=1, after=(V.ESCALATE,)),
        REJECT,
        RECONCILE,
        "some venues answer a duplicate client id with it",
    ),
    Row("BadSymbol", STOP_SYMBOL, STOP_SYMBOL, REJECT, RECONCILE, "delisted, or markets are old"),
    Row("OperationRejected", RESUME, RESUME, REJECT, RECONCILE, "the venue refused the operation"),
    Row("NoChange", RESUME, RESUME, _c(V.RESUME, V.SUCCESS), _c(V.RESUME, V.SUCCESS), "the effect is already there"),
    Row(
        "MarginModeAlreadySet",
        RESUME,
        RESUME,
        _c(V.RESUME, V.SUCCESS),
        _c(V.RESUME, V.SUCCESS),
        "the effect is already there",
    ),
    Row("MarketClosed", PAUSE, PAUSE, _c(V.REJECT, V.PAUSE), RESUME, "reopens by a timer"),
    Row("ManualInteractionNeeded", HALT, HALT, REJECT_AND_HALT, HALT, "an agreement or identity check"),
    Row("RestrictedLocation", STOP_VENUE, STOP_VENUE, REJECT_AND_HALT, HALT, "permanent"),
    Row("InsufficientFunds", RESYNC, RESYNC, REJECT, NONE, "the classic echo of a duplicate that landed"),
    Row("InvalidAddress", STOP_CAPABILITY, STOP_CAPABILITY, REJECT, NONE, "withdrawals only"),
    Row("AddressPending", RETRY, RETRY, REJECT, NONE, "deposit address not ready"),
    Row(
        "InvalidOrder",
        RETRY,
        RETRY,
        REJECT,
        RECONCILE,
        "not visible yet; on a re-send it can mean that the first one landed",
    ),
    Row("OrderNotFound", _c(V.MISS), _c(V.MISS), NONE, RECONCILE, "one vote; on a cancel it may be filled"),
    Row("OrderNotCached", _c(V.MISS), _c(V.MISS), NONE, RECONCILE, "as OrderNotFound"),
    Row("OrderImmediatelyFillable", NONE, NONE, REJECT, RECONCILE, "post-only that would take"),
    Row("OrderNotFillable", NONE, NONE, REJECT, RECONCILE, "FOK or IOC without a counterpart"),
    Row(
        "DuplicateOrderId",
        NONE,
        NONE,
        _c(V.RECONCILE, V.HALT),
        RECONCILE,
        "on a re-send it is evidence of success, on a first send two writers with one id, or a proxy that asked twice",
    ),
    Row("ContractUnavailable", STOP_SYMBOL, STOP_SYMBOL, REJECT, RECONCILE, "expired or halted contract"),
    Row(
        "NotSupported",
        STOP_CAPABILITY,
        STOP_CAPABILITY,
        DENY,
        ESCALATE,
        "capabilities are read from the venue at the start",
    ),
    Row("InvalidProxySettings", STOP_VENUE, STOP_VENUE, DENY, STOP_VENUE, "configuration: a restart cannot help"),
    Row("ExchangeClosedByUser", RESTART, RESTART, RECONCILE, RECONCILE, "our own close()"),
    Row("OperationFailed", RETRY, RECONNECT, RECONCILE, RECONCILE, "status unknown"),
    Row("NetworkError", RETRY, _c(V.RECONNECT, V.RESYNC), RECONCILE, RECONCILE, "that it was sent cannot be excluded"),
    Row("DDoSProtection", PAUSE, PAUSE, _c(V.RECONCILE, V.PAUSE), PAUSE, "repeated hits extend the ban"),
    Row(
        "RateLimitExceeded",
        PAUSE,
        PAUSE,
        _c(V.RECONCILE, V.PAUSE),
        PAUSE,
        "our budget model is wrong as well: count it",
    ),
    Row(
        "ExchangeNotAvailable",
        RETRY,
        RECONNECT,
        RECONCILE,
        RECONCILE,
        "mixes refusals with a 502 after the order was taken",
    ),
    Row(
        "OnMaintenance",
        BACK_ONLINE,
        BACK_ONLINE,
        _c(V.RECONCILE, V.PAUSE),
        PAUSE,
        "orders may be cancelled by the venue: read everything again afterwards",
    ),
    Row(
        "InvalidNonce",
        CLOCK_THEN_RETRY,
        RESYNC,
        CLOCK_THEN_REJECT,
        CLOCK_THEN_RETRY,
        "refused before matching; where a fresh clock does not help, a second bot may be using this key",
    ),
    Row("ChecksumError", RESYNC, RESYNC, NONE, NONE, "one replica is wrong, its neighbours are fine"),
    Row("RequestTimeout", RETRY, RECONNECT, RECONCILE, RECONCILE, "maybe executed"),
    Row("BadResponse", BY_RATE, RECONNECT_BY_RATE, RECONCILE, RECONCILE, "unreadable after the venue acted"),
    Row("NullResponse", BY_RATE, RECONNECT_BY_RATE, RECONCILE, RECONCILE, "unreadable after the venue acted"),
    Row("CancelPending", RESUME, RESUME, NONE, RESUME, "no error; a fill may still win the race"),
    Row("UnsubscribeError", RESUME, RESUME, NONE, NONE, "a waiter of a stream that we closed"),
    *(
        Row(
            name,
            RESTART,
            RESTART,
            RECONCILE_AND_RESTART,
            RECONCILE_AND_RESTART,
            "the venue changed its shape; our state is suspect",
        )
        for name in PYTHON_ERRORS
    ),
    Row(
        "VenueConfigError",
        STOP_VENUE,
        STOP_VENUE,
        DENY,
        STOP_VENUE,
        "ours: the configuration forbids it; a restart cannot help",
    ),
    Row("Timeout", RETRY, RETRY, RECONCILE, RECONCILE, "the message is still handled later"),
    Row("ActorDeadError", RESUME, RESUME, DENY, RECONCILE, "the cell was stopped for good"),
    Row("AssertionError", HALT, HALT, _c(V.RECONCILE, V.HALT), HALT, "corrupted money state: stop rather than guess"),
    Row("BaseException", RETRY, RECONNECT, RECONCILE, RECONCILE, "SystemExit or CancelledError, converted at the port"),
)
# fmt: on

BY_CLASS: dict[str, Row] = {row.error: row for row in TABLE}

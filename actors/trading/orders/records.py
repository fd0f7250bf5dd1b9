"""What the journal keeps: the facts and decisions from which the ledger is rebuilt, as msgspec structs in msgpack.

Written by the orders actor, read by the ledger alone. A record is a fact or a decision already made, never a
question: replaying all of them in order gives the very ledger that wrote them (I14). Money stays text on the disk.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from ganglion.messages.account import External
from ganglion.messages.orders import (
    Balance,
    DenyReason,
    Intent,
    PlaceAnswered,
    VenueOrder,
    VenueTrade,
)
from ganglion.messages.trading import Scope, StateEntry
from ganglion.messages.values import Symbol


class Record(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Base of all records: an array whose first element is the record's name."""


class Opened(Record, frozen=True, tag=True, array_like=True):
    """The account as it was first read: everything later is counted from here."""

    balances: tuple[Balance, ...]
    read_ms: int
    """The venue's clock at that reading."""
    prior: tuple[tuple[Symbol, str], ...]
    """(symbol, trade id) of own trades that these balances already contain."""


class Intended(Record, frozen=True, tag=True, array_like=True):
    """An intent and its first attempt: durable before anything is sent."""

    intent: Intent
    number: int
    client_id: str


class Sent(Record, frozen=True, tag=True, array_like=True):
    """This attempt was handed to the exchange."""

    client_id: str
    attempt: int


class Tombstoned(Record, frozen=True, tag=True, array_like=True):
    """Refused by us after it was journaled: nothing was sent and nothing ever will be."""

    client_id: str
    deny_reason: DenyReason
    text: str


class Withdrawn(Record, frozen=True, tag=True, array_like=True):
    """Canceled by its mode before it was sent."""

    client_id: str
    text: str


class Answered(Record, frozen=True, tag=True, array_like=True):
    """How an attempt ended."""

    answer: PlaceAnswered


class OrderEvidence(Record, frozen=True, tag=True, array_like=True):
    """What a venue said about an order of ours, from whichever route."""

    client_id: str
    order: VenueOrder


class TradeEvidence(Record, frozen=True, tag=True, array_like=True):
    """A trade of this account, ours or not."""

    trade: VenueTrade


class AdoptedTrade(Record, frozen=True, tag=True, array_like=True):
    """A trade that no order of ours can claim: somebody else's, counted as external."""

    symbol: Symbol
    trade_id: str


class Inferred(Record, frozen=True, tag=True, array_like=True):
    """A fill that only the order's cumulative quantity tells of; its fee is not known and taken as 0."""

    client_id: str
    trade: VenueTrade


class CancelAsked(Record, frozen=True, tag=True, array_like=True):
    """Somebody wants this order gone; it stays wanted until the order is terminal."""

    client_id: str
    amending: bool
    reason: str


class CancelFailed(Record, frozen=True, tag=True, array_like=True):
    """A cancel ended without proof of what became of the order."""

    client_id: str
    text: str


class Doubted(Record, frozen=True, tag=True, array_like=True):
    """Evidence went missing for this order: it is Unknown until it is found again."""

    client_id: str
    text: str


class Frozen(Record, frozen=True, tag=True, array_like=True):
    """A new epoch: whatever was on its way is Unknown now."""

    epoch: int
    reason: str


class NotPlaced(Record, frozen=True, tag=True, array_like=True):
    """Proven absent by spaced valid votes: rejected, never re-sent, watched for a late arrival."""

    client_id: str
    text: str


class Gone(Record, frozen=True, tag=True, array_like=True):
    """An order that the venue had and knows no more: canceled with the fills that were found."""

    client_id: str
    text: str


class Concluded(Record, frozen=True, tag=True, array_like=True):
    """The venue never said how much of an ended order was filled: its own trades, read whole, say it."""

    client_id: str


class ExternalEntry(Record, frozen=True, tag=True, array_like=True):
    """A difference that no fill explains."""

    external: External


class Settled(Record, frozen=True, tag=True, array_like=True):
    """Reconcile of this epoch ended; trades up to this time are known."""

    epoch: int
    read_ms: int


class VenueRenewed(Record, frozen=True, tag=True, array_like=True):
    """The venue is a new one (it lives in the bot's own process): nothing of the account is left there."""

    reason: str


class Forgotten(Record, frozen=True, tag=True, array_like=True):
    """Lines that were over before this time are dropped: nobody can say anything of them any more."""

    before_ms: int
    """By the venue's clock."""


class Saved(Record, frozen=True, tag=True, array_like=True):
    """A mode's own state."""

    mode: str
    state: bytes
    sequence: int


class StateSet(Record, frozen=True, tag=True, array_like=True):
    """A scope's trading state was set: it and its first cause outlive every restart."""

    entry: StateEntry


class StateLifted(Record, frozen=True, tag=True, array_like=True):
    """An operator let a scope be active again."""

    scope: Scope
    who: str
    at_ms: int


AnyRecord: TypeAlias = (
    Opened
    | Intended
    | Sent
    | Tombstoned
    | Withdrawn
    | Answered
    | OrderEvidence
    | TradeEvidence
    | AdoptedTrade
    | Inferred
    | CancelAsked
    | CancelFailed
    | Doubted
    | Frozen
    | NotPlaced
    | Gone
    | Concluded
    | ExternalEntry
    | Settled
    | VenueRenewed
    | Forgotten
    | Saved
    | StateSet
    | StateLifted
)

_ENCODER = msgspec.msgpack.Encoder(decimal_format="string")
_DECODER: msgspec.msgpack.Decoder[AnyRecord] = msgspec.msgpack.Decoder(AnyRecord)


class RecordError(ValueError):
    """Bytes of a journal that are no record."""


def encode(record: AnyRecord) -> bytes:
    """One record as bytes."""
    return _ENCODER.encode(record)


def decode(data: bytes) -> AnyRecord:
    """One record from bytes.

    Raises:
        RecordError: for bytes that are none; the journal is damaged or of another version.
    """
    try:
        return _DECODER.decode(data)
    except msgspec.MsgspecError as error:
        raise RecordError(
            f"a journal record of {len(data)} bytes can't be read ({error}): the journal is damaged or was "
            "written by another version; do not trade on it"
        ) from error

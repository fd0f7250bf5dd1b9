"""A whole ledger as bytes, so that a start need not replay every record that there ever was.

Pure. The orders actor writes one in its own turn when the journal asks; the ledger that comes back equals the one that
was written, field by field (`tests/actors/trading/journal/test_checkpoints.py` holds it to that). Money stays text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import msgspec

from ganglion.actors.trading.orders import records as r
from ganglion.actors.trading.orders.ledger import Ledger, LedgerError

VERSION = 1


class _State(msgspec.Struct, array_like=True):
    """What the bytes hold."""

    version: int
    ledger: Ledger


class _Version(msgspec.Struct, array_like=True):
    """The first element alone; what follows may be of a form that this program does not know."""

    version: int


class CheckpointError(ValueError):
    """Bytes that are no checkpoint of this account, or of a version that can't be read."""


_ENCODER = msgspec.msgpack.Encoder(decimal_format="string")
_DECODER = msgspec.msgpack.Decoder(_State)
_VERSIONS = msgspec.msgpack.Decoder(_Version)


def encode_ledger(ledger: Ledger) -> bytes:
    """Everything in a ledger as bytes."""
    return _ENCODER.encode(_State(VERSION, ledger))


def decode_ledger(account: str, data: bytes) -> Ledger:
    """The ledger that was written.

    Raises:
        CheckpointError: the bytes are damaged, another account's, or of another version.
    """
    try:
        version = _VERSIONS.decode(data).version
        if version != VERSION:
            raise CheckpointError(
                f"a checkpoint of {account} is of version {version}, this program reads {VERSION}: start the bot with "
                "the version that wrote it"
            )
        ledger = _DECODER.decode(data).ledger
    except msgspec.MsgspecError as error:
        raise CheckpointError(
            f"a checkpoint of {account} ({len(data)} bytes) can't be read ({error}): the journal is damaged or was "
            "written by another version; do not trade on it"
        ) from error
    if ledger.account != account:
        raise CheckpointError(
            f"a checkpoint of {ledger.account!r} stands among the records of {account!r}: the journal is damaged"
        )
    return ledger


def restore(account: str, checkpoint: bytes, records: Iterable[bytes]) -> tuple[Ledger, str]:
    """The ledger that a checkpoint and the records behind it make; without a checkpoint, the records alone.

    Returns:
        the ledger as far as it can be read, and what can't; empty where all of it was.
    """
    ledger = Ledger(account)
    try:
        if checkpoint:
            ledger = decode_ledger(account, checkpoint)
        for record in records:
            ledger.apply(r.decode(record))
    except (CheckpointError, r.RecordError, LedgerError) as error:
        return ledger, str(error)
    return ledger, ""


def unlike(live: Ledger, journaled: Ledger) -> tuple[str, ...]:
    """Where a live ledger differs from the one that its journal makes (I14); empty where they are equal.

    To be judged at a quiescent point: everything that was recorded has been made durable.

    Returns:
        the names of the fields that differ, dicts in another order included: the order of lines and fills counts.
    """
    return tuple(
        field.name
        for field in fields(Ledger)
        if _ENCODER.encode(getattr(live, field.name)) != _ENCODER.encode(getattr(journaled, field.name))
    )

"""The mark that a journal began in a folder: whose it is and how far it has come, so that lost segments are missed.

The log writes it once a segment is durable, so it never tells of more than there was; the log, the reader and
`ganglion journal` compare it with what they find. Without it, a folder whose segments were all removed looks new.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ganglion.actors.trading.journal.segments import frame, unframe

IDENTITY = "identity"
"""Its file, in the bot's folder."""
_MAGIC = "ganglion identity"
_FORMAT = 1


class Identity(msgspec.Struct, frozen=True, array_like=True):
    """What the mark says."""

    run_root: bytes
    bot: str
    newest: int
    """Number of a segment that was durable; there may be one more."""
    magic: str = _MAGIC
    version: int = _FORMAT


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Identity)


def encode_identity(identity: Identity) -> bytes:
    """The content of its file: one frame."""
    return frame(_ENCODER.encode(identity))


def decode_identity(data: bytes) -> Identity | None:
    """What a file says; None where it is not whole (a disk that lied about it) or none of ours."""
    payload = unframe(data)
    if payload is None:
        return None
    try:
        identity = _DECODER.decode(payload)
    except msgspec.MsgspecError:
        return None
    return identity if (identity.magic, identity.version) == (_MAGIC, _FORMAT) else None


def newest_known(identity: Identity | None, archived: Collection[int]) -> int:
    """The least number that the newest segment must have; 0 where nothing tells of any.

    Args:
        identity: the mark, where there is one.
        archived: numbers in the archive: a segment goes there only once a newer one holds every account's checkpoint.
    """
    return max(identity.newest if identity else 0, max(archived, default=-1) + 1)


def missing_text(first: int, last: int) -> str:
    """For people: which segments are not there."""
    which = f"segment {first} is" if first == last else f"segments {first} to {last} are"
    return f"{which} missing: the archive or the folder's `{IDENTITY}` file tell of more than is there"

"""Client order ids: bot tag + base32(blake2(run root, account, intent number)).

Pure. The orders actor makes ids; inside Ganglion an id is always the one made here. How a venue spells it is data of
the exchange actor's (`ClientIdRule` in actors/exchange/quirks.py). 18 lower-case alphanumeric characters suit most.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

TAG_LENGTH = 4
LENGTH = 18
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_ALPHABET = frozenset(_LETTERS)


class ClientIdError(ValueError):
    """A tag or an id that can't be what it should be."""


def tag_of(bot: str) -> str:
    """A bot's tag: four characters made from its name, in front of every id it makes."""
    return "g" + _base32(hashlib.blake2b(bot.encode(), digest_size=8, person=b"ganglion.tag").digest(), TAG_LENGTH - 1)


def make_client_id(tag: str, run_root: bytes, account: str, number: int, *, length: int = LENGTH) -> str:
    """The id of an account's n-th intent: the same for the same arguments, for ever.

    Raises:
        ClientIdError: for a tag that is no lower-case base32 text, or leaves under 10 characters (50 bits).
    """
    digest = hashlib.blake2b(
        f"{account}\0{number}".encode(), key=run_root[:64], digest_size=32, person=b"ganglion.order"
    ).digest()
    return tag + _base32(digest, _room(tag, length))


@lru_cache
def _room(tag: str, length: int) -> int:
    if not tag or not set(tag) <= _ALPHABET:
        raise ClientIdError(f"tag {tag!r}: use one or more of a-z and 2-7")
    room = length - len(tag)
    if room < 10:
        raise ClientIdError(f"tag {tag!r} leaves {room} of {length} characters: at least 10 keep ids unique")
    return room


def is_ours(client_id: str | None, tag: str, *, length: int = LENGTH) -> bool:
    """Whether a canonical id was made by a bot of this tag (whether or not its journal is at hand)."""
    return (
        client_id is not None and len(client_id) == length and client_id.startswith(tag) and set(client_id) <= _ALPHABET
    )


def _base32(data: bytes, length: int) -> str:
    """The first characters of the bytes in base32, five bits each."""
    taken = data[: -(-length // 8) * 5]
    bits, top = int.from_bytes(taken), 8 * len(taken) - 5
    text = ""
    for shift in range(top, top - 5 * length, -5):
        text += _LETTERS[bits >> shift & 31]
    return text

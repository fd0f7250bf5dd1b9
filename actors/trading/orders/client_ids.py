"""Client order ids: bot tag + base32(blake2(run root, account, intent number)), and how venues write them.

Pure. The orders actor makes ids; an exchange adapter writes them for its venue and normalises what comes back.
Inside Ganglion an id is always the canonical one; a venue's spelling (`t-` of gate, 0x + 32 hex of hyperliquid)
is data handed in. 18 lower-case alphanumeric characters suit most venues.
"""

from __future__ import annotations

import base64
import hashlib

import msgspec

TAG_LENGTH = 4
LENGTH = 18
_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz234567")


class ClientIdError(ValueError):
    """A tag or an id that can't be what it should be."""


class ClientIdFormat(msgspec.Struct, frozen=True):
    """How one venue wants client ids written."""

    prefix: str = ""
    """Put in front on the wire and taken off again: `t-`, a broker's id."""
    hex_length: int = 0
    """Above 0: the wire carries 0x + that many hex digits of the canonical id's own characters, zero-padded."""

    def encode(self, client_id: str) -> str:
        """The canonical id as the venue wants it.

        Raises:
            ClientIdError: where it does not fit.
        """
        if not self.hex_length:
            return self.prefix + client_id
        digits = _to_number(client_id)
        text = f"{digits:0{self.hex_length}x}"
        if len(text) > self.hex_length:
            raise ClientIdError(
                f"client id {client_id!r} needs {len(text)} hex digits and the venue takes "
                f"{self.hex_length}: use shorter ids for it"
            )
        return f"{self.prefix}0x{text}"

    def normalise(self, text: str | None) -> str | None:
        """The canonical id of what a venue sent; None where it sent none, others' ids as they are."""
        if not text:
            return None
        bare = text.removeprefix(self.prefix)
        if not self.hex_length:
            return bare
        try:
            return _to_text(int(bare.removeprefix("0x"), 16))
        except ValueError:
            return bare


def tag_of(bot: str) -> str:
    """A bot's tag: four characters made from its name, in front of every id it makes."""
    return (
        "g" + _base32(hashlib.blake2b(bot.encode(), digest_size=8, person=b"ganglion.tag").digest())[: TAG_LENGTH - 1]
    )


def make_client_id(tag: str, run_root: bytes, account: str, number: int, *, length: int = LENGTH) -> str:
    """The id of an account's n-th intent: the same for the same arguments, for ever.

    Raises:
        ClientIdError: for a tag that is no lower-case base32 text, or leaves under 10 characters (50 bits).
    """
    if not tag or not set(tag) <= _ALPHABET:
        raise ClientIdError(f"tag {tag!r}: use one or more of a-z and 2-7")
    room = length - len(tag)
    if room < 10:
        raise ClientIdError(f"tag {tag!r} leaves {room} of {length} characters: at least 10 keep ids unique")
    digest = hashlib.blake2b(
        f"{account}\0{number}".encode(), key=run_root[:64], digest_size=32, person=b"ganglion.order"
    ).digest()
    return tag + _base32(digest)[:room]


def is_ours(client_id: str | None, tag: str, *, length: int = LENGTH) -> bool:
    """Whether a canonical id was made by a bot of this tag (whether or not its journal is at hand)."""
    return (
        client_id is not None and len(client_id) == length and client_id.startswith(tag) and set(client_id) <= _ALPHABET
    )


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"


def _to_number(client_id: str) -> int:
    # A leading 1 keeps leading `a`s (zeros) apart.
    number = 1
    for character in client_id:
        place = _DIGITS.find(character)
        if place < 0:
            raise ClientIdError(f"client id {client_id!r} is not one of ours: {character!r}")
        number = number * 32 + place
    return number


def _to_text(number: int) -> str:
    characters: list[str] = []
    while number > 1:
        number, place = divmod(number, 32)
        characters.append(_DIGITS[place])
    return "".join(reversed(characters))

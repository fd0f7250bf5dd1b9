"""Reading and checking Kraken's request parameters; every refusal has the venue's own text."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from ganglion.simulation.venue.dialects.kraken.errors import BAD_ARGUMENTS, ApiError, invalid

_NUMBER = re.compile(r"^[0-9]{1,20}(\.[0-9]{1,20})?$")
_CLIENT_ID = re.compile(
    r"^([a-z0-9]{1,18}|[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
)
"""Free text of up to 18 characters, or a UUID with or without hyphens:
https://docs.kraken.com/exchange/guides/general/clordid ."""
_LARGEST_REFERENCE = 2**31 - 1
_FARTHEST_DEADLINE_MS = 60_000

E = TypeVar("E", bound=enum.Enum)


class Params:
    """The parameters of one request, all text as in a form."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def text(self, name: str) -> str:
        """A mandatory parameter.

        Raises:
            ApiError: EGeneral:Invalid arguments:NAME when it is missing or empty.
        """
        value = self.values.get(name, "")
        if not value:
            raise invalid(name)
        return value

    def optional(self, name: str) -> str | None:
        """A parameter, or None when it is missing or empty."""
        return self.values.get(name) or None

    def flag(self, name: str) -> bool:
        """Whether a parameter says true."""
        return (self.optional(name) or "").lower() in {"true", "1", "yes"}

    def integer(self, name: str) -> int | None:
        """A whole number, or None.

        Raises:
            ApiError: EGeneral:Invalid arguments:NAME when it is something else.
        """
        value = self.optional(name)
        if value is None:
            return None
        if not value.removeprefix("-").isdecimal():
            raise invalid(name)
        return int(value)

    def amount(self, name: str) -> Decimal | None:
        """A positive amount, or None.

        Raises:
            ApiError: EGeneral:Invalid arguments:NAME when it is no plain number.
        """
        value = self.optional(name)
        if value is None:
            return None
        if _NUMBER.match(value) is None:
            raise invalid(name)
        return Decimal(value)

    def choice(self, name: str, choices: Mapping[str, E]) -> E:
        """A mandatory parameter with fixed values.

        Raises:
            ApiError: EGeneral:Invalid arguments:NAME when it is missing or none of them.
        """
        found = choices.get(self.text(name).lower())
        if found is None:
            raise invalid(name)
        return found

    def client_id(self) -> str | None:
        """`cl_ord_id`, or None.

        Raises:
            ApiError: EGeneral:Invalid arguments:cl_ord_id when it is neither short text nor a UUID.
        """
        value = self.optional("cl_ord_id")
        if value is not None and _CLIENT_ID.match(value) is None:
            raise invalid("cl_ord_id")
        return value

    def reference(self) -> int | None:
        """`userref`, or None.

        Raises:
            ApiError: EGeneral:Invalid arguments:userref when it is no 32-bit number.
        """
        value = self.integer("userref")
        if value is not None and abs(value) > _LARGEST_REFERENCE:
            raise invalid("userref")
        return value

    def seconds_ms(self, name: str) -> int | None:
        """A time in seconds since 1970, in milliseconds; None when it is missing or 0.

        Raises:
            ApiError: EGeneral:Invalid arguments:NAME when it is no number.
        """
        found = self.amount(name)
        return int(found * 1000) if found else None

    def check_deadline(self, now_ms: int) -> bool:
        """Whether the request's own `deadline` (RFC 3339) still lies ahead, or there is none.

        Raises:
            ApiError: EGeneral:Invalid arguments:deadline when it is no time, or more than a minute away.
        """
        value = self.optional("deadline")
        if value is None:
            return True
        at_ms = read_time(value)
        if at_ms is None or at_ms - now_ms > _FARTHEST_DEADLINE_MS:
            raise invalid("deadline")
        return at_ms > now_ms


def read_time(text: str) -> int | None:
    """An RFC 3339 time in milliseconds since 1970; None for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        return None
    return round(found.timestamp() * 1000)


def wire_time(time_ms: int, *, digits: int = 6) -> str:
    """A time as WebSocket v2 writes it: 2023-09-25T07:49:37.708000Z."""
    whole = datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{time_ms % 1000:03d}{'0' * (digits - 3)}Z"


def start_time(params: Params, name: str, time_of_id: Mapping[str, int]) -> int | None:
    """`start` or `end` of a list: seconds since 1970, or the id of one of its entries; in milliseconds.

    Raises:
        ApiError: EGeneral:Invalid arguments when it is neither.
    """
    value = params.optional(name)
    if value is not None and value in time_of_id:
        return time_of_id[value]
    if value is not None and _NUMBER.match(value) is None:
        raise ApiError(BAD_ARGUMENTS)
    return params.seconds_ms(name)

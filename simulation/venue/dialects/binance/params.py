"""Reading and checking Binance request parameters; every refusal has the venue's own code and text."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from ganglion.simulation.venue.dialects.binance.errors import ApiError, missing

_NUMBER = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
_CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
_DECIMALS = 8

E = TypeVar("E", bound=enum.Enum)


class Params:
    """The parameters of one request, all text as on the wire."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def text(self, name: str) -> str:
        """A mandatory parameter.

        Raises:
            ApiError: -1102 when it is missing or empty.
        """
        value = self.values.get(name, "")
        if not value:
            raise missing(name)
        return value

    def optional(self, name: str) -> str | None:
        """A parameter, or None when it is missing or empty."""
        return self.values.get(name) or None

    def integer(self, name: str) -> int | None:
        """A whole number, or None.

        Raises:
            ApiError: -1100 when it is something else.
        """
        value = self.optional(name)
        if value is None:
            return None
        if not value.isdecimal():
            raise ApiError(400, -1100, _illegal(name, "^[0-9]{1,20}$"))
        return int(value)

    def limit(self, default: int, largest: int) -> int:
        """The parameter `limit`, cut to what the endpoint gives at most."""
        value = self.integer("limit")
        return min(default if value is None else max(value, 1), largest)

    def amount(self, name: str) -> Decimal | None:
        """An amount of money, or None.

        Raises:
            ApiError: -1100 when it is no plain number, -1111 when it has more than eight decimals.
        """
        value = self.optional(name)
        if value is None:
            return None
        found = _NUMBER.match(value)
        if found is None:
            raise ApiError(400, -1100, _illegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$"))
        if len((found.group(2) or ".").rstrip("0")) - 1 > _DECIMALS:
            raise ApiError(400, -1111, f"Parameter '{name}' has too much precision.")
        return Decimal(value)

    def choice(self, name: str, choices: Mapping[str, E], error: ApiError) -> E:
        """A mandatory parameter with fixed values.

        Raises:
            ApiError: -1102 when it is missing, `error` when it is none of the choices.
        """
        found = choices.get(self.text(name))
        if found is None:
            raise error
        return found

    def client_id(self, name: str) -> str | None:
        """A client order id, or None.

        Raises:
            ApiError: -1100 when it is too long or has other characters than Binance takes.
        """
        value = self.optional(name)
        if value is not None and _CLIENT_ID.match(value) is None:
            raise ApiError(400, -1100, _illegal(name, "^[.A-Z:/a-z0-9_-]{1,36}$"))
        return value


def _illegal(name: str, legal: str) -> str:
    return f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."

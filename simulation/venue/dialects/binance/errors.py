"""Binance spot's error envelope: HTTP status, code and text, as its API documents them.

https://developers.binance.com/docs/binance-spot-api-docs/errors (read 2025); ccxt chooses its exception class by the
code, and for -2010 by the text, so the texts are the venue's own.
"""

from __future__ import annotations

from ganglion.simulation.venue.events import RejectCode, Rejected


class ApiError(Exception):
    """A request is refused: the answer is `{"code": code, "msg": message}` with the HTTP status."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, object]:
        """The answer's JSON."""
        return {"code": self.code, "msg": self.message}


_REFUSALS: dict[RejectCode, tuple[int, str]] = {
    RejectCode.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    RejectCode.UNKNOWN_ACCOUNT: (-2015, "Invalid API-key, IP, or permissions for action."),
    RejectCode.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    RejectCode.MALFORMED: (-1106, "Parameter 'price' sent when not required."),
    RejectCode.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    RejectCode.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    RejectCode.WOULD_MATCH: (-2010, "Order would immediately match and take."),
    RejectCode.LOT_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    RejectCode.PRICE_FILTER: (-1013, "Filter failure: PRICE_FILTER"),
    RejectCode.PRICE_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    RejectCode.NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    RejectCode.MAX_OPEN_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
}


def from_rejected(rejected: Rejected) -> ApiError:
    """The engine's refusal in Binance's words."""
    code, message = _REFUSALS[rejected.code]
    return ApiError(400, code, message)


def missing(name: str) -> ApiError:
    """A mandatory parameter is not there."""
    return ApiError(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def unknown_order() -> ApiError:
    """A query names an order that the account does not have."""
    return ApiError(400, -2013, "Order does not exist.")


def bad_key() -> ApiError:
    """The API key is not one of the venue's."""
    return ApiError(401, -2015, "Invalid API-key, IP, or permissions for action.")

"""Kraken's errors: texts in a list, on HTTP 200.

https://docs.kraken.com/exchange/guides/rest/errors (read 2025). ccxt chooses its exception class by the whole text,
so the texts are the venue's own.
"""

from __future__ import annotations

from ganglion.simulation.venue.events import RejectCode, Rejected


class ApiError(Exception):
    """A request is refused: the answer is `{"error": [text]}`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


_REFUSALS: dict[RejectCode, str] = {
    RejectCode.UNKNOWN_SYMBOL: "EQuery:Unknown asset pair",
    RejectCode.UNKNOWN_ACCOUNT: "EAPI:Invalid key",
    RejectCode.UNKNOWN_ORDER: "EOrder:Unknown order",
    RejectCode.MALFORMED: "EGeneral:Invalid arguments",
    RejectCode.DUPLICATE_CLIENT_ID: "EGeneral:Invalid arguments:cl_ord_id not unique",
    RejectCode.INSUFFICIENT_BALANCE: "EOrder:Insufficient funds",
    RejectCode.WOULD_MATCH: "EOrder:Post only order",
    RejectCode.LOT_SIZE: "EOrder:Order minimum not met",
    RejectCode.PRICE_FILTER: "EOrder:Invalid price",
    RejectCode.PRICE_BAND: "EOrder:Invalid price",
    RejectCode.NOTIONAL: "EOrder:Cost minimum not met",
    RejectCode.MAX_OPEN_ORDERS: "EOrder:Orders limit exceeded",
}

BAD_KEY = "EAPI:Invalid key"
BAD_SIGNATURE = "EAPI:Invalid signature"
BAD_NONCE = "EAPI:Invalid nonce"
BAD_SESSION = "ESession:Invalid session"
BAD_ARGUMENTS = "EGeneral:Invalid arguments"
DEADLINE = "EService:Deadline elapsed"
RATE_LIMIT = "EAPI:Rate limit exceeded"
ORDER_RATE_LIMIT = "EOrder:Rate limit exceeded"
UNKNOWN_METHOD = "EGeneral:Unknown method"
UNKNOWN_ORDER = "EOrder:Unknown order"
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
UNKNOWN_ASSET = "EQuery:Unknown asset"


def from_rejected(rejected: Rejected) -> ApiError:
    """The engine's refusal in Kraken's words."""
    return ApiError(_REFUSALS[rejected.code])


def invalid(name: str) -> ApiError:
    """A parameter is missing or is not what it should be."""
    return ApiError(f"{BAD_ARGUMENTS}:{name}")

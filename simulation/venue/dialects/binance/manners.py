"""How Binance spot speaks when it refuses: its error envelope, weight headers, ban, and real refusals by name.

Codes and texts are the venue's: https://developers.binance.com/docs/binance-spot-api-docs/errors and
.../rest-api/limits (read 2025). ccxt picks its exception by code, and for -2010 by text.
"""

from __future__ import annotations

import msgspec

from ganglion.simulation.venue.answers import PAGES, Answer
from ganglion.simulation.venue.wire import Hub


def error(status: int, code: int, message: str) -> Answer:
    """Binance's error envelope."""
    return Answer(status, msgspec.json.encode({"code": code, "msg": message}), code=code)


def _limited(status: int, message: str, retry_after_s: int) -> Answer:
    plain = error(status, -1003, message)
    return Answer(plain.status, plain.body, headers={"Retry-After": str(retry_after_s)}, code=-1003)


_USED_TOO_MUCH = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
_CALM = _USED_TOO_MUCH + "Please use WebSocket Streams for live updates to avoid polling the API."
_STREAMS = "Please use WebSocket Streams for live updates to avoid bans."
_UNKNOWN = "An unknown error occurred while processing the request."
_BACKEND = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."

ANSWERS: dict[str, Answer] = {
    **PAGES,
    "429": _limited(429, _CALM, 2),
    "418": _limited(418, "Way too much request weight used; IP banned until 1893456000000.", 2),
    "503-unknown": error(503, -1000, "Unknown error, please check your request or try again later."),
    "503-busy": error(503, -1008, "Request throttled by system-level protection. Please try again."),
    "504-backend": error(504, -1007, _BACKEND),
    "-1000": error(400, -1000, _UNKNOWN),
    "-1001": error(500, -1001, "Internal error; unable to process your request. Please try again."),
    "-1003": error(400, -1003, _CALM),
    "-1006": error(400, -1006, "An unexpected response was received from the message bus. Execution status unknown."),
    "-1015": error(400, -1015, "Too many new orders; current limit is 100 orders per 10 SECOND."),
    "-1021": error(400, -1021, "Timestamp for this request is outside of the recvWindow."),
    "-1021-200": error(200, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
    "-1022": error(400, -1022, "Signature for this request is not valid."),
    "-1013-notional": error(400, -1013, "Filter failure: NOTIONAL"),
    "-1013-lot": error(400, -1013, "Filter failure: LOT_SIZE"),
    "-1013-lot-200": error(200, -1013, "Filter failure: LOT_SIZE"),
    "-1013-price": error(400, -1013, "Filter failure: PRICE_FILTER"),
    "-1111": error(400, -1111, "Parameter 'quantity' has too much precision."),
    "-1121": error(400, -1121, "Invalid symbol."),
    "-2010-insufficient": error(400, -2010, "Account has insufficient balance for requested action."),
    "-2010-duplicate": error(400, -2010, "Duplicate order sent."),
    "-2010-post-only": error(400, -2010, "Order would immediately match and take."),
    "-2010-closed": error(400, -2010, "Market is closed."),
    "-2011": error(400, -2011, "Unknown order sent."),
    "-2013": error(400, -2013, "Order does not exist."),
    "-2014": error(401, -2014, "API-key format invalid."),
    "-2015": error(401, -2015, "Invalid API-key, IP, or permissions for action."),
    "-9999": error(400, -9999, "This code is in nobody's table."),
}
"""The catalogue; names are HTTP statuses or the venue's codes."""


class BinanceManners:
    """The dialect's side of the gate."""

    answers = ANSWERS

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def error(self, status: int, code: int, message: str) -> Answer:
        """The venue's own error envelope."""
        return error(status, code, message)

    def ban(self, until_ms: int, now_ms: int) -> Answer:
        """418 until the ban is over, as after 429s that were not heeded."""
        text = f"Way too much request weight used; IP banned until {until_ms}. {_STREAMS}"
        return _limited(418, text, _seconds(until_ms - now_ms))

    def headers(self) -> dict[str, str]:
        """The weight used in the running minute, on every answer."""
        used = str(self._hub.weight_used)
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}


def _seconds(ms: int) -> int:
    return max(1, -(-ms // 1000))

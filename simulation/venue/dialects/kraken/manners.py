"""How Kraken speaks when it refuses: texts in a list on HTTP 200, and real refusals by name.

https://docs.kraken.com/exchange/guides/general/errors (read 2025). ccxt picks its exception by the whole text.
"""

from __future__ import annotations

import msgspec

from ganglion.simulation.venue.answers import PAGES, Answer


def error(status: int, code: int, *texts: str) -> Answer:
    """Kraken's error envelope."""
    return Answer(status, msgspec.json.encode({"error": list(texts)}), code=code)


_TEXTS = (
    "EAPI:Invalid key",
    "EAPI:Invalid signature",
    "EAPI:Invalid nonce",
    "EAPI:Rate limit exceeded",
    "EAPI:Bad request",
    "EGeneral:Permission denied",
    "EGeneral:Internal error",
    "EGeneral:Invalid arguments",
    "EGeneral:Invalid arguments:cl_ord_id not unique",
    "EGeneral:Temporary lockout",
    "EGeneral:Too many requests",
    "EGeneral:Unknown method",
    "EDatabase:Internal error",
    "EOrder:Cost minimum not met",
    "EOrder:Insufficient funds",
    "EOrder:Invalid price",
    "EOrder:Order minimum not met",
    "EOrder:Orders limit exceeded",
    "EOrder:Post only order",
    "EOrder:Rate limit exceeded",
    "EOrder:Unknown order",
    "EQuery:Unknown asset pair",
    "EService:Busy",
    "EService:Deadline elapsed",
    "EService:Market in cancel_only mode",
    "EService:Market in post_only mode",
    "EService:Unavailable",
    "ESession:Invalid session",
    "ETrade:User Locked",
    "EUnknown:This text is in nobody's table",
)

ANSWERS: dict[str, Answer] = {
    **PAGES,
    **{text: error(200, -1, text) for text in _TEXTS},
    "429": error(429, -1, "EAPI:Rate limit exceeded"),
    "503-unavailable": error(503, -1, "EService:Unavailable"),
}
"""The catalogue; names are the venue's texts, or HTTP statuses."""


class KrakenManners:
    """The dialect's side of the gate."""

    answers = ANSWERS

    def error(self, status: int, code: int, message: str) -> Answer:
        """The venue's own error envelope; it knows no numbers."""
        return error(status, code, message)

    def ban(self, _until_ms: int, _now_ms: int) -> Answer:
        """A lockout; Kraken does not say until when."""
        return error(200, -1, "EGeneral:Temporary lockout")

    def headers(self) -> dict[str, str]:
        """None of its own."""
        return {}

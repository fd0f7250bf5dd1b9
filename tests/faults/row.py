"""What a row is, and the words that it is written in; the rows themselves are in `requests.py` and `sockets.py`.

Fields of a fault are the venue's own (`ganglion venue --list-faults`), with words of `DIALECTS` where a value begins
with "@". A row that needs a word which a dialect does not have is no row of that dialect.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Fault = Mapping[str, Any]


class Fate(enum.StrEnum):
    """What becomes of the orders whose placing was struck."""

    EITHER = "either"
    """Known on both sides or on none."""
    KNOWN = "known"
    """One order at the venue, and the bot knows it."""
    NOT_PLACED = "not placed"
    """Held as Unknown, then found not to be there."""
    REFUSED = "refused"
    """Refused by the venue, at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    name: str
    table: str
    """rest, ws or more."""
    does: str
    """What the arm does, in words."""
    faults: tuple[Fault, ...] = ()
    push: tuple[Fault, ...] = ()
    """What is done right after, so that the faults are met: sockets that are dropped."""
    fate: Fate = Fate.EITHER
    leaves: bool | None = None
    """Whether it leaves Live (True), must not (False), or may (None)."""
    breaks: bool = False
    """A book is said to be invalid before it is fed again."""
    says: str = ""
    """Something that must be said, in whatever the arm says."""
    halts: bool = False
    """It ends halted, until an operator resumes it: a pair of its own."""
    fresh: bool = False
    """A pair of its own for another reason: what it does would be different the second time."""
    restarts: int = 0
    """How many failures of actors it may cost."""
    only: str = ""
    """The one dialect that it is a row of; empty for all that have its words."""
    patience_s: float = 20.0


DIALECTS: dict[str, dict[str, str]] = {
    "binance": {
        "@book": "*@depth*",
        "@btc": "btcusdt@depth*",
        "@trades": "*@trade",
        "@user": "user",
        "@snapshot": "*/depth",
        "@order": "*/v3/order",
        "@open": "*/openOrders",
        "@balance": "*/v3/account",
        "@own trades": "*/myTrades",
        "@candles": "*/klines",
        "@too many": "429",
        "@banned": "418",
        "@limit": "-1003",
        "@order limit": "-1015",
        "@nonce": "-1021",
        "@nonce 200": "-1021-200",
        "@signature": "-1022",
        "@key": "-2015",
        "@notional": "-1013-notional",
        "@lot": "-1013-lot",
        "@lot 200": "-1013-lot-200",
        "@price": "-1013-price",
        "@precision": "-1111",
        "@symbol": "-1121",
        "@funds": "-2010-insufficient",
        "@duplicate": "-2010-duplicate",
        "@post-only": "-2010-post-only",
        "@closed": "-2010-closed",
        "@unknown order": "-2011",
        "@no such order": "-2013",
        "@unknown code": "-9999",
        "@unknown error": "503-unknown",
        "@backend": "504-backend",
        "@error frame": '{"error":{"code":503,"msg":"Internal error; unable to process your request."},"id":null}',
        "@user error frame": '{"id":null,"status":500,"error":{"code":-1000,"msg":"An unknown error occurred."}}',
    },
    "kraken": {
        "@book": "book*",
        "@btc": "book*@BTC/USDT",
        "@trades": "trade@*",
        "@user": "user",
        "@order": "*/QueryOrders",
        "@open": "*/OpenOrders",
        "@balance": "*/Balance*",
        "@own trades": "*/TradesHistory",
        "@candles": "*/OHLC",
        "@too many": "429",
        "@banned": "EGeneral:Temporary lockout",
        "@limit": "EAPI:Rate limit exceeded",
        "@order limit": "EOrder:Rate limit exceeded",
        "@nonce": "EAPI:Invalid nonce",
        "@signature": "EAPI:Invalid signature",
        "@bad key": "EAPI:Invalid key",
        "@notional": "EOrder:Cost minimum not met",
        "@lot": "EOrder:Order minimum not met",
        "@price": "EOrder:Invalid price",
        "@symbol": "EQuery:Unknown asset pair",
        "@funds": "EOrder:Insufficient funds",
        "@duplicate": "EGeneral:Invalid arguments:cl_ord_id not unique",
        "@post-only": "EOrder:Post only order",
        "@deadline": "EService:Deadline elapsed",
        "@unknown order": "EOrder:Unknown order",
        "@unknown code": "EUnknown:This text is in nobody's table",
        "@unknown error": "EGeneral:Internal error",
        "@backend": "EService:Unavailable",
        "@busy": "EService:Busy",
        "@error frame": '{"error":"EGeneral:Internal error","method":"subscribe","success":false}',
        "@user error frame": '{"error":"EGeneral:Internal error","method":"subscribe","success":false}',
    },
}

BODIES = ("200-html", "200-{}", "200-empty", "200-null", "200-truncated")
CODES = (1000, 1001, 1008, 1011, 1012, 1013)
ABORT_MARKET: Fault = {"kind": "abort", "socket": "market"}
ABORT_USER: Fault = {"kind": "abort", "socket": "user"}
MUTE: Fault = {"kind": "freeze", "stream": "@user", "seconds": 99}
"""The user stream tells nothing meanwhile, so that only the answers and look-ups say what became of an order."""

LOOKS = "held as Unknown, looked up: "
REST, WS, MORE = "rest", "ws", "more"


def on(requests: str, kind: str = "answer", **fields: Any) -> Fault:
    """A fault of requests."""
    return {"kind": kind, "requests": requests, **fields}


def in_words(fault: Fault, dialect: str) -> dict[str, Any]:
    """A fault with the dialect's words."""
    words = DIALECTS[dialect]
    return {key: words[value] if _is_word(value) else value for key, value in fault.items()}


def name_of(row: Row, dialect: str) -> str:
    """A row's name with the dialect's words."""
    name = row.name
    for word, means in sorted(DIALECTS[dialect].items(), key=lambda item: -len(item[0])):
        name = name.replace(word, means)
    return name


def _is_word(value: object) -> bool:
    return isinstance(value, str) and value.startswith("@")


def has_words(fault: Fault, dialect: str) -> bool:
    """Whether a dialect has every word of a fault."""
    return all(value in DIALECTS.get(dialect, {}) for value in fault.values() if _is_word(value))

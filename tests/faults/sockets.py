"""Rows of sockets and frames, public and private, and of the venue as a whole."""

from __future__ import annotations

from tests.faults.row import ABORT_MARKET, ABORT_USER, CODES, MORE, WS, Row

SUMMED = "the checksum of the best ten levels does not fit any more: the book is read again"
OPENED = "that socket's streams are opened again"
FOREIGN = {
    "garbage text": "\x00<garbage>{]",
    "[1,2]": "[1,2]",
    "[]": "[]",
    "html": "<html><body>502 Bad Gateway</body></html>",
    "null": "null",
}
"""Frames beside what the venue sends; ccxt's classes differ in which of them they fall over."""


def _sockets() -> list[Row]:
    """Faults of sockets as a whole, public and private."""
    rows: list[Row] = []
    for socket, leaves in (("market", False), ("user", True)):
        does = "its streams are opened again" if socket == "market" else "connects again and reconciles"
        rows += [
            Row(
                f"{socket} sockets: close {code}",
                WS,
                does,
                ({"kind": "close", "socket": socket, "close_code": code},),
                leaves=leaves,
                breaks=socket == "market",
            )
            for code in CODES
        ]
        rows += [
            Row(
                f"{socket} sockets: {what}",
                WS,
                does,
                ({"kind": kind, "socket": socket, **more},),
                leaves=leaves,
                breaks=socket == "market",
            )
            for what, kind, more in (
                ("reset", "abort", {}),
                ("protocol error", "protocol_error", {}),
                ("frame of 11 MB", "oversized", {}),
                ("no pong", "no_pong", {"seconds": 12}),
            )
        ]
        for what, text in FOREIGN.items():
            put_in = {"kind": "inject", "socket": socket, "text": text}
            name, ignored = f"{socket} sockets: put in {what}", what == "null"
            strict = Row(name, WS, does, (put_in,), leaves=leaves, breaks=socket == "market", only="binance")
            rows.append(Row(name, WS, "ignored: it says nothing", (put_in,), only="" if ignored else "kraken"))
            rows += [] if ignored else [strict]
        push = ABORT_MARKET if socket == "market" else ABORT_USER
        rows += [
            Row(
                f"{socket} handshake: {what}",
                WS,
                does,
                ({"kind": kind, "requests": "stream", "socket": socket, "times": times, **more},),
                (push,),
                leaves=leaves,
                breaks=socket == "market",
            )
            for what, kind, times, more in (
                ("403 x2", "answer", 2, {"answer": "403-html"}),
                ("429 with Retry-After 2", "answer", 1, {"answer": "429-html", "retry_after_s": 2}),
                ("reset x2", "lose_request", 2, {}),
                ("1 s late", "delay_request", 1, {"delay_s": 1.0}),
                ("never answered", "no_answer", 1, {}),
            )
        ]
    return rows


def _market_frames() -> list[Row]:
    """Faults of public frames."""
    rows: list[Row] = []
    for what, kind, more, does in (
        ("garbage", "garbage", {}, OPENED),
        ("binary noise", "binary", {}, OPENED),
        ("[1,2]", "wrong_shape", {}, OPENED),
        ("{}", "wrong_shape", {"text": "{}"}, "the book is read again"),
        ("price 'abc'", "wrong_type", {}, OPENED),
        ("price null", "wrong_type", {"text": "null"}, OPENED),
        ("left out: a gap", "gap", {}, "the book is read again"),
        ("told twice", "replay", {}, "the old event is ignored"),
    ):
        name, struck = f"book frame: {what}", {"kind": kind, "stream": "@btc", **more}
        # ccxt's kraken says nothing of these; a checksum is of the best ten levels, and one frame may be missed below
        unsaid = kind in {"garbage", "wrong_shape", "gap"}
        only = "binance" if unsaid else ""
        rows.append(Row(name, WS, does, (struck,), leaves=False, breaks=kind != "replay", only=only))
        if unsaid:
            ten = ({**struck, "times": 10},)
            rows.append(Row(f"{name} x10", WS, SUMMED, ten, leaves=False, breaks=True, only="kraken"))
    rows += [
        Row(f"trade frame: {what}", WS, does, ({"kind": kind, "stream": "@trades", **more},), leaves=False)
        for what, kind, more, does in (
            ("garbage", "garbage", {}, "that socket's streams are opened again"),
            ("price 'abc'", "wrong_type", {}, "that socket's streams are opened again"),
        )
    ]
    rows += [
        Row(
            f"book snapshot: {what}",
            WS,
            "the book is read again until it is one",
            ({"kind": kind, "requests": "market", "path": "@snapshot", "times": times, **more},),
            (ABORT_MARKET,),
            leaves=False,
            breaks=True,
        )
        for what, kind, times, more in (
            ("503 x1", "answer", 1, {"answer": "503-html"}),
            ("503 x10", "answer", 10, {"answer": "503-html"}),
            ("1 s late", "delay_reply", 1, {"delay_s": 1.0}),
            ("never answered", "no_answer", 1, {}),
            ("reset mid-body", "reset_body", 1, {}),
            ("200 {}", "answer", 1, {"answer": "200-{}"}),
            ("200 empty", "answer", 1, {"answer": "200-empty"}),
            ("200 html", "answer", 1, {"answer": "200-html"}),
        )
    ]
    return [
        *rows,
        Row(
            "books silent for 6 s, pongs ok",
            WS,
            "after 3 s compared with the venue's book by request, fed by requests until the stream speaks",
            ({"kind": "freeze", "stream": "@book", "seconds": 6},),
            leaves=False,
        ),
        Row(
            "subscription: not acknowledged",
            WS,
            "opened again after 2 s without a book, 5 s without anything else",
            ({"kind": "no_ack", "socket": "market"},),
            (ABORT_MARKET,),
            leaves=False,
            breaks=True,
        ),
        Row(
            "subscription: answered with an error",
            WS,
            "that socket is dropped and its streams are opened again",
            ({"kind": "error_ack", "socket": "market"},),
            (ABORT_MARKET,),
            leaves=False,
            breaks=True,
        ),
        Row(
            "market sockets: error frame 503",
            WS,
            "ignored, or that socket's streams are opened again",
            ({"kind": "inject", "socket": "market", "text": "@error frame"},),
            leaves=False,
            fresh=True,  # behind rows that ended the same streams it is the third time, and the arm starts anew
        ),
    ]


def _user_frames() -> list[Row]:
    """Faults of the user stream."""
    rows = [
        Row(f"user frame: {what}", WS, "connects again and reconciles", ({"kind": kind, "stream": "@user", **more},))
        for what, kind, more in (
            ("garbage", "garbage", {}),
            ("binary noise", "binary", {}),
            ("[1,2]", "wrong_shape", {}),
            ("price 'abc'", "wrong_type", {}),
            ("price null", "wrong_type", {"text": "null"}),
        )
    ]
    return [
        *rows,
        Row(
            "user frame: told twice",
            WS,
            "counted once",
            ({"kind": "replay", "stream": "@user", "times": 5},),
            leaves=False,
        ),
        Row(
            "user events lost x5",
            MORE,
            "missed at the poll of open orders, then read by request",
            ({"kind": "gap", "stream": "@user", "times": 5},),
        ),
        Row(
            "user stream silent for 5 s",
            MORE,
            "missed at the poll of open orders, then read by request",
            ({"kind": "freeze", "stream": "@user", "seconds": 5},),
        ),
        Row(
            "user stream ended by the venue, socket stays",
            WS,
            "connects again and reconciles",
            ({"kind": "end_user_stream", "socket": "user"},),
        ),
        Row(
            "user subscription: not acknowledged",
            WS,
            "opened again after 5 s",
            ({"kind": "no_ack", "stream": "@user", "socket": "user"},),
            (ABORT_USER,),
            leaves=True,
        ),
        Row(
            "user subscription: answered with an error",
            WS,
            "opened again",
            ({"kind": "error_ack", "stream": "@user", "socket": "user"},),
            (ABORT_USER,),
            leaves=True,
        ),
        Row(
            "user sockets: error frame 500",
            WS,
            "ignored, or connects again and reconciles",
            ({"kind": "inject", "socket": "user", "text": "@user error frame"},),
        ),
    ]


def _venue() -> list[Row]:
    """The whole venue."""
    return [
        Row(
            "venue killed and started again",
            MORE,
            "connects again by itself and reconciles",
            ({"kind": "kill"},),
            leaves=True,
        ),
        Row(
            "everything at once: 5 % of requests lost either way, garbage, resets, for 8 s",
            MORE,
            "whatever each needs; afterwards all is known",
            (
                {"kind": "lose_request", "probability": 0.05, "seconds": 8, "seed": 1},
                {"kind": "lose_reply", "probability": 0.05, "seconds": 8, "seed": 2},
                {"kind": "answer", "answer": "502-html", "probability": 0.05, "seconds": 8, "seed": 3},
                {"kind": "garbage", "stream": "*", "probability": 0.005, "seconds": 8, "seed": 4},
                {"kind": "gap", "stream": "*", "probability": 0.005, "seconds": 8, "seed": 5},
            ),
            restarts=3,
            patience_s=40,
        ),
    ]


SOCKETS: tuple[Row, ...] = (*_sockets(), *_market_frames(), *_user_frames(), *_venue())

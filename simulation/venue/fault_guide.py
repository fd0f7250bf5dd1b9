"""Every kind of fault in one table: what it does, and which keys it has. The reading of faults checks against it.

`ganglion venue --list-faults` prints it; `read_fault` is how a fault comes in from a file or the control endpoint.
"""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from ganglion.simulation.venue.faults import Fault, FaultKind

K = FaultKind

EVERY = ("seconds", "times", "after", "probability", "seed", "account")
"""Keys of every kind that waits for something to strike."""
REQUEST = (*EVERY, "requests", "path", "symbol", "client_id", "socket")
REPLY = ("answer", "status", "body", "code", "message", "retry_after_s")
FRAME = (*EVERY, "stream")
SOCKET = ("times", "account", "stream", "socket", "after", "probability", "seed")


@dataclass(frozen=True, slots=True)
class Guide:
    """One kind: what it strikes, what happens, its keys."""

    kind: FaultKind
    strikes: str
    does: str
    keys: tuple[str, ...]


GUIDE: tuple[Guide, ...] = (
    Guide(K.ANSWER, "requests", "answered with this and not applied", (*REQUEST, *REPLY)),
    Guide(K.ANSWER_AFTER, "requests", "applied, and answered with this instead of the result", (*REQUEST, *REPLY)),
    Guide(K.LOSE_REQUEST, "requests", "the connection is reset before the request is applied", REQUEST),
    Guide(K.LOSE_REPLY, "requests", "applied, then the connection is reset: the dangerous one", REQUEST),
    Guide(K.DELAY_REQUEST, "requests", "applied `delay_s` late, even if nobody waits any more", (*REQUEST, "delay_s")),
    Guide(K.DELAY_REPLY, "requests", "applied at once, answered `delay_s` late", (*REQUEST, "delay_s")),
    Guide(K.DUPLICATE, "requests", "applied twice, as by a proxy that asks again; the second answer is seen", REQUEST),
    Guide(K.NO_ANSWER, "requests", "accepted, never applied, never answered", REQUEST),
    Guide(K.RESET_BODY, "requests", "applied; the connection is reset in the middle of the answer's body", REQUEST),
    Guide(K.TRICKLE, "requests", "applied; the answer comes a byte each `delay_s`", (*REQUEST, "delay_s")),
    Guide(K.BAN, "everything", "for `seconds` all requests and handshakes get the venue's ban", ("seconds",)),
    Guide(K.REFUSE, "everything", "for `seconds` nobody listens; open connections are reset", ("seconds",)),
    Guide(K.EMPTY_ACCOUNT, "queries", "in the right form, with nothing in it: the venue comes back empty", EVERY),
    Guide(K.HIDE_ORDER, "queries", "orders are left out; each order and query counts", (*EVERY, "client_id")),
    Guide(K.FREEZE, "frames", "not sent; the connection stays up and pings are answered: a silent stream", FRAME),
    Guide(K.GAP, "frames", 'left out: a hole in the numbers; with stream = "user" a lost event', FRAME),
    Guide(K.GARBAGE, "frames", "replaced by text that is not JSON", FRAME),
    Guide(K.BINARY, "frames", "replaced by a binary frame of noise", FRAME),
    Guide(K.WRONG_SHAPE, "frames", "replaced by `text`, or by [1,2]", (*FRAME, "text")),
    Guide(K.WRONG_TYPE, "frames", 'every price in it becomes `text` ("abc"); text = "null" is null', (*FRAME, "text")),
    Guide(K.REPLAY, "frames", "sent twice: the second is an old event", FRAME),
    Guide(K.NO_ACK, "subscriptions", "in effect, but not acknowledged", (*FRAME, "socket")),
    Guide(K.ERROR_ACK, "subscriptions", "refused with an error frame", (*FRAME, "socket")),
    Guide(K.NO_PONG, "pings", "not answered", (*EVERY, "socket")),
    Guide(K.ABORT, "open sockets", "reset at once (1006)", SOCKET),
    Guide(K.CLOSE, "open sockets", "closed with `close_code`", (*SOCKET, "close_code")),
    Guide(K.PROTOCOL_ERROR, "open sockets", "sent a frame that the WebSocket protocol forbids (1002)", SOCKET),
    Guide(K.OVERSIZED, "open sockets", "sent a frame of 11 MB (1009)", SOCKET),
    Guide(K.INJECT, "open sockets", "sent `text` as a frame", (*SOCKET, "text")),
    Guide(K.END_USER_STREAM, "user streams", "ended with the venue's own word for it; the socket stays", SOCKET),
)

BY_KIND: Mapping[FaultKind, Guide] = {guide.kind: guide for guide in GUIDE}

KEYS: Mapping[str, str] = {
    "seconds": "for how long from now on",
    "times": "how often at most (without seconds and times: once)",
    "after": "how many that match pass first (0)",
    "probability": "chance to strike what matches (1.0), drawn by seed",
    "seed": "of that generator (0)",
    "account": "API key; only its requests, user stream and sockets",
    "requests": "place, cancel, query, market, stream (a socket's opening, a user stream's start) or all",
    "path": 'pattern over REST paths and WebSocket methods: "*/depth", "order.place"',
    "symbol": 'pattern over the wire id in the request: "BTCUSDT"',
    "client_id": "pattern over client order ids",
    "answer": "a named answer of the venue, see below; replaces status, body, code and message",
    "status": "HTTP status (503), 200 included",
    "body": "error (the venue's envelope of code and message), html, truncated, empty, {}, [] or null (html)",
    "code": "the venue's error code, for body = error (-1000)",
    "message": "its text",
    "retry_after_s": "header Retry-After",
    "delay_s": "seconds (1.0)",
    "stream": 'pattern over streams: "btcusdt@depth*", "*@trade", "user"',
    "socket": "market, user or all: which WebSockets (for requests: whose opening)",
    "close_code": "1000-4999 (1001)",
    "text": "see the kind",
    "at_s": "in a file: when, in seconds after the venue's start (0)",
    "every_s": "in a file: again and again, this many seconds apart",
    "until_s": "in a file: the last time, for every_s",
}
"""What each key means; defaults in brackets."""

EXAMPLE = """[[fault]]                 # the reply to one order in twenty is lost
kind = "lose_reply"
requests = "place"
probability = 0.05
seconds = 600

[[fault]]                 # every minute, from the tenth second on, the books go silent for 8 s
kind = "freeze"
stream = "*@depth*"
seconds = 8
at_s = 10
every_s = 60

[[fault]]                 # after half a minute the venue asks for calm
kind = "answer"
answer = "429"
times = 3
at_s = 30
"""


class FaultMistakeError(ValueError):
    """A fault cannot be read.

    Attributes:
        key: the key that is wrong; empty for the fault as a whole.
    """

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


def read_fault(raw: object) -> Fault:
    """A fault from what was decoded.

    Raises:
        FaultMistakeError: naming the key that is wrong, and what is known.
    """
    if not isinstance(raw, dict):
        raise FaultMistakeError(f"a fault is a table of keys, not {raw!r}")
    if "kind" not in raw:
        raise FaultMistakeError(f"kind is missing; kinds: {_listed(FaultKind)}")
    try:
        guide = BY_KIND[FaultKind(raw["kind"])]
    except ValueError:
        raise FaultMistakeError(_unknown("kind", str(raw["kind"]), FaultKind), "kind") from None
    for key in raw:
        if key != "kind" and key not in guide.keys:
            text = _unknown("key", str(key), guide.keys, f" of a fault of kind {guide.kind}")
            raise FaultMistakeError(text, str(key))
    for key, value in raw.items():
        if key == "kind":
            continue
        try:
            # one key at a time, so that a mistake names its key
            msgspec.convert({"kind": _PLAIN, key: value}, Fault)
        except msgspec.ValidationError as error:
            raise FaultMistakeError(f"{key} = {value!r} cannot be: {str(error).split(' - at')[0]}", str(key)) from None
    try:
        return msgspec.convert(raw, Fault)
    except msgspec.ValidationError as error:
        raise FaultMistakeError(str(error)) from None


_PLAIN = FaultKind.GAP
"""A kind that demands nothing of the other keys."""


def _unknown(what: str, given: str, known: Iterable[str], of: str = "") -> str:
    names = [str(name) for name in known]
    near = difflib.get_close_matches(given, names, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    return f"{given!r} is no {what}{of}{hint} (there are: {_listed(names)})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(str(name) for name in names)


def guide_text(answers: Mapping[str, str], dialect: str, width: int = 110) -> str:
    """The table for people: kinds, keys, named answers of one dialect, and an example."""
    lines = ["Kinds of faults", ""]
    for guide in GUIDE:
        keys = [key for key in guide.keys if key not in EVERY]
        text = f"{guide.strikes}: {guide.does}" + (f"  [{', '.join(keys)}]" if keys else "")
        lines += _entry(guide.kind, text, width)
    lines += ["", f"Keys (every kind that waits for something also has {', '.join(EVERY)})", ""]
    for key, meaning in KEYS.items():
        lines += _entry(key, meaning, width)
    lines += ["", f"Named answers of {dialect} (answer = NAME)", ""]
    for name, text in answers.items():
        lines += _entry(name, text, width)
    return "\n".join([*lines, "", "Example of a file", "", EXAMPLE])


def _entry(name: str, text: str, width: int) -> list[str]:
    wrapped = textwrap.wrap(text, width - 22, break_long_words=False)
    return [f"  {name if not number else '':<18}  {line}" for number, line in enumerate(wrapped)]

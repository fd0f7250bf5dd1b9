"""Faults of the simulated venue as data: what goes wrong, where, how often, until when.

The server asks the table once per request (`gate.py`) and once per frame (`wire.py`), and does what the fault it gets
says. Faults come from a file (`fault_files.py`), from the control endpoint (`control.py`) or from `add`. Nothing here
knows a wire protocol; `fault_guide.py` has the table in which every kind is explained.
"""

from __future__ import annotations

import enum
import random
from collections import deque
from fnmatch import fnmatchcase
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

RequestKind = Literal["place", "cancel", "query", "market", "stream"]
"""What a request is for; `stream` is the opening of a WebSocket, or of a user stream on one."""

Body = Literal["error", "html", "garbage", "truncated", "empty", "{}", "[]", "null"]
"""What stands in an answer: `error` is the venue's own error envelope made of `code` and `message`."""


class FaultKind(enum.StrEnum):
    """What can go wrong; `fault_guide.GUIDE` says what each does."""

    ANSWER = "answer"
    ANSWER_AFTER = "answer_after"
    LOSE_REQUEST = "lose_request"
    LOSE_REPLY = "lose_reply"
    DELAY_REQUEST = "delay_request"
    DELAY_REPLY = "delay_reply"
    DUPLICATE = "duplicate"
    NO_ANSWER = "no_answer"
    RESET_BODY = "reset_body"
    TRICKLE = "trickle"
    BAN = "ban"
    REFUSE = "refuse"
    EMPTY_ACCOUNT = "empty_account"
    HIDE_ORDER = "hide_order"
    FREEZE = "freeze"
    GARBAGE = "garbage"
    BINARY = "binary"
    WRONG_SHAPE = "wrong_shape"
    WRONG_TYPE = "wrong_type"
    GAP = "gap"
    REPLAY = "replay"
    NO_ACK = "no_ack"
    ERROR_ACK = "error_ack"
    NO_PONG = "no_pong"
    ABORT = "abort"
    CLOSE = "close"
    PROTOCOL_ERROR = "protocol_error"
    OVERSIZED = "oversized"
    INJECT = "inject"
    END_USER_STREAM = "end_user_stream"


REQUEST_FAULTS = frozenset(
    {
        FaultKind.ANSWER,
        FaultKind.ANSWER_AFTER,
        FaultKind.LOSE_REQUEST,
        FaultKind.LOSE_REPLY,
        FaultKind.DELAY_REQUEST,
        FaultKind.DELAY_REPLY,
        FaultKind.DUPLICATE,
        FaultKind.NO_ANSWER,
        FaultKind.RESET_BODY,
        FaultKind.TRICKLE,
        FaultKind.BAN,
    },
)
FRAME_FAULTS = frozenset(
    {
        FaultKind.FREEZE,
        FaultKind.GARBAGE,
        FaultKind.BINARY,
        FaultKind.WRONG_SHAPE,
        FaultKind.WRONG_TYPE,
        FaultKind.GAP,
        FaultKind.REPLAY,
    },
)
SOCKET_FAULTS = frozenset(
    {
        FaultKind.ABORT,
        FaultKind.CLOSE,
        FaultKind.PROTOCOL_ERROR,
        FaultKind.OVERSIZED,
        FaultKind.INJECT,
        FaultKind.END_USER_STREAM,
    },
)
"""They strike the sockets that are open when the fault is switched on, each once, and are over."""

_NEEDS_SECONDS = frozenset({FaultKind.BAN, FaultKind.REFUSE})
_HISTORY = 1_000
Seconds = Annotated[float, Meta(gt=0)]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault. With neither `seconds` nor `times` it happens once."""

    kind: FaultKind
    requests: Literal["place", "cancel", "query", "market", "stream", "all"] = "all"
    """Which requests it strikes, for the kinds that strike requests."""
    path: str = "*"
    """Which requests it strikes, as a pattern over REST paths and WebSocket methods: `*/depth`, `order.place`."""
    symbol: str = "*"
    """Which requests it strikes, as a pattern over the market's wire id: `BTCUSDT`."""
    client_id: str = "*"
    """Which orders it concerns, as a pattern over client order ids."""
    stream: str = "*"
    """Which frames or subscriptions it strikes, as a pattern: `btcusdt@depth*`, `*@trade`, `user`."""
    socket: Literal["market", "user", "all"] = "all"
    """Which WebSockets it strikes, for the kinds that strike sockets."""
    account: str = ""
    """Only this account's requests and user stream; empty means everybody's."""
    seconds: Seconds | None = None
    """For how long from now on."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """How often at most."""
    after: Annotated[int, Meta(ge=0)] = 0
    """How many that match pass untouched first."""
    probability: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """With which chance it strikes what matches."""
    seed: int = 0
    """Of the generator that draws the chance: the same seed strikes the same requests in the same order."""
    answer: str = ""
    """A named answer of the venue (`ganglion venue --list-faults`); it replaces status, body, code and message."""
    status: Annotated[int, Meta(ge=100, le=599)] = 503
    """HTTP status of an answer, 200 included."""
    body: Body = "html"
    code: int = -1000
    message: str = "An unknown error occurred while processing the request."
    retry_after_s: Annotated[int, Meta(ge=0)] | None = None
    delay_s: Annotated[float, Meta(ge=0)] = 1.0
    """Of the delays: how long. Of `trickle`: the pause behind every byte."""
    close_code: Annotated[int, Meta(ge=1000, le=4999)] = 1001
    text: str = ""
    """The frame of `inject` and `wrong_shape`, verbatim."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense together (msgspec reports it as a validation error)."""
        if self.kind in _NEEDS_SECONDS and self.seconds is None:
            raise ValueError(f"a fault of kind {self.kind} needs `seconds`")
        if self.kind is FaultKind.INJECT and not self.text:
            raise ValueError("a fault of kind inject needs `text`, the frame to send")


class ActiveFault:
    """A fault in the table: how often it may still happen, and how often it did."""

    __slots__ = ("_draw", "_skip", "fault", "first_ms", "hits", "id", "last_ms", "left", "until_ms")

    def __init__(self, number: int, fault: Fault, now_ms: int) -> None:
        self.id = number
        self.fault = fault
        self.hits = 0
        self.until_ms = None if fault.seconds is None else now_ms + int(fault.seconds * 1000)
        self.left = fault.times
        if fault.seconds is None and fault.times is None:
            self.left = 1
        self.first_ms = self.last_ms = 0
        """When it struck first and last; 0 if it did not."""
        self._skip = fault.after
        self._draw = random.Random(fault.seed)

    def is_over(self, now_ms: int) -> bool:
        """Whether it cannot happen any more."""
        return self.left == 0 or (self.until_ms is not None and now_ms >= self.until_ms)

    def strikes_now(self, now_ms: int) -> bool:
        """Something matches: whether it is struck; it counts if so."""
        if self._skip:
            self._skip -= 1
            return False
        if self.fault.probability < 1 and self._draw.random() >= self.fault.probability:
            return False
        self.hits += 1
        self.first_ms, self.last_ms = self.first_ms or now_ms, now_ms
        if self.left is not None:
            self.left -= 1
        return True


class Target(msgspec.Struct, frozen=True, gc=False):
    """What a fault may strike: a request, a frame, a socket or an account; None where it does not apply."""

    account: str = ""
    request: RequestKind | None = None
    path: str | None = None
    symbol: str | None = None
    client_id: str | None = None
    stream: str | None = None
    socket: str | None = None


class FaultTable:
    """The faults that are on now, oldest first: the first that matches strikes."""

    def __init__(self) -> None:
        self.active: list[ActiveFault] = []
        self.history: deque[ActiveFault] = deque(maxlen=_HISTORY)
        """Every fault that was switched on, the over ones too."""
        self._count = 0

    def add(self, fault: Fault, now_ms: int) -> int:
        """Switch a fault on; its number."""
        self._count += 1
        active = ActiveFault(self._count, fault, now_ms)
        self.active.append(active)
        self.history.append(active)
        return self._count

    def clear(self, number: int | None = None) -> None:
        """Switch one fault off, or all."""
        self.active = [] if number is None else [a for a in self.active if a.id != number]

    def on_request(self, target: Target, now_ms: int) -> ActiveFault | None:
        """The fault that strikes this request, if any; it counts as having happened."""
        return self._strike(REQUEST_FAULTS, target, now_ms)

    def on_frame(self, stream: str, account: str, now_ms: int) -> Fault | None:
        """The fault that strikes this frame, if any; it counts as having happened."""
        if not self.active:
            return None
        struck = self._strike(FRAME_FAULTS, Target(account, stream=stream), now_ms)
        return None if struck is None else struck.fault

    def strikes(self, kind: FaultKind, account: str, now_ms: int) -> bool:
        """Whether a fault of exactly this kind is on for the account; it counts as having happened."""
        return self.on_target(kind, Target(account), now_ms)

    def on_target(self, kind: FaultKind, target: Target, now_ms: int) -> bool:
        """Whether a fault of exactly this kind strikes this; it counts as having happened."""
        return bool(self.active) and self._strike(frozenset({kind}), target, now_ms) is not None

    def hides_order(self, account: str, client_id: str, now_ms: int) -> bool:
        """Whether a query must not show this order; each order and query counts as once."""
        return self.on_target(FaultKind.HIDE_ORDER, Target(account, client_id=client_id), now_ms)

    def _strike(self, kinds: frozenset[FaultKind], target: Target, now_ms: int) -> ActiveFault | None:
        self.active = [active for active in self.active if not active.is_over(now_ms)]
        for active in self.active:
            if active.fault.kind in kinds and matches(active.fault, target) and active.strikes_now(now_ms):
                return active
        return None


def matches(fault: Fault, target: Target) -> bool:
    """Whether a fault's patterns fit a target; what the target leaves open fits everything."""
    if fault.account and fault.account != target.account:
        return False
    if target.request is not None and fault.requests not in {"all", target.request}:
        return False
    if target.socket is not None and fault.socket not in {"all", target.socket}:
        return False
    return (
        _fits(target.path, fault.path)
        and _fits(target.symbol, fault.symbol)
        and _fits(target.client_id, fault.client_id)
        and _fits(target.stream, fault.stream)
    )


def _fits(value: str | None, pattern: str) -> bool:
    return value is None or pattern == "*" or fnmatchcase(value, pattern)

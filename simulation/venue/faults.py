"""Faults of the simulated venue as data: what goes wrong, where, how often, until when.

The server asks this table once per request and once per frame, and does what the fault it gets says; a campaign adds
faults through the control endpoint (`control.py`) or by calling `add`. Nothing here knows a wire protocol.
"""

from __future__ import annotations

import enum
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

RequestKind = Literal["place", "cancel", "query", "market", "stream"]
"""What a request is for; `stream` is the opening of a WebSocket, or of a user stream on one."""


class FaultKind(enum.StrEnum):
    """What can go wrong."""

    ANSWER = "answer"
    """The request is answered with `status` and `body`, and is not applied."""
    ANSWER_AFTER = "answer_after"
    """The request is applied, and answered with `status` and `body` instead of its result."""
    LOSE_REQUEST = "lose_request"
    """The connection is reset before the request is applied."""
    LOSE_REPLY = "lose_reply"
    """The request is applied, then the connection is reset: the dangerous one."""
    DELAY_REQUEST = "delay_request"
    """The request is applied `delay_s` later than it came."""
    DELAY_REPLY = "delay_reply"
    """The request is applied at once and answered `delay_s` later."""
    EMPTY_ACCOUNT = "empty_account"
    """Account queries are answered in the right form with nothing in it: the venue comes back empty."""
    FREEZE = "freeze"
    """Frames are not sent; the connection stays up and pings are answered."""
    GARBAGE = "garbage"
    """A frame is replaced with text that is not JSON."""
    GAP = "gap"
    """A frame is left out, so that a numbered stream has a hole."""
    NO_ACK = "no_ack"
    """A subscription takes effect but is not acknowledged."""


REQUEST_FAULTS = frozenset(
    {
        FaultKind.ANSWER,
        FaultKind.ANSWER_AFTER,
        FaultKind.LOSE_REQUEST,
        FaultKind.LOSE_REPLY,
        FaultKind.DELAY_REQUEST,
        FaultKind.DELAY_REPLY,
    },
)
FRAME_FAULTS = frozenset({FaultKind.FREEZE, FaultKind.GARBAGE, FaultKind.GAP})


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault. With neither `seconds` nor `times` it happens once."""

    kind: FaultKind
    requests: Literal["place", "cancel", "query", "market", "stream", "all"] = "all"
    """Which requests it strikes, for the kinds that strike requests."""
    stream: str = "*"
    """Which frames it strikes, as a pattern: `btcusdt@depth*`, `*@trade`, `user`."""
    account: str = ""
    """Only this account's requests and user stream; empty means everybody's."""
    seconds: float | None = None
    """For how long from now on."""
    times: int | None = None
    """How often at most."""
    status: int = 503
    """HTTP status of an answer, 200 included."""
    body: Literal["error", "html", "garbage", "empty", "{}"] = "html"
    """`error` is the venue's own error envelope made of `code` and `message`."""
    code: int = -1000
    message: str = "An unknown error occurred while processing the request."
    retry_after_s: int | None = None
    delay_s: float = 1.0


class ActiveFault:
    """A fault in the table: how often it may still happen, and how often it did."""

    __slots__ = ("fault", "hits", "id", "left", "until_ms")

    def __init__(self, number: int, fault: Fault, now_ms: int) -> None:
        self.id = number
        self.fault = fault
        self.hits = 0
        self.until_ms = None if fault.seconds is None else now_ms + int(fault.seconds * 1000)
        self.left = fault.times
        if fault.seconds is None and fault.times is None:
            self.left = 1

    def is_over(self, now_ms: int) -> bool:
        """Whether it cannot happen any more."""
        return self.left == 0 or (self.until_ms is not None and now_ms >= self.until_ms)


class FaultTable:
    """The faults that are on now, oldest first: the first that matches strikes."""

    def __init__(self) -> None:
        self.active: list[ActiveFault] = []
        self._count = 0

    def add(self, fault: Fault, now_ms: int) -> int:
        """Switch a fault on; its number."""
        self._count += 1
        self.active.append(ActiveFault(self._count, fault, now_ms))
        return self._count

    def clear(self, number: int | None = None) -> None:
        """Switch one fault off, or all."""
        self.active = [] if number is None else [a for a in self.active if a.id != number]

    def on_request(self, kind: RequestKind, account: str, now_ms: int) -> Fault | None:
        """The fault that strikes this request, if any; it counts as having happened."""
        return self._strike(REQUEST_FAULTS, account, now_ms, request=kind)

    def on_frame(self, stream: str, account: str, now_ms: int) -> Fault | None:
        """The fault that strikes this frame, if any; it counts as having happened."""
        if not self.active:
            return None
        return self._strike(FRAME_FAULTS, account, now_ms, stream=stream)

    def strikes(self, kind: FaultKind, account: str, now_ms: int) -> bool:
        """Whether a fault of exactly this kind is on for the account; it counts as having happened."""
        return self._strike(frozenset({kind}), account, now_ms) is not None

    def _strike(
        self,
        kinds: frozenset[FaultKind],
        account: str,
        now_ms: int,
        request: str | None = None,
        stream: str | None = None,
    ) -> Fault | None:
        self.active = [active for active in self.active if not active.is_over(now_ms)]
        for active in self.active:
            fault = active.fault
            if (
                fault.kind not in kinds
                or (fault.account and fault.account != account)
                or (request is not None and fault.requests not in {"all", request})
                or (stream is not None and not fnmatchcase(stream, fault.stream))
            ):
                continue
            active.hits += 1
            if active.left is not None:
                active.left -= 1
            return fault
        return None

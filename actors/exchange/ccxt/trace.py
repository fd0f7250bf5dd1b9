"""How far a request got, and what came back: one `Trace` per submitted request, carried by a context variable.

The exchange class (exchange_class.py) and its session's hooks write it; failures.py and requests.py read
it. It replaces guessing from error classes, and ccxt's `last_*` attributes, which all requests share.
"""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from ganglion.messages.lifecycle import Operation
from ganglion.messages.orders import Phase

IDEMPOTENT = frozenset({"GET", "HEAD"})


@dataclass(slots=True)
class Trace:
    """One request of ours, whatever number of HTTP requests it takes."""

    operation: Operation
    phase: Phase = Phase.BEFORE_SEND
    retry_after_s: float | None = None
    cost: float = 0.0
    """By the venue's own weights."""
    body: object = None
    """The last reply, parsed."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with what is no reading, beside ccxt's own."""
    _wrote: bool = field(default=False)
    _method: str = field(default="GET")

    def begin(self, method: str) -> None:
        """Another HTTP request starts; what was written before it stays maybe_sent."""
        self._method = method
        self.phase = Phase.MAYBE_SENT if self._wrote else Phase.BEFORE_SEND

    def leaves(self) -> None:
        """Its first byte is about to leave."""
        self.phase = Phase.MAYBE_SENT
        self._wrote = self._wrote or self._method not in IDEMPOTENT

    def replied(self, headers: Mapping[str, str], body: object) -> None:
        """Its whole reply is here."""
        if not self._wrote or self._method not in IDEMPOTENT:
            self.phase = Phase.AFTER_REPLY
        self.retry_after_s = retry_after_of(headers)
        self.body = body


TRACE: ContextVar[Trace | None] = ContextVar("ganglion_request", default=None)


def retry_after_of(headers: Mapping[str, str], now_s: float | None = None) -> float | None:
    """Seconds that a `Retry-After` header asks for (RFC 9110 10.2.3); None where there is none."""
    lowered = {name.lower(): text for name, text in headers.items()}
    text = lowered.get("retry-after")
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    until = email.utils.parsedate_tz(text)
    at = email.utils.parsedate_tz(lowered.get("date", "")) if now_s is None else None
    if until is None or (at is None and now_s is None):
        return None
    begin = email.utils.mktime_tz(at) if at is not None else (now_s or 0.0)
    return max(0.0, email.utils.mktime_tz(until) - begin)

"""What a venue says when it refuses: HTTP answers as values, the bodies that any proxy sends, a dialect's manners.

A dialect hands its `Manners` to the gate (`gate.py`): its own error envelope, its headers, its ban, and a catalogue of
real refusals by name, which faults name as `answer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ganglion.simulation.venue.faults import ActiveFault, Fault

JSON = "application/json"
HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, or what a WebSocket request is answered with."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    code: int = 0
    """The venue's own error code, for the request log."""
    bare: bool = False
    """Not in the venue's own form: as the answer to a request on a socket it goes out as it is, in no envelope."""


class Manners(Protocol):
    """How a dialect speaks when it is not a handler that answers."""

    @property
    def answers(self) -> Mapping[str, Answer]:
        """Real refusals of the venue by name."""
        ...

    def error(self, status: int, code: int, message: str) -> Answer:
        """The venue's own error envelope."""
        ...

    def ban(self, until_ms: int, now_ms: int) -> Answer:
        """What an address that is banned until then is answered."""
        ...

    def headers(self) -> dict[str, str]:
        """Headers of every answer."""
        ...


def page(status: int, title: str, server: str = "nginx") -> Answer:
    """An error page as a proxy or content network in front of a venue sends it."""
    text = "\r\n".join(
        (
            f"<html>\r\n<head><title>{status} {title}</title></head>",
            f"<body>\r\n<center><h1>{status} {title}</h1></center>",
            f"<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n",
        ),
    )
    return Answer(status, text.encode(), HTML, bare=True)


PAGES: dict[str, Answer] = {
    "403-html": page(403, "Forbidden", "cloudflare"),
    "429-html": page(429, "Too Many Requests"),
    "451-html": page(451, "Unavailable For Legal Reasons", "cloudflare"),
    "500-html": page(500, "Internal Server Error"),
    "502-html": page(502, "Bad Gateway"),
    "503-html": page(503, "Service Temporarily Unavailable"),
    "504-html": page(504, "Gateway Time-out", "cloudflare"),
    "520-html": page(520, "Web server is returning an unknown error", "cloudflare"),
    "200-html": Answer(200, page(200, "Maintenance", "cloudflare").body, HTML, bare=True),
    "200-empty": Answer(200, b"", bare=True),
    "200-{}": Answer(200, b"{}", bare=True),
    "200-[]": Answer(200, b"[]", bare=True),
    "200-null": Answer(200, b"null", bare=True),
    "200-truncated": Answer(200, b'{"orderId": 12', bare=True),
}
"""Answers that every dialect's catalogue has."""

_BODIES: dict[str, tuple[bytes, str]] = {
    "html": (PAGES["503-html"].body, HTML),
    "garbage": (b'{"orderId": 12', JSON),
    "truncated": (b'{"orderId": 12', JSON),
    "empty": (b"", JSON),
    "{}": (b"{}", JSON),
    "[]": (b"[]", JSON),
    "null": (b"null", JSON),
}


def describe(answer: Answer, width: int = 90) -> str:
    """One line for people."""
    text = " ".join(answer.body.decode(errors="replace").split()) or "(nothing)"
    headers = "".join(f", {name}: {value}" for name, value in answer.headers.items())
    return f"{answer.status}{headers}  {text if len(text) <= width else text[: width - 3] + '...'}"


def faulty_answer(active: ActiveFault, manners: Manners, now_ms: int) -> Answer:
    """What a struck request is answered with.

    Raises:
        KeyError: for a name that is not in the catalogue; `check_answer` refuses such faults before they are on.
    """
    fault = active.fault
    if fault.kind == "ban":
        return manners.ban(active.until_ms or now_ms, now_ms)
    if fault.answer:
        answer = manners.answers[fault.answer]
    elif fault.body == "error":
        answer = manners.error(fault.status, fault.code, fault.message)
    else:
        body, kind = _BODIES[fault.body]
        answer = Answer(fault.status, body, kind, code=fault.code, bare=True)
    if fault.retry_after_s is None:
        return answer
    return replace(answer, headers={**answer.headers, "Retry-After": str(fault.retry_after_s)})


def check_answer(fault: Fault, manners: Manners) -> None:
    """Refuse a fault that names an answer the dialect does not know.

    Raises:
        ValueError: naming the answers there are.
    """
    if fault.answer and fault.answer not in manners.answers:
        raise ValueError(f"answer {fault.answer!r} is unknown; this venue has: {', '.join(sorted(manners.answers))}")

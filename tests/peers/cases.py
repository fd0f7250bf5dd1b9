"""What is done to one order, and what is counted afterwards; the venue's own ledger is the judge of both sides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ganglion.simulation.venue import VenueControl

SYMBOL = "BTC/USDT"
AMOUNT = "0.001"
ACCOUNT = "demo"


@dataclass(frozen=True, slots=True)
class Case:
    """One fault: the venue takes the order, and its answer is not what it says."""

    name: str
    happens: str
    fault: dict[str, Any] | None
    market: bool = False
    """A market order, which is filled at once; otherwise a limit order that rests."""
    watch_s: float = 30.0
    """How long OctoBot-Trading may look on: it reads open orders every 7 s, closed ones every 81 s."""

    def switch_on(self, control: VenueControl) -> None:
        """Let it strike the next order, once."""
        if self.fault is not None:
            control.fault(requests="place", times=1, **self.fault)


RESET: dict[str, Any] = {"kind": "lose_reply"}
PROXY: dict[str, Any] = {
    "kind": "answer_after", "status": 502, "body": "error", "code": 0, "message": "read ECONNRESET",
}  # fmt: skip

CASES = (
    Case("control", "nothing goes wrong", None),
    Case("reset", "the order is taken, then the connection is reset", RESET),
    Case(
        "500",
        "the order is taken, and answered with a page `500 Internal Server Error`",
        {"kind": "answer_after", "answer": "500-html"},
    ),
    Case("ECONNRESET", "the order is taken, and a proxy in front answers `502 read ECONNRESET`", PROXY),
    Case("market, reset", "the same as `reset`, for a market order", RESET, market=True, watch_s=100.0),
    Case("market, ECONNRESET", "the same as `ECONNRESET`, for a market order", PROXY, market=True, watch_s=100.0),
)


@dataclass
class Found:
    """What came of one case on one side."""

    case: Case
    requests: int
    """Orders that were sent to the venue."""
    orders: list[str]
    """The venue's ids of those that it has."""
    known: list[str]
    """Those of them that the bot knew when its call was over, or as soon as it knew."""
    known_later: list[str]
    """Those that it knew in the end."""
    said: str
    """What became of the order, in the bot's own words."""
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    """From the venue's taking it to the bot's knowing it."""

    @property
    def safe(self) -> bool:
        """One decision, one order, known."""
        return self.requests == len(self.orders) == 1 and self.orders == self.known_later


def orders_at(control: VenueControl) -> list[str]:
    """The venue's ids of all orders of the account."""
    return [str(order["id"]) for order in control.ledger()["accounts"][ACCOUNT]["orders"]]


def sent_to(control: VenueControl) -> list[dict[str, Any]]:
    """Every order that was sent, as the venue logged it."""
    return control.requests(kind="place")

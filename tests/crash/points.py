"""Where a bot process can be killed, as data: every message boundary of the order line, the journal's folder, the wire.

A point's name is `before:WHERE` or `after:WHERE`; WHERE is `role.Message` (a handler of one actor), `device.METHOD`
(the journal's folder) or `wire.OPERATION` (a request on its way). `torn:device.append` writes half of the bytes first;
`stalled:device.append` lets everything else run on for a while before it, as a slow disk does.
`bot_main` counts how often each is passed and kills at the n-th time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["start", "trading", "drain"]
"""When a point is passed: while a bot comes up, while it trades, or while it stops."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something passes in a bot, before or after which it can be killed."""

    where: str
    phase: Phase
    most: int
    """The kill comes at a random pass from the first up to this one."""
    start_too: bool = True
    """A trading point that is passed right after Resume as well, when a whole grid goes out at once."""


def _trading(role: str, messages: str, most: int = 6) -> tuple[Place, ...]:
    return tuple(Place(f"{role}.{message}", "trading", most) for message in messages.split())


def _start(role: str, messages: str) -> tuple[Place, ...]:
    return tuple(Place(f"{role}.{message}", "start", 1) for message in messages.split())


PLACES: tuple[Place, ...] = (
    # intent to venue
    *_trading("portfolio", "PlaceOrder CancelOrder SaveState", most=3),
    *_trading("orders", "PlaceOrder CancelOrder Durable SaveState", most=3),
    *_trading("journal", "Append Flush", most=25),
    *_trading("exchange", "SendOrder SendCancel OrderCreated CancelDone"),
    *_trading("wire", "place cancel"),
    *_trading("wire", "place_headers cancel_headers place_body place_reply cancel_reply"),
    # venue to mode
    *_trading("orders", "PlaceAnswered CancelAnswered OrderSeen TradeSeen BalancesSeen", most=10),
    *_trading("exchange", "OrdersStreamed TradesStreamed", most=10),
    *_trading("portfolio", "OrderUpdate Fill", most=10),
    *_trading("mode", "OrderUpdate Fill", most=10),
    # the journal's folder
    *_trading("device", "append sync", most=20),
    # rotation
    *_trading("orders", "CheckpointWanted", most=1),
    *_trading("journal", "Checkpoint", most=1),
    *_trading("device", "create rename", most=1),
    # start and reconcile
    *_start("device", "truncate"),
    *_start("journal", "ReadJournal"),
    *_start("orders", "JournalRead EpochOpened AccountRead LookUpDone SnapshotRequest CancelAll"),
    *_start("exchange", "ReadAccount LookUpOrder OpenEpoch"),
    *_start("portfolio", "EpochOpened AccountSnapshot Reconciled ResumeRequest CancelAll"),
    *_start("mode", "Resume"),
    Place("wire.read", "start", 12),
    # the end
    *(Place(f"{role}.Drain", "drain", 1) for role in ("portfolio", "orders", "mode")),
    Place("orders.CancelAll", "drain", 1),
    Place("orders.CancelAnswered", "drain", 4),
)

ONLY_BEFORE = frozenset({"wire.place_headers", "wire.cancel_headers", "wire.place_body"})
"""Instants of a request, not stretches."""
TORN = "torn:device.append"
STALLED = ("stalled:device.append", "stalled:device.sync")
STALL_S = 0.15
RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the catalogue."""

    name: str
    phase: Phase
    most: int


def catalogue() -> tuple[Point, ...]:
    """Every point, each once."""
    found: dict[tuple[str, Phase], Point] = {}
    for place in PLACES:
        for when in ("before",) if place.where in ONLY_BEFORE else ("before", "after"):
            name = f"{when}:{place.where}"
            found[name, place.phase] = Point(name, place.phase, place.most)
    for name in (TORN, *STALLED):
        found[name, "trading"] = Point(name, "trading", 20)
    return tuple(found.values())


def named(text: str) -> tuple[Point, ...]:
    """The points of the catalogue whose name contains a text.

    Raises:
        LookupError: none does; the text lists them all.
    """
    found = tuple(point for point in catalogue() if text in point.name)
    if not found:
        raise LookupError(f"no kill point is called {text!r}; there are: {', '.join(p.name for p in catalogue())}")
    return found

"""The demo's script as data: what is done to whom at which second, and the one line that a viewer reads about it.

`show` plays it, `stage` knows how to do each deed. Seconds count from the moment both arms are Live, and are those of
a demo of `FULL_S`; a shorter one is the same script played faster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

FULL_S = 30.0
SHORTEST_S = 10.0
"""Below that one hurt would not be over when the next begins."""
LEAST_REFUSAL_S = 1.5
"""A market maker asks for something at least every second."""


@dataclass(frozen=True, slots=True)
class DropSockets:
    """The venue resets every WebSocket, and every attempt to open a new one for some seconds."""

    venue: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """The venue answers requests with an error status and does not carry them out."""

    venue: str
    status: int
    seconds: float
    times: int | None = None
    """At most so often; None for every request."""
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Crash:
    """An actor of the bot crashes, as if one of its handlers had raised."""

    steps: tuple[str, ...]
    """Its path below the bot."""

    @property
    def path(self) -> str:
        """Its path in the tree."""
        return "/".join(("/bot", *self.steps))


@dataclass(frozen=True, slots=True)
class Kill:
    """The venue's process gets SIGKILL."""

    venue: str


@dataclass(frozen=True, slots=True)
class Return:
    """The killed venue's process starts again on its old port, with the ledger that it left."""

    venue: str


@dataclass(frozen=True, slots=True)
class HideFill:
    """The venue tells the bot nothing about its next fill; only its balances show it. The demo must fail then."""

    venue: str


Deed: TypeAlias = DropSockets | Refuse | Crash | Kill | Return | HideFill
"""What can be done."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One line of the script."""

    at_s: float
    arm: str
    """The exchange arm that it hurts."""
    deed: Deed
    title: str
    """What a viewer reads."""


ALPHA, BETA = "alpha", "beta"
ARMS = (ALPHA, BETA)

SCRIPT: tuple[Scene, ...] = (
    Scene(3.0, ALPHA, DropSockets(ALPHA, 1.5), "alpha: the venue drops every socket"),
    Scene(7.0, ALPHA, Refuse(ALPHA, 503, 2.5), "alpha: the venue answers 503"),
    Scene(
        10.5,
        ALPHA,
        Refuse(ALPHA, 429, 3.5, times=2, retry_after_s=2),
        "alpha: the venue answers 429, slow down",
    ),
    Scene(15.0, ALPHA, Crash((ALPHA, "books", "BTC-USDT")), "alpha: the BTC/USDT book crashes"),
    Scene(16.5, ALPHA, Crash(("modes", "alpha-grid")), "alpha: the grid mode crashes"),
    Scene(19.0, BETA, Kill(BETA), "beta: the venue is killed (SIGKILL)"),
    Scene(22.5, BETA, Return(BETA), "beta: the venue returns with its ledger"),
)
HIDDEN = Scene(5.0, ALPHA, HideFill(ALPHA), "alpha: the venue hides a fill from the bot")


def script(seconds: float = FULL_S, *, hide_fill: bool = False) -> tuple[Scene, ...]:
    """The scenes of a demo of this length, in order.

    Args:
        seconds: length of the trading; the times of the script are of a demo of `FULL_S`.
        hide_fill: add the scene that the checks must not forgive.
    """
    speed = seconds / FULL_S
    scenes = (*SCRIPT, HIDDEN) if hide_fill else SCRIPT
    paced = (replace(scene, at_s=scene.at_s * speed, deed=_paced(scene.deed, speed)) for scene in scenes)
    return tuple(sorted(paced, key=lambda scene: scene.at_s))


def _paced(deed: Deed, speed: float) -> Deed:
    if isinstance(deed, DropSockets):
        return replace(deed, seconds=deed.seconds * speed)
    if not isinstance(deed, Refuse):
        return deed
    return replace(
        deed,
        seconds=max(LEAST_REFUSAL_S, deed.seconds * speed),
        retry_after_s=None if deed.retry_after_s is None else max(1, round(deed.retry_after_s * speed)),
    )

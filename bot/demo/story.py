"""What became of each scene, in words: computed from the witness's testimony, shown by the view and by the report.

Pure: a scene that was played and a testimony in, text out. Nothing here knows the bot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from ganglion.bot.demo.scenario import ARMS, Crash, DropSockets, HideFill, Kill, Refuse, Return, Scene
from ganglion.bot.demo.stage import Refused
from ganglion.bot.demo.witness import Testimony


@dataclass(frozen=True, slots=True)
class Played:
    """A scene that has happened."""

    scene: Scene
    at_s: float
    """When, by the system's monotonic clock."""
    refused: Refused | None = None
    """What a refusal met, once it is over."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it so far."""

    text: str
    settled: bool
    """Nothing more will be said."""


def outcome(played: Played, heard: Testimony, now_s: float) -> Outcome:
    """Say what a scene has led to until now."""
    arm, at_s = played.scene.arm, played.at_s
    match played.scene.deed:
        case DropSockets():
            became = _left_and_back(arm, at_s, heard, now_s)
        case Refuse():
            became = _refused(played)
        case Crash() as crash:
            again_s = heard.again_s(crash.path, at_s)
            became = _settled("down", "restarted after {:.1f} s", at_s, again_s)
        case Kill():
            became = _settled("not noticed yet", "left Live after {:.1f} s", at_s, heard.away_s(arm, at_s))
        case Return():
            back_s = heard.back_s(arm, at_s)
            became = _settled(f"not Live yet, {now_s - at_s:.0f} s", "Live again after {:.1f} s", at_s, back_s)
        case HideFill():
            became = Outcome("", settled=True)
        case other:
            assert_never(other)
    return became


def _settled(before: str, after: str, at_s: float, done_s: float | None) -> Outcome:
    """What is said until something has happened, and from then on with how long it took."""
    return Outcome(before, settled=False) if done_s is None else Outcome(after.format(done_s - at_s), settled=True)


def _left_and_back(arm: str, at_s: float, heard: Testimony, now_s: float) -> Outcome:
    away_s = heard.away_s(arm, at_s)
    if away_s is None:
        return Outcome("not noticed yet", settled=False)
    back_s = heard.back_s(arm, away_s)
    if back_s is None:
        return Outcome(f"left Live, away for {now_s - away_s:.0f} s", settled=False)
    return Outcome(f"left Live, back after {back_s - at_s:.1f} s", settled=True)


def _refused(played: Played) -> Outcome:
    if played.refused is None:
        return Outcome("asks again later", settled=False)
    count = played.refused.requests
    waited = ", the wait was kept" if isinstance(played.scene.deed, Refuse) and played.scene.deed.retry_after_s else ""
    if played.refused.early:
        waited = f", {played.refused.early} sent too early"
    return Outcome(f"{count} refused{waited}", settled=True)


def over(played: Played, now_s: float) -> bool:
    """Whether a refusal has met all that it will meet."""
    deed = played.scene.deed
    return isinstance(deed, Refuse) and now_s >= played.at_s + deed.seconds + (deed.retry_after_s or 0)


def neighbour_of(arm: str) -> str:
    """The arm that must not notice."""
    return next(other for other in ARMS if other != arm)


def hurt_span(played: list[Played], arm: str, heard: Testimony, end_s: float) -> tuple[float, float] | None:
    """From the first hurt of an arm until another arm's turn comes, or until it is back for good; None if never."""
    own = [one.at_s for one in played if one.scene.arm == arm]
    if not own:
        return None
    later = [one.at_s for one in played if one.scene.arm != arm and one.at_s > own[0]]
    return own[0], min(later[0] if later else heard.back_s(arm, own[-1]) or end_s, end_s)

"""What must hold at the end of the demo: each check with what was found, and what it would mean if it failed.

Pure: the evidence in, checks out. The exit code is 0 only if all of them are good.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganglion.bot.demo.scenario import Crash, DropSockets, HideFill, Kill, Refuse, Return
from ganglion.bot.demo.stage import Books, Refused
from ganglion.bot.demo.story import Played, hurt_span, neighbour_of
from ganglion.bot.demo.witness import Testimony
from ganglion.bot.summary import Summary, money_text
from ganglion.bot.views import Status
from ganglion.messages.lifecycle import CellState, ConnectionState
from ganglion.messages.values import ZERO

BACK_WITHIN_S = 10.0
"""Of a venue's return, or of losing only the sockets."""
SILENT_AT_MOST_S = 2.0
"""Best prices change about ten times a second; the rest is room for a busy machine."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    good: bool
    what: str
    found: str
    meaning: str
    """What it means if it does not hold, for a person."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the checks look at."""

    played: list[Played]
    heard: Testimony
    status: Status
    summary: Summary
    venues: dict[str, Books]
    """What each venue's own ledger says, read after the drain."""
    drained: bool
    end_s: float
    """When trading ended, by the system's monotonic clock."""


def checks(evidence: Evidence) -> list[Check]:
    """Every check, in the order of the story."""
    return [
        *_trading(evidence),
        *_hurts(evidence),
        *_neighbours(evidence),
        *_health(evidence),
        *_money(evidence),
    ]


def _trading(evidence: Evidence) -> Iterator[Check]:
    for arm, exchange in evidence.summary.exchanges.items():
        own = {view.name: view.fills for view in evidence.status.modes if view.account == arm}
        yield Check(
            all(own.values()),
            f"{arm}: every mode traded",
            ", ".join(f"{name.removeprefix(f'{arm}-')} {fills} fills" for name, fills in own.items()),
            f"a mode on {arm} had no fill at all; its arm has {exchange.fills}",
        )


def _hurts(evidence: Evidence) -> Iterator[Check]:
    for one in evidence.played:
        match one.scene.deed:
            case DropSockets():
                yield _left(evidence, one, "dropped sockets")
                yield _back(evidence, one, "dropped sockets")
            case Refuse() as deed:
                yield _refused(deed, one)
            case Crash() as crash:
                again_s = evidence.heard.again_s(crash.path, one.at_s)
                found = "never" if again_s is None else f"after {again_s - one.at_s:.2f} s"
                what = f"{crash.path.removeprefix('/bot/')}: crashed and was restarted"
                yield Check(again_s is not None, what, found, "its supervisor did not bring it back")
            case Kill():
                yield _left(evidence, one, "its venue's death")
            case Return():
                yield _back(evidence, one, "its venue's return")
            case HideFill():
                pass


def _refused(deed: Refuse, one: Played) -> Check:
    refused = one.refused or Refused(0, 0)
    found = f"{refused.requests} refused"
    found += f", {refused.early} sent before Retry-After was over" if deed.retry_after_s else ""
    return Check(
        refused.requests > 0 and refused.early == 0,
        f"{one.scene.arm}: was answered {deed.status} and went on",
        found,
        "the refusal met nobody, or the bot did not wait as long as the venue had asked for",
    )


def _left(evidence: Evidence, one: Played, cause: str) -> Check:
    away_s = evidence.heard.away_s(one.scene.arm, one.at_s)
    found = "never" if away_s is None else f"after {away_s - one.at_s:.2f} s"
    return Check(away_s is not None, f"{one.scene.arm}: left Live at {cause}", found, "the loss was not noticed")


def _back(evidence: Evidence, one: Played, cause: str) -> Check:
    back_s = evidence.heard.back_s(one.scene.arm, one.at_s)
    return Check(
        back_s is not None and back_s - one.at_s <= BACK_WITHIN_S,
        f"{one.scene.arm}: back by itself after {cause}",
        "never" if back_s is None else f"Live and reconciled after {back_s - one.at_s:.2f} s",
        f"it could not trade again within {BACK_WITHIN_S:.0f} s",
    )


def _neighbours(evidence: Evidence) -> Iterator[Check]:
    for arm in evidence.summary.exchanges:
        span = hurt_span(evidence.played, arm, evidence.heard, evidence.end_s)
        if span is None:
            continue
        other = neighbour_of(arm)
        silence_s = evidence.heard.silence_s(other, *span)
        fills, changes = evidence.heard.trading(other, *span)
        yield Check(
            silence_s <= SILENT_AT_MOST_S and fills + changes > 0,
            f"{other}: traded on while {arm} was hurt",
            f"in {span[1] - span[0]:.1f} s: longest silence {silence_s:.2f} s, {fills} fills, {changes} order updates",
            f"{arm}'s trouble reached its neighbour (silent for at most {SILENT_AT_MOST_S} s, not idle)",
        )


def _health(evidence: Evidence) -> Iterator[Check]:
    summary, status = evidence.summary, evidence.status
    states = {name: exchange.state for name, exchange in summary.exchanges.items()}
    yield Check(
        all(state == ConnectionState.LIVE for state in states.values()),
        "both arms are Live at the end",
        ", ".join(f"{name} {state}" for name, state in states.items()),
        "an arm did not return",
    )
    stopped = [*status.parked]
    halted = {view.name: view.halted for view in status.exchanges} | {view.name: view.halted for view in status.modes}
    stopped += [f"{name} halted: {cause}" for name, cause in halted.items() if cause]
    stopped += [f"{name} {mode.state}" for name, mode in summary.modes.items() if mode.state != CellState.RUNNING]
    yield Check(not stopped, "nothing is parked or halted", "; ".join(stopped) or "nothing", "a part was given up")
    yield Check(
        not summary.violations,
        "no invariant was violated",
        f"{summary.invariant_violations} violations" + "".join(f"; {text}" for text in summary.violations[:3]),
        "the bot's own books contradict each other, or the venue's",
    )


def _money(evidence: Evidence) -> Iterator[Check]:
    for view in evidence.status.exchanges:
        ledger = evidence.venues[view.name]
        yield Check(
            evidence.drained and ledger.open_orders == 0,
            f"{view.name}: no order left behind",
            f"{ledger.open_orders} open at the venue",
            "an order outlived the bot that placed it",
        )
        yield Check(
            view.fills == ledger.fills,
            f"{view.name}: every fill counted exactly once",
            f"bot {view.fills}, venue {ledger.fills}",
            "a fill was lost or counted twice",
        )
        own = {asset: balance.total for asset, balance in view.balances.items() if balance.total}
        theirs = {asset: total for asset, total in ledger.balances.items() if total}
        unequal = [
            f"{asset}: bot {money_text(own.get(asset, ZERO))}, venue {money_text(theirs.get(asset, ZERO))}"
            for asset in sorted({*own, *theirs})
            if own.get(asset) != theirs.get(asset)
        ]
        yield Check(
            bool(theirs) and not unequal and view.balances_equal is not False,
            f"{view.name}: balances equal the venue's to the last digit",
            "; ".join(unequal or view.differences)
            or ", ".join(f"{asset} {money_text(total)}" for asset, total in theirs.items()),
            "the bot believes in money that the venue does not have, or the other way round",
        )

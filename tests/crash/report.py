"""What a campaign came to, as markdown: counts by victim and point, recovery times, and what was found wrong."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tests.crash.campaign import LAST, Campaign, again
from tests.crash.lifeline import Outcome


def markdown(campaign: Campaign) -> str:
    """The whole report."""
    outcomes = campaign.outcomes
    kills = [outcome for outcome in outcomes if outcome.kill.point != LAST]
    ends = [outcome for outcome in outcomes if outcome.kill.point == LAST]
    wrong = [outcome for outcome in outcomes if outcome.problems]
    parts = [
        f"# {len(kills)} kills, {len(wrong)} with something wrong",
        _head(campaign, sum(not outcome.problems for outcome in ends)),
        _victims(kills),
        _recovery(outcomes),
        _windows(kills),
        _points(kills),
        _size(outcomes),
        _problems(campaign, wrong),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(campaign: Campaign, sound: int) -> str:
    plan = campaign.plan
    return (
        f"Seed {plan.seed}, {' and '.join(plan.dialects)}, {len(campaign.specs)} life-lines; {sound} of them ended in "
        "order: drained, exit code 0, orders, fills and balances equal to the last digit, nothing left open."
    )


def _victims(kills: Sequence[Outcome]) -> str:
    rows = [
        (
            victim,
            str(sum(o.kill.victim == victim for o in kills)),
            str(sum(o.kill.victim == victim and o.reached and o.kill.point != "random" for o in kills)),
            str(sum(o.kill.victim == victim and o.kill.point == "random" for o in kills)),
            str(sum(o.kill.victim == victim and not o.reached for o in kills)),
        )
        for victim in ("bot", "venue", "both")
    ]
    head = ("SIGKILL to", "kills", "at the planned point", "at a random instant", "point not passed, killed there")
    return _table("Kills", head, rows)


def _recovery(outcomes: Sequence[Outcome]) -> str:
    forked = [o for o in outcomes if not o.kill.cold]
    cold = [o for o in outcomes if o.kill.cold]
    rows = [
        _spread("process start to Reconciled (all accounts), forked", (o.recovered_s for o in forked)),
        _spread("process start to Reconciled (all accounts), cold interpreter", (o.recovered_s for o in cold)),
        _spread("process start to the first new order accepted, forked", (o.first_order_s for o in forked)),
        _spread("process start to the first new order accepted, cold", (o.first_order_s for o in cold)),
        _spread("return of a killed venue to agreement in everything", (o.venue_back_s for o in outcomes)),
    ]
    return _table("Recovery times, seconds", ("from .. to", "measured", "p50", "max"), rows)


def _spread(name: str, values: Iterable[float | None]) -> tuple[str, ...]:
    known = sorted(value for value in values if value is not None)
    if not known:
        return (name, "0", "", "")
    return (name, str(len(known)), f"{statistics.median(known):.2f}", f"{known[-1]:.2f}")


def _windows(kills: Sequence[Outcome]) -> str:
    """Proof that both sides of the window between send and reply were met."""
    rows = []
    for point in sorted({o.kill.point for o in kills if o.landed is not None}):
        here = [o for o in kills if o.kill.point == point and o.landed is not None]
        landed = sum(o.landed is True for o in here)
        rows.append((f"`{point}`", str(len(here)), str(landed), str(sum(o.landed is False for o in here))))
    head = ("killed while a place was on its way", "kills", "the venue had the order", "it had not")
    return _table("Between send and reply", head, rows)


def _points(kills: Sequence[Outcome]) -> str:
    reached: Counter[tuple[str, str]] = Counter()
    missed: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for outcome in kills:
        key = (outcome.kill.phase, outcome.kill.point)
        (reached if outcome.reached else missed)[key] += 1
        wrong[key] += bool(outcome.problems)
    rows = [
        (phase, f"`{point}`", str(reached[phase, point]), str(missed[phase, point]), str(wrong[phase, point]))
        for phase, point in sorted({*reached, *missed})
    ]
    return _table("Kill points", ("while", "point", "killed there", "not passed", "with something wrong"), rows)


def _size(outcomes: Sequence[Outcome]) -> str:
    orders: defaultdict[int, int] = defaultdict(int)
    fills: defaultdict[int, int] = defaultdict(int)
    for outcome in outcomes:
        orders[outcome.lifeline] = max(orders[outcome.lifeline], outcome.orders)
        fills[outcome.lifeline] = max(fills[outcome.lifeline], outcome.fills)
    return f"Orders at the venues: {sum(orders.values())}; fills: {sum(fills.values())}."


def _problems(campaign: Campaign, wrong: Sequence[Outcome]) -> str:
    if not wrong:
        return "Nothing was wrong: 0 lost, 0 doubled, 0 invariant violations, every journal reads whole."
    lines = ["## What was wrong"]
    for outcome in wrong:
        kill = outcome.kill
        lines.append(
            f"- kill {kill.number} of {kill.victim} at `{kill.point}` pass {kill.nth}"
            f"{' right from the start' if kill.early else ''}: {again(outcome, campaign.plan, campaign.specs)}"
        )
        lines += [f"  - {text}" for text in outcome.problems]
    return "\n".join(lines)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"## {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body])

"""`python -m tests.peers.reply_lost`: the venue takes an order and its answer is lost; how many orders come of it?

Ours always runs. With `--octobot-venv DIR` (a virtual environment with octobot-trading[full]==2.5.13, Python 3.11)
OctoBot-Trading's own create-order path runs beside it, on the same venue with the same faults.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.network_guard import GUARD
from tests.peers.cases import CASES, Found
from tests.peers.sides import PeerError, octobot, ours

HEAD = "| fault | side | orders sent | orders at the venue | known to the bot | known in the end | in its own words |"
RULE = "|---|---|---|---|---|---|---|"


def arguments() -> argparse.Namespace:
    """What was asked for."""
    made = argparse.ArgumentParser(
        prog="python -m tests.peers.reply_lost",
        description="Lose the answer to an order that the venue has taken, and count the venue's orders.",
    )
    made.add_argument(
        "--octobot-venv", type=Path, metavar="DIR", help="virtual environment with octobot-trading[full]==2.5.13"
    )
    return made.parse_args()


def main() -> int:
    """Run both sides; 1 if ours lost or doubled an order, 2 if the other could not be run."""
    given, console = arguments(), Console(soft_wrap=True)
    GUARD.install()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    python = None if given.octobot_venv is None else given.octobot_venv / "bin" / "python"
    if python is not None and not python.exists():
        sys.stderr.write(f"there is no {python}: make it with `python3.11 -m venv` and install octobot-trading there\n")
        return 2
    found: list[tuple[str, Found]] = []
    steps = len(CASES) * (1 if python is None else 2)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar, tempfile.TemporaryDirectory() as folder:
            task = bar.add_task("", total=steps)
            for case in CASES:
                if python is not None:
                    bar.update(task, description=f"OctoBot-Trading: {case.name}")
                    found.append(("OctoBot-Trading", octobot(case, python)))
                    bar.advance(task)
                bar.update(task, description=f"ganglion: {case.name}")
                own = Path(folder) / case.name
                own.mkdir()
                found.append(("ganglion", ours(case, own)))
                bar.advance(task)
    except PeerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in report(found):
        console.print(line, markup=False, highlight=False)
    if python is None:
        console.print("skipped: OctoBot-Trading (no --octobot-venv given), so nothing is said of it here", markup=False)
    return 0 if all(one.safe for side, one in found if side == "ganglion") else 1


def report(found: list[tuple[str, Found]]) -> list[str]:
    """The table, and what was run."""
    lines = [HEAD, RULE]
    lines += [_row(side, one) for side, one in found]
    lines.append("")
    lines += [f"- `{case.name}`: {case.happens}" for case in CASES]
    lines.append("- in the end: ganglion, from its journal after it was stopped; OctoBot-Trading, 30 s after the call")
    lines.append("  (100 s for market orders), when its updaters have read open and closed orders again")
    for name in dict.fromkeys(side for side, _ in found):
        versions = next(one.versions for side, one in found if side == name)
        lines.append(f"- {name}: " + ", ".join(f"{part} {number}" for part, number in versions.items()))
    return lines


def _row(side: str, one: Found) -> str:
    when = "" if one.seconds is None else f" after {one.seconds:.1f} s"
    later = len(set(one.known_later) & set(one.orders))
    counts = f"{one.requests} | {len(one.orders)} | {len(set(one.known) & set(one.orders))}{when} | {later}"
    return f"| {one.case.name} | {side} | {counts} | {one.said} |"


if __name__ == "__main__":
    sys.exit(main())

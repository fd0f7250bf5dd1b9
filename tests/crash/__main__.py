"""`python -m tests.crash`: kill bots and venues, restart them, and compare every journal with the venues' own ledgers.

Exit code 0 if nothing was wrong, 1 if something was, 2 for arguments that can't be, 130 for an interrupt.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.crash.campaign import Campaign, Plan
from tests.crash.config import ARMS
from tests.crash.lifeline import Outcome
from tests.crash.points import catalogue
from tests.crash.report import markdown

FOLDER = Path("build/crash")


def parser() -> argparse.ArgumentParser:
    """The arguments and their help."""
    made = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    made.add_argument("--kills", type=int, default=30, help="how many (30)")
    made.add_argument("--dialect", choices=[*ARMS, "both"], default="binance", help="of the venues (binance)")
    made.add_argument("--seed", type=int, default=1, help="of everything that is drawn (1)")
    made.add_argument("--jobs", type=int, default=1, help="life-lines at once (1)")
    made.add_argument("--only", choices=["bot", "venue", "both"], default="", help="whom to kill")
    made.add_argument("--point", default="", help="only points whose name contains this; `random` for random instants")
    made.add_argument("--folder", type=Path, default=FOLDER, help=f"where everything lies ({FOLDER})")
    made.add_argument("--report", type=Path, help="write the report there too")
    made.add_argument("--resume", action="store_true", help="go on with the campaign in the folder")
    made.add_argument("--line", type=int, help="play only this life-line")
    made.add_argument("--points", action="store_true", help="list the kill points and stop")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign."""
    given = parser().parse_args(arguments)
    console = Console()
    if given.points:
        for point in catalogue():
            console.print(f"{point.phase:8} {point.name}", highlight=False)
        return 0
    dialects = tuple(ARMS) if given.dialect == "both" else (given.dialect,)
    plan = Plan(kills=given.kills, dialects=dialects, seed=given.seed, only=given.only, point=given.point)
    try:
        campaign = Campaign(plan, given.folder, resume=given.resume)
    except (ValueError, LookupError) as error:
        console.print(f"[red]{error}")
        return 2
    if given.line is not None:
        campaign.specs = [spec for spec in campaign.specs if spec.number == given.line]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _play(campaign, given.jobs, console)
    except KeyboardInterrupt:
        console.print("interrupted; --resume goes on with it")
        return 130
    text = markdown(campaign)
    (given.folder / "report.md").write_text(text, encoding="utf-8")
    if given.report is not None:
        given.report.write_text(text, encoding="utf-8")
    console.print(text, highlight=False, markup=False, soft_wrap=True)
    return 1 if any(outcome.problems for outcome in campaign.outcomes) else 0


def _play(campaign: Campaign, jobs: int, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("kills", total=campaign.total, completed=len(campaign.outcomes))

        def tell(outcome: Outcome) -> None:
            wrong = sum(bool(known.problems) for known in campaign.outcomes)
            progress.update(task, advance=1, description=f"kills, {wrong} with something wrong")
            for text in outcome.problems:
                kill = outcome.kill
                told = f"line {outcome.lifeline} kill {kill.number} ({kill.victim} at {kill.point}): {text}"
                progress.console.print(told, markup=False, soft_wrap=True)

        campaign.run(jobs, tell)


if __name__ == "__main__":
    sys.exit(main())

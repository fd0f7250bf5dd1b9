"""`python -m tests.sabotage`: hunt every sabotage, or some, and write the table of docs/sabotage.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ganglion.simulation.campaign.quiet import be_quiet
from tests.sabotage.breaking import found
from tests.sabotage.catalogue import ALL, BY_NAME
from tests.sabotage.hunt import Hunt, Terms, hunt
from tests.sabotage.report import RECIPES, kept, report


def main() -> int:
    """Hunt; 1 where one was not found."""
    arguments = _arguments()
    be_quiet()
    wanted = [BY_NAME[name] for name in arguments.only] or list(ALL)
    for sabotage in wanted:
        for target in sabotage.replacements:
            found(target)
    out = Console(stderr=True)
    hunts: list[Hunt] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[at]}"), console=out, transient=True) as bar:
        task = bar.add_task("sabotage", total=len(wanted), at="")
        for sabotage in wanted:
            terms = Terms(
                seeds=arguments.seeds, first=arguments.first, seconds=arguments.seconds, jobs=arguments.jobs,
                budget=arguments.budget,
            )  # fmt: skip
            if arguments.quick and sabotage.kinds:
                terms = Terms(**{**vars(terms), "kinds": sabotage.kinds, "p_active": 1.0})
            bar.update(task, description=sabotage.name)
            hunts.append(hunt(sabotage, terms, lambda at: bar.update(task, at=at)))
            bar.advance(task)
            out.print(_told(hunts[-1]), markup=False)
            if arguments.keep:
                kept(hunts[-1], RECIPES)
    if arguments.report:
        arguments.report.write_text(report(hunts, RECIPES), encoding="utf-8")
    return 0 if all(one.violated for one in hunts if not one.sabotage.expected) else 1


def _told(one: Hunt) -> str:
    head = f"{one.sabotage.name}: struck {one.struck} times, {one.wall_s:.0f} s"
    if one.violated is None:
        return f"NOT FOUND in {one.seeds} seeds: {head}"
    small = one.recipe
    shrunk = "not shown again" if small is None else f"{len(small.faults or ())} faults, {small.seconds:g} s"
    return f"{head}: seed {one.seeds}, {one.violated.invariant}, {one.faults} faults -> {shrunk}\n    {one.violated}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sabotage", description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=list(BY_NAME), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=250)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--budget", type=int, default=80, help="runs that shrinking may take")
    parser.add_argument("--quick", action="store_true", help="each seed meets the faults that a sabotage needs")
    parser.add_argument("--keep", action="store_true", help="keep the shrunk recipes for the tests")
    parser.add_argument("--report", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

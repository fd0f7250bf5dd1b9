"""`python -m tests.faults`: every wire fault, done to a real arm beside a calm one, measured and put into a table."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import threading
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.faults import report
from tests.faults.campaign import Memory, run
from tests.faults.measure import Outcome
from tests.faults.row import DIALECTS, Row, name_of
from tests.faults.rows import rows_of
from tests.faults.worker import Task

EPILOG = """examples:
  python -m tests.faults --rows 'place:' --runs 1        what lost replies and bad answers to orders do
  python -m tests.faults --dialect both --runs 5 --report docs/faults.md
  python -m tests.faults --resume                        go on where the last one was stopped
"""


def arguments() -> argparse.Namespace:
    """What was asked for."""
    made = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description="Hurt one arm of a running bot in every way of the fault tables, and watch both arms.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--rows", default="", metavar="PATTERN", help="only rows whose name fits (a regular expression)")
    made.add_argument("--runs", type=int, default=5, help="of each row (5)")
    made.add_argument("--dialect", choices=[*sorted(DIALECTS), "both"], default="binance", help="protocol (binance)")
    made.add_argument("--jobs", type=int, default=2, help="pairs of arms at once (2)")
    made.add_argument("--report", type=Path, metavar="FILE", help="write the tables here; a marked place is replaced")
    made.add_argument("--outcomes", type=Path, default=Path(tempfile.gettempdir()) / "ganglion-faults.jsonl")
    made.add_argument("--resume", action="store_true", help="keep what is in the file of outcomes, do the rest")
    made.add_argument("--list", action="store_true", help="list the rows, and end")
    return made.parse_args()


def main() -> int:
    """Run the campaign; 1 if anything was not right."""
    given, console = arguments(), Console()
    dialects = sorted(DIALECTS) if given.dialect == "both" else [given.dialect]
    rows = {dialect: chosen(dialect, given.rows) for dialect in dialects}
    if given.list:
        for dialect, known in rows.items():
            console.print(f"{dialect}: {len(known)} rows", style="bold")
            for row in known:
                console.print(f"  {name_of(row, dialect)}", markup=False, highlight=False)
        return 0
    if not any(rows.values()):
        sys.stderr.write(f"no row fits {given.rows!r}; --list shows them\n")
        return 2
    memory = Memory(given.outcomes, resume=given.resume)
    numbers = range(1, given.runs + 1)
    tasks = [Task(dialect, row.name, number) for dialect in dialects for number in numbers for row in rows[dialect]]
    _run(console, memory, [task for task in tasks if not memory.has(task)], len(tasks), given.jobs, given.outcomes)
    for dialect in dialects:
        text = report.table(dialect, rows_of(dialect), memory.outcomes)
        if given.report is None:
            console.print(f"\n{dialect}\n\n{text}", markup=False, highlight=False, soft_wrap=True)
        else:
            report.write(given.report, dialect, text)
    wrong = report.problems(memory.outcomes)
    for line in wrong:
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    runs = len(report.last_of_each(memory.outcomes))
    console.print(f"{runs} runs, {len(wrong)} things wrong; outcomes in {given.outcomes}", highlight=False)
    return 1 if wrong else 0


def chosen(dialect: str, pattern: str) -> list[Row]:
    """The rows that fit a pattern, by either name."""
    fits = re.compile(pattern, re.IGNORECASE)
    return [row for row in rows_of(dialect) if fits.search(row.name) or fits.search(name_of(row, dialect))]


def _run(console: Console, memory: Memory, tasks: list[Task], total: int, jobs: int, outcomes: Path) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    lock = threading.Lock()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("faults", total=total, completed=total - len(tasks))

        def took(task: Task) -> None:
            progress.update(bar, description=f"{task.dialect}: {task.row} ({task.run})"[:60].ljust(60))

        def done(outcome: Outcome) -> None:
            with lock:
                memory.add(outcome)
                progress.advance(bar)
                for text in outcome.problems:
                    console.print(f"{outcome.row} ({outcome.run}): {text}", style="red", markup=False, soft_wrap=True)

        run(tasks, jobs, outcomes.with_suffix(".log"), took, done)


if __name__ == "__main__":
    sys.exit(main())

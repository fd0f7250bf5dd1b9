"""A process of the campaign: does the rows that it is told to, on one pair for as long as the pair is sound.

Started by `campaign.py` with a pipe to answer on; its log goes to a file. One line of JSON in, one out.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp

import msgspec

from tests.faults.measure import Outcome, measure
from tests.faults.pair import Pair
from tests.faults.rows import rows_of
from tests.network_guard import GUARD

ROWS_A_PAIR = 30
"""A pair's journal and frame log grow, and both are read whole after each row."""


class Task(msgspec.Struct):
    """One row to be done once."""

    dialect: str
    row: str
    run: int


class Worker:
    """Keeps a pair for the next row."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._pair: Pair | None = None
        self._folder = Path()

    def do(self, task: Task) -> Outcome:
        """Do a row once."""
        row = next(row for row in rows_of(task.dialect) if row.name == task.row)
        if row.halts or row.fresh or (self._pair is not None and self._pair.dialect != task.dialect):
            self.close()
        try:
            outcome = measure(self._ready(task.dialect), row, task.run)
        # whatever it is, the campaign goes on and says it
        except Exception as error:  # noqa: BLE001
            outcome = Outcome(dialect=task.dialect, row=row.name, run=task.run)
            outcome.problems.append(f"{type(error).__name__}: {error}")
        if outcome.problems or row.halts or row.fresh or (self._pair is not None and self._pair.rows >= ROWS_A_PAIR):
            self.close()
        return outcome

    def _ready(self, dialect: str) -> Pair:
        if self._pair is None:
            self._seed += 2
            self._folder = Path(mkdtemp(prefix="faults-"))
            self._pair = Pair(dialect, self._folder, self._seed).__enter__()
        return self._pair

    def close(self) -> None:
        """Let go of the pair."""
        if self._pair is not None:
            self._pair, pair = None, self._pair
            try:
                pair.__exit__(None, None, None)
            finally:
                shutil.rmtree(self._folder, ignore_errors=True)


def main() -> None:
    """Answer tasks until there are no more."""
    GUARD.install()
    seed, answers = int(sys.argv[1]), int(sys.argv[2])
    worker = Worker(seed)
    decoder = msgspec.json.Decoder(Task)
    try:
        with os.fdopen(answers, "wb", buffering=0) as out:
            for line in sys.stdin.buffer:
                out.write(msgspec.json.encode(worker.do(decoder.decode(line))) + b"\n")
    finally:
        # a campaign that was stopped leaves no venues behind
        worker.close()


if __name__ == "__main__":
    main()

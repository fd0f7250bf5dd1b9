"""Runs rows on several workers at once, each a process with a pair of arms; remembers what is done."""

from __future__ import annotations

import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from tests.faults.measure import Outcome
from tests.faults.worker import Task

PATIENCE_S = 240.0
"""Within so long a worker answers, a new pair and the slowest row included."""


class Crew:
    """One worker process and the line to it."""

    def __init__(self, number: int, log: Path) -> None:
        self._number = number
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = -1
        self._started = 0

    def do(self, task: Task) -> Outcome:
        """Have a row done; a worker that dies or hangs is an outcome too."""
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            process.stdin.flush()
            return msgspec.json.decode(self._line(), type=Outcome)
        except (OSError, EOFError, TimeoutError) as error:
            self.kill()
            outcome = Outcome(dialect=task.dialect, row=task.row, run=task.run)
            outcome.problems.append(f"the worker ended: {type(error).__name__}: {error}; its log is {self._log}")
            return outcome

    def _start(self) -> subprocess.Popen[bytes]:
        self._started += 1
        self._answers, theirs = os.pipe()
        seed = 1_000 * self._number + 100 * self._started
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.worker", str(seed), str(theirs)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(theirs,),
                start_new_session=True,
            )
        os.close(theirs)
        return self._process

    def _line(self) -> bytes:
        found = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while not found.endswith(b"\n"):
                if not selector.select(PATIENCE_S):
                    raise TimeoutError(f"no answer within {PATIENCE_S:g} s")
                read = os.read(self._answers, 65_536)
                if not read:
                    raise EOFError("it ended without an answer")
                found += read
        return found

    def close(self) -> None:
        """Let the worker end by itself."""
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
            self._forget()

    def kill(self) -> None:
        """End the worker at once."""
        if self._process is not None:
            # with the venues that it has started
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._forget()

    def _forget(self) -> None:
        if self._process is not None:
            self._process = None
            os.close(self._answers)


def run(
    tasks: Iterable[Task],
    jobs: int,
    log: Path,
    took: Callable[[Task], None],
    done: Callable[[Outcome], None],
) -> None:
    """Do all tasks on `jobs` workers; `took` and `done` are called from their threads."""
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)

    def work(number: int) -> None:
        crew = Crew(number, log.with_name(f"{log.stem}-{number}{log.suffix}"))
        try:
            while True:
                try:
                    task = waiting.get_nowait()
                except queue.Empty:
                    return
                took(task)
                done(crew.do(task))
        finally:
            crew.close()

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(1, jobs + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Memory:
    """Outcomes in a file, a line each, so that a campaign can go on where it was stopped."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.outcomes: list[Outcome] = []
        if resume and path.exists():
            for line in path.read_bytes().splitlines():
                self.outcomes.append(msgspec.json.decode(line, type=Outcome))
        elif path.exists():
            path.unlink()

    def add(self, outcome: Outcome) -> None:
        """Remember one."""
        with self._lock:
            self.outcomes.append(outcome)
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(outcome) + b"\n")

    def has(self, task: Task) -> bool:
        """Whether it was done, and was right."""
        return any(
            (o.dialect, o.row, o.run) == (task.dialect, task.row, task.run) and not o.problems for o in self.outcomes
        )

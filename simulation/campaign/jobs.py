"""Runs recipes in several processes and streams what came of them back, as it comes.

One pipe a worker and one recipe at a time: a worker that dies or never ends costs the one seed that it had, which is
told with an outcome of its own (`DIED`). Workers are spawned, so nothing of this process gets into a world.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

import msgspec

from ganglion.simulation.campaign.parts import Sampler
from ganglion.simulation.campaign.quiet import be_quiet
from ganglion.simulation.campaign.recipe import DIED, Outcome, Recipe, Violated
from ganglion.simulation.campaign.running import find_maker, run_recipe

YOUNG_OBJECTS = 20_000
"""Between two looks for garbage of a worker's: Python's own 700 cost a seed several percent of its time."""
LIMIT_S = 600.0
"""Real seconds that one recipe may take."""
SLOW_S = 60.0
"""Real seconds after which a recipe is told to be running still; and then each time twice as many."""
HELLO = b""
"""What a worker says first: it has the maker, and what fails from now on is a recipe's fault."""


Slow = Callable[[Recipe, float], None]
"""Told of a recipe that is still running, and for how many real seconds."""


class WorkerError(Exception):
    """A worker's process can't even begin, and no other would: the maker of worlds can't be imported."""


def run_all(
    recipes: Iterable[Recipe], make: str, *, jobs: int = 1, limit_s: float = LIMIT_S, slow: Slow | None = None
) -> Generator[Outcome, None, None]:
    """Run recipes in `jobs` processes; outcomes come in the order in which they are done.

    Closing the iterator, or an exception in between (Ctrl-C), ends the workers.

    Args:
        recipes: taken one by one, when a worker is free.
        make: dotted name of the maker of worlds, `package.module:function`; workers import it.
        jobs: how many processes.
        limit_s: real time after which a recipe counts as one that never ends.
        slow: told of recipes that take long, while they run.

    Raises:
        WorkerError: workers can't begin; what they said is on standard error.
    """
    waiting = iter(recipes)
    workers: list[_Worker] = []
    try:
        for _ in range(jobs):
            recipe = next(waiting, None)
            if recipe is None:
                break
            workers.append(_Worker(make))
            workers[-1].give(recipe)
        while workers:
            yield from _round(workers, waiting, make, limit_s, slow or _nobody)
    finally:
        for worker in workers:
            worker.end()


def _nobody(_: Recipe, __: float) -> None:
    """Nobody wants to know."""


def _round(
    workers: list[_Worker], waiting: Iterator[Recipe], make: str, limit_s: float, slow: Slow
) -> Iterator[Outcome]:
    """Wait for some workers, take what they have and give them more; those that have nothing to do leave the list."""
    due_s = min(worker.since_s + min(limit_s, worker.slow_after_s) for worker in workers)
    ready = wait([worker.pipe for worker in workers], timeout=max(0.0, due_s - time.monotonic()))
    for worker in list(workers):
        late = time.monotonic() - worker.since_s >= limit_s
        if worker.pipe in ready:
            taken = worker.take()
            if taken is None:
                continue
            outcome = taken
        elif late:
            outcome = worker.died(_never_ends(limit_s))
        else:
            worker.tell_slow(slow)
            continue
        workers.remove(worker)
        recipe = next(waiting, None)
        if recipe is None or not worker.alive:
            worker.end()
        if recipe is not None:
            heir = worker if worker.alive else _Worker(make)
            workers.append(heir)
            heir.give(recipe)
        yield outcome


class Runner:
    """Runs one recipe after the other in a process of its own, which is made anew when it dies; a context manager."""

    def __init__(self, make: str, *, limit_s: float = LIMIT_S) -> None:
        """Begin nothing yet; the arguments are those of `run_all`."""
        self._make = make
        self._limit_s = limit_s
        self._worker: _Worker | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker is not None:
            self._worker.end()

    def __call__(self, recipe: Recipe) -> Outcome:
        """What comes of one recipe."""
        if self._worker is None or not self._worker.alive:
            self._worker = _Worker(self._make)
        self._worker.give(recipe)
        while wait([self._worker.pipe], timeout=self._limit_s):
            outcome = self._worker.take()
            if outcome is not None:
                return outcome
        return self._worker.died(_never_ends(self._limit_s))


def _never_ends(limit_s: float) -> str:
    return f"no end within {limit_s:g} s of real time"


class _Worker:
    """One process and the recipe that it has."""

    def __init__(self, make: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_work, args=(theirs, make), daemon=True)
        self.process.start()
        theirs.close()
        self.alive = True
        self.since_s = time.monotonic()
        self.slow_after_s = SLOW_S
        self._recipe: Recipe | None = None
        self._begun = False

    def give(self, recipe: Recipe) -> None:
        """Hand it the next; one that is dead already tells so when it is asked."""
        self._recipe, self.since_s, self.slow_after_s = recipe, time.monotonic(), SLOW_S
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send_bytes(msgspec.msgpack.encode(recipe))

    def take(self) -> Outcome | None:
        """What it sent, or that it died; None where it only has begun.

        Raises:
            WorkerError: it never began.
        """
        try:
            sent = self.pipe.recv_bytes()
            if sent == HELLO:
                # What it took to import the engine is no time of its first recipe's.
                self._begun, self.since_s = True, time.monotonic()
                return None
            return msgspec.msgpack.decode(sent, type=Outcome)
        except (EOFError, ConnectionResetError):
            self.process.join(5)
            code = self.process.exitcode
            how = (
                f"by signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
            )
            text = f"the worker's process ended {how}"
            if not self._begun:
                raise WorkerError(f"{text} before it had its first world") from None
            return self.died(text)

    def tell_slow(self, slow: Slow) -> None:
        """Tell of its recipe where that has taken long, and not again before it has taken twice as long."""
        if self._recipe is not None and time.monotonic() - self.since_s >= self.slow_after_s:
            slow(self._recipe, self.slow_after_s)
            self.slow_after_s *= 2

    def died(self, text: str) -> Outcome:
        """Tell that nothing came of its recipe, and why."""
        self.end()
        recipe = self._recipe or Recipe(seed=0)
        wall_s = time.monotonic() - self.since_s
        return Outcome(recipe=recipe, violations=(Violated(invariant=DIED, text=text),), wall_s=wall_s)

    def end(self) -> None:
        """End it, whatever it does."""
        self.alive = False
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _work(pipe: Connection, make: str) -> None:
    """A worker's life: recipes in, outcomes out, until the pipe is closed."""
    # Ctrl-C reaches the whole group of the terminal: the parent decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    be_quiet()
    maker = find_maker(make)
    gc.set_threshold(YOUNG_OBJECTS)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send_bytes(HELLO)
        while True:
            recipe = msgspec.msgpack.decode(pipe.recv_bytes(), type=Recipe)
            with Sampler() as sampler:
                outcome = run_recipe(recipe, maker)
            outcome = msgspec.structs.replace(outcome, parts=dict(sampler.parts))
            pipe.send_bytes(msgspec.msgpack.encode(outcome))
            gc.collect()  # a world is full of cycles: so a worker stays as large as its largest one
            if not gc.get_freeze_count():
                # What the first world has imported stays for good: not looking at it makes a collection 6 times faster.
                gc.freeze()

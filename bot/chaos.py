"""A campaign as people run it: the corpus first, then the seeds, a bar meanwhile, failures told, shrunk and kept.

`chaos_cli` reads the arguments; worlds are run by `simulation.campaign` in processes of their own.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ganglion.bot import recipes
from ganglion.bot.chaos_options import ChaosOptions
from ganglion.bot.errors import ExitCode
from ganglion.simulation.campaign import (
    Corpus,
    Failure,
    Outcome,
    Recipe,
    Runner,
    Tally,
    markdown,
    run_all,
    shrink,
)
from ganglion.simulation.campaign import Progress as Shrinking
from ganglion.simulation.campaign.recipe import DIED
from ganglion.simulation.faults import fault_text

SHOWN = 10
"""Failures that are told one by one; the report has them all."""
LONGEST = 300
"""Characters of a violation on the screen; the report and the recipe have all of it."""
FEW = 5
"""Counters that were never met are named up to that many; the report has them all."""
SHRUNK = 3
"""Failures that are shrunk, each of another invariant."""
BUDGET = 150
"""Runs that a shrinking may take."""
LINE_EACH_S = 10.0
"""Where there is no terminal for a bar."""


def run_chaos(options: ChaosOptions, known: list[tuple[Path, Recipe]]) -> ExitCode:
    """Run a campaign to its end, or to Ctrl-C, and say what came of it.

    Args:
        options: what to run.
        known: the corpus, which runs first.

    Raises:
        OSError: the report can't be written.
    """
    return _Campaign(options, known).run()


class _Campaign:
    """One campaign under way."""

    def __init__(self, options: ChaosOptions, known: list[tuple[Path, Recipe]]) -> None:
        self._options = options
        self._known = {recipe.to_json(): path for path, recipe in known}
        self._known_recipes = [recipe for _, recipe in known]
        self._tally = Tally()
        self._done: set[int] = set()
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False)

    def run(self) -> ExitCode:
        began_s = time.monotonic()
        interrupted = False
        try:
            with self._bar() as advance:
                self._run(advance)
        except KeyboardInterrupt:
            interrupted = True
        self._tally.wall_s = time.monotonic() - began_s
        try:
            if not interrupted:
                self._shrink_failures()
        except KeyboardInterrupt:
            self._say("shrinking was interrupted; the failures are kept as they were")
        finally:
            self._keep_failures()
        self._tell(interrupted=interrupted)
        self._write_report(interrupted=interrupted)
        return self._verdict(interrupted=interrupted)

    def _run(self, advance: Callable[[Tally], None]) -> None:
        # Closed at once on Ctrl-C, not when the collector comes by: workers end with it.
        options = self._options
        jobs = options.jobs or os.cpu_count() or 1
        outcomes = run_all(self._recipes(), recipes.MAKE, jobs=jobs, limit_s=options.limit_s, slow=self._tell_slow)
        try:
            for outcome in outcomes:
                self._take(outcome)
                advance(self._tally)
        finally:
            outcomes.close()

    def _recipes(self) -> Iterator[Recipe]:
        yield from self._known_recipes
        for seed in range(self._options.first, self._options.first + self._options.seeds):
            yield self._options.recipe(seed)

    def _take(self, outcome: Outcome) -> None:
        self._tally.add(outcome)
        corpus = self._known.get(outcome.recipe.to_json())
        if corpus is None:
            self._done.add(outcome.recipe.seed)
        if outcome.violation is None:
            return
        spelled = msgspec.structs.replace(
            outcome.recipe,
            faults=outcome.faults if outcome.violation.invariant != DIED else outcome.recipe.faults,
            violated=outcome.violation,
        )
        failure = Failure(
            outcome.recipe if corpus else spelled, outcome.violation, outcome.trace, str(corpus) if corpus else ""
        )
        self._tally.failures.append(failure)
        if len(self._tally.failures) <= SHOWN:
            self._say(f"[red]VIOLATION[/red] {_named(failure)}: {_told(failure)}")
            self._say(f"  replay with: {_plain(self._replay_line(failure))}")

    def _tell_slow(self, recipe: Recipe, for_s: float) -> None:
        corpus = self._known.get(recipe.to_json())
        named = _plain(f"corpus {corpus}") if corpus else f"seed {recipe.seed}"
        self._say(f"{named} has been running for {for_s:g} s (--limit ends it at {self._options.limit_s:g} s)")

    def _replay_line(self, failure: Failure) -> str:
        if failure.kept or failure.corpus:
            return shlex.join(["ganglion", "replay", failure.kept or failure.corpus])
        return self._options.replay_line(failure.recipe.seed)

    # -------------------------------------------------------------- failures

    def _shrink_failures(self) -> None:
        if not self._options.shrink:
            return
        seen: set[str] = set()
        with Runner(recipes.MAKE, limit_s=self._options.limit_s) as run:
            for index, failure in enumerate(self._tally.failures):
                invariant = failure.violated.invariant
                # A world that kills its process would be run a hundred times for nothing.
                if failure.corpus or invariant in seen or invariant == DIED or len(seen) == SHRUNK:
                    continue
                seen.add(invariant)
                with self._shrinking(failure) as tell:
                    again = Outcome(
                        recipe=failure.recipe, violations=(failure.violated,), faults=failure.recipe.faults or ()
                    )
                    shrunk = shrink(again, run, budget=BUDGET, progress=tell)
                if shrunk.reproduced:
                    self._tally.failures[index] = dataclasses.replace(failure, small=shrunk.recipe)
                else:
                    self._say(f"{_named(failure)} did not show {invariant} again when it was run once more")

    def _keep_failures(self) -> None:
        if self._options.corpus is None:
            return
        corpus = Corpus(self._options.corpus)
        kept: set[str] = set()
        for index, failure in enumerate(self._tally.failures):
            # One of each invariant: a bug that a hundred seeds meet is one bug.
            if failure.corpus or failure.violated.invariant in kept:
                continue
            kept.add(failure.violated.invariant)
            try:
                path = corpus.add(failure.small or failure.recipe)
            except OSError as error:
                # What was found is told all the same.
                name, why = error.filename or corpus.folder, error.strerror or error
                self._say(_plain(f"--corpus: {name} can't be written ({why}): the violations are not kept"))
                return
            self._tally.failures[index] = dataclasses.replace(failure, kept=str(path))

    # -------------------------------------------------------------- telling

    def _tell(self, *, interrupted: bool) -> None:
        tally, options = self._tally, self._options
        count = len(tally.failures)
        self._out.print(f"{tally.speed_text()}, {_count(count, 'violation')}")
        self._out.print(f"where the time goes: {tally.parts_text()}", markup=False)
        if self._known:
            self._out.print(f"{len(self._known)} of these from the corpus {options.corpus}", markup=False)
        self._tell_never_met(interrupted=interrupted)
        self._tell_unjudged()
        self._tell_failures()
        if interrupted:
            rest = self._rest_line()
            go_on = f"; go on with: {rest}" if rest else ""
            self._out.print(f"interrupted after {self._reached()}{go_on}", markup=False)

    def _reached(self) -> str:
        """How much of it has run."""
        total = self._options.seeds + len(self._known_recipes)
        return f"{self._tally.seeds} of {_count(total, 'world')}"

    def _rest_line(self) -> str:
        """The command that runs the seeds that have not; "" where all have."""
        options = self._options
        todo = (seed for seed in range(options.first, options.first + options.seeds) if seed not in self._done)
        first = next(todo, None)
        return "" if first is None else options.rest_line(first)

    def _tell_never_met(self, *, interrupted: bool) -> None:
        options = self._options
        never = self._tally.never_met(options.kinds)
        if not never:
            return
        names = ", ".join(never)
        if options.full and not interrupted:
            self._out.print(f"[red]NEVER MET[/red]: {names}")
            return
        where = options.report or "--report FILE"
        count = f"{len(never)} of {len(self._tally.asked(options.kinds))} sometimes counters, named in {where}"
        self._out.print(f"never met: {names if len(never) <= FEW else count}", markup=False)

    def _tell_unjudged(self) -> None:
        """Modes of which nobody knows how many orders they mean to have."""
        names = recipes.unjudged(self._options.recipe(0))
        if names:
            self._out.print(
                f"not judged: whether {', '.join(names)} ordered twice, for want of most_orders() "
                "(docs/testing-a-bot.md, section 6)",
                markup=False,
            )

    def _tell_failures(self) -> None:
        """The first of each invariant with all of it, the others by their seeds."""
        by_invariant: dict[str, list[Failure]] = {}
        for failure in self._tally.failures:
            by_invariant.setdefault(failure.violated.invariant, []).append(failure)
        for invariant, (failure, *others) in by_invariant.items():
            self._out.print(f"[red]{_named(failure)}[/red]: {_told(failure)}")
            if failure.small is not None:
                faults, deviations = failure.small.faults or (), failure.small.deviations
                order = (
                    "" if deviations is None else f", {_count(len(deviations), 'deviation')} from first-in-first-out"
                )
                self._out.print(
                    f"  shrunk to {failure.small.seconds:g} s, {_count(len(faults), 'fault')}{order}", markup=False
                )
                for fault in faults:
                    self._out.print(f"    {fault_text(fault)}", markup=False)
            self._out.print(f"  replay with: {self._replay_line(failure)}", markup=False)
            if others:
                named = ", ".join(_named(other) for other in others[:SHOWN])
                more = f" and {len(others) - SHOWN} more (--report FILE has them all)" if len(others) > SHOWN else ""
                self._out.print(f"  {invariant} also in {named}{more}", markup=False)

    def _write_report(self, *, interrupted: bool) -> None:
        options = self._options
        if options.report is None:
            return
        title = f"Chaos campaign: seeds {options.first} to {options.first + options.seeds - 1}"
        note = ""
        if interrupted:
            title += ", interrupted"
            rest = self._rest_line()
            note = f"Interrupted after {self._reached()}." + (f" Go on with: `{rest}`" if rest else "")
        text = markdown(self._tally, title, options.kinds, self._replay_line, interrupted=note)
        options.report.write_text(text, encoding="utf-8")

    def _verdict(self, *, interrupted: bool) -> ExitCode:
        if self._tally.failures:
            return ExitCode.FAILED
        if interrupted:
            return ExitCode.INTERRUPTED
        unmet = self._options.full and self._tally.never_met(self._options.kinds)
        return ExitCode.FAILED if unmet else ExitCode.OK

    def _say(self, text: str) -> None:
        self._err.print(text, soft_wrap=True)

    @contextmanager
    def _bar(self) -> Iterator[Callable[[Tally], None]]:
        total = self._options.seeds + len(self._known_recipes)
        if not sys.stderr.isatty():
            yield _Lines(total, self._err)
            return
        columns = (
            TextColumn("chaos"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TextColumn("{task.fields[found]}"),
            TimeRemainingColumn(),
        )
        began_s = time.monotonic()
        with Progress(*columns, console=self._err, transient=True) as bar:
            task = bar.add_task("chaos", total=total, speed="", found="")

            def advance(tally: Tally) -> None:
                found = f"[red]{len(tally.failures)} violations[/red]" if tally.failures else "no violation"
                speed = f"{tally.seeds / (time.monotonic() - began_s):.2f} seeds/s"
                bar.update(task, completed=tally.seeds, speed=speed, found=found)

            yield advance

    @contextmanager
    def _shrinking(self, failure: Failure) -> Iterator[Callable[[Shrinking], None]]:
        name = f"shrinking {_named(failure)} {failure.violated.invariant}"
        if not sys.stderr.isatty():
            self._say(f"{name}, {BUDGET} runs at most")
            yield lambda _: None
            return
        with self._err.status(name) as status:

            def tell(at: Shrinking) -> None:
                left = f"{at.faults} faults, {at.seconds:g} s"
                status.update(f"{name}: run {at.runs} of {at.budget} at most ({at.phase}), {left}")

            yield tell


class _Lines:
    """A line of progress each while, where there is no terminal."""

    def __init__(self, total: int, err: Console) -> None:
        self._total = total
        self._err = err
        self._began_s = self._said_s = time.monotonic()

    def __call__(self, tally: Tally) -> None:
        """Say how far it is, where that is due."""
        now_s = time.monotonic()
        if now_s - self._said_s < LINE_EACH_S:
            return
        self._said_s = now_s
        speed = tally.seeds / (now_s - self._began_s)
        left_s = (self._total - tally.seeds) / speed
        said = f"{tally.seeds}/{self._total} seeds, {speed:.2f}/s, {len(tally.failures)} violations"
        self._err.print(f"{said}, about {left_s:.0f} s to go")


def _named(failure: Failure) -> str:
    return f"corpus {failure.corpus}" if failure.corpus else f"seed {failure.recipe.seed}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _told(failure: Failure) -> str:
    text = str(failure.violated)
    return _plain(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def _plain(text: str) -> str:
    """A text in which rich finds no markup."""
    return text.replace("[", r"\[")

"""A campaign: life-lines planned from one seed, played by workers, every outcome kept so that it can be resumed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec

from tests.crash.lifeline import Kill, Outcome, Victim, planned
from tests.crash.points import RANDOM, Phase, catalogue, named
from tests.crash.processes import ROOT
from tests.crash.worker import WRONG, Spec

PER_LINE = 25
"""Kills on one data folder."""
RANDOM_SHARE = 0.15
RESTARTS = ("", "cancel", "", "adopt")
"""`on_restart` of the life-lines in turn; empty is each mode's own."""
LAST = "the end"
Only = Literal["bot", "venue", "both", ""]


class Plan(msgspec.Struct, frozen=True):
    """What a campaign does; the same plan is the same campaign."""

    kills: int
    dialects: tuple[str, ...]
    seed: int
    only: Only = ""
    point: str = ""


def last_kill(number: int) -> Kill:
    """The end in order, as the last of a life-line."""
    return Kill(number=number, victim="bot", point=LAST, phase="drain", nth=1, early=False)


def points_of(plan: Plan, dice: random.Random) -> list[tuple[str, Phase, int]]:
    """The deck that kills are drawn from, with a share of random instants."""
    if plan.point == RANDOM:
        return [(RANDOM, "trading", 1)]
    chosen = named(plan.point) if plan.point else catalogue()
    deck = [(point.name, point.phase, point.most) for point in chosen]
    if not plan.point:
        deck += [(RANDOM, "trading", 1)] * max(1, int(len(deck) * RANDOM_SHARE))
    dice.shuffle(deck)
    return deck


def lines_of(plan: Plan, folder: Path) -> list[Spec]:
    """The life-lines of a plan: on one dialect, on the other, on both at once, and so on."""
    dice = random.Random(plan.seed)
    deck = points_of(plan, dice)
    kills = planned(deck, plan.kills, plan.seed, _victims(plan.only))
    specs = []
    for number, start in enumerate(range(0, plan.kills, PER_LINE)):
        scopes = [(dialect,) for dialect in plan.dialects]
        scopes += [plan.dialects] if len(plan.dialects) > 1 else []
        own = tuple(kills[start : start + PER_LINE])
        specs.append(
            Spec(
                number=number,
                folder=str(folder / f"line-{number:03d}"),
                dialects=scopes[number % len(scopes)],
                seed=plan.seed + 100 * number,
                kills=own,
                on_restart=RESTARTS[number // len(scopes) % len(RESTARTS)],
                last=last_kill(start + len(own)),
            )
        )
    return specs


def _victims(only: Only) -> Callable[[random.Random], Victim]:
    def pick(dice: random.Random) -> Victim:
        chance = dice.random()
        if only:
            return only
        if chance < 0.7:
            return "bot"
        return "venue" if chance < 0.85 else "both"

    return pick


class Campaign:
    """Plays a plan in a folder; `results.jsonl` there is its memory."""

    def __init__(self, plan: Plan, folder: Path, *, resume: bool) -> None:
        """Take a folder.

        Raises:
            ValueError: it holds another plan's campaign and is to be resumed.
        """
        self.plan = plan
        self.folder = folder
        self._results = folder / "results.jsonl"
        self._file = folder / "plan.json"
        self._lock = threading.Lock()
        self.outcomes: list[Outcome] = []
        self._workers: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        if resume and self._file.exists():
            known = msgspec.json.decode(self._file.read_bytes(), type=Plan)
            if known != plan:
                raise ValueError(f"{folder} holds another campaign ({known}): name another --folder, or the same plan")
            lines = self._results.read_bytes().splitlines() if self._results.exists() else []
            self.outcomes = [msgspec.json.decode(line, type=Outcome) for line in lines]
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self._file.write_bytes(msgspec.json.encode(plan))
        self.specs = lines_of(plan, folder)

    @property
    def total(self) -> int:
        """Kills, and an end in order for each life-line."""
        return self.plan.kills + len(self.specs)

    def run(self, jobs: int, tell: Callable[[Outcome], None]) -> None:
        """Play what is left, several life-lines at once; an interrupt ends all of them."""
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for done in [pool.submit(self._play, spec, tell) for spec in self.specs]:
                    done.result()
            except BaseException:
                self._stopped = True
                for worker in list(self._workers):
                    worker.terminate()
                raise

    def _play(self, spec: Spec, tell: Callable[[Outcome], None]) -> None:
        done = [outcome for outcome in self.outcomes if outcome.lifeline == spec.number]
        numbers = {outcome.kill.number for outcome in done}
        if self._stopped or spec.last.number in numbers or any(outcome.problems for outcome in done):
            return
        left = msgspec.structs.replace(spec, kills=tuple(k for k in spec.kills if k.number not in numbers))
        folder = Path(spec.folder)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "spec.json"
        file.write_bytes(msgspec.json.encode(left))
        wrong = False
        command = [sys.executable, "-m", "tests.crash.worker", str(file)]
        with (
            (folder / "worker.log").open("ab") as log,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT) as worker,
        ):
            self._workers.add(worker)
            assert worker.stdout is not None
            last = spec.last
            for line in worker.stdout:
                outcome = msgspec.json.decode(line, type=Outcome)
                last = outcome.kill
                wrong = wrong or bool(outcome.problems)
                self._keep(outcome, tell)
        self._workers.discard(worker)
        if self._stopped:
            return
        if worker.returncode not in {0, WRONG} and not wrong:
            text = f"the worker ended with {worker.returncode}: see {folder / 'worker.log'}"
            self._keep(Outcome(lifeline=spec.number, kill=last, problems=[text]), tell)
        elif not wrong and worker.returncode == 0:
            # What a sound life-line leaves is its journal; the rest only fills the disk.
            for path in [*folder.glob("life-*"), *folder.glob("venue-*")]:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _keep(self, outcome: Outcome, tell: Callable[[Outcome], None]) -> None:
        with self._lock:
            self.outcomes.append(outcome)
            with self._results.open("ab") as file:
                file.write(msgspec.json.encode(outcome) + b"\n")
            tell(outcome)


def again(outcome: Outcome, plan: Plan, folders: Sequence[Spec]) -> str:
    """The line that plays a life-line with a problem again, and where everything of it lies."""
    spec = folders[outcome.lifeline]
    dialect = "both" if len(plan.dialects) > 1 else plan.dialects[0]
    only = f" --only {plan.only}" if plan.only else ""
    point = f" --point {plan.point}" if plan.point else ""
    return (
        f"python -m tests.crash --kills {plan.kills} --dialect {dialect} --seed {plan.seed}{only}{point} "
        f"--line {outcome.lifeline}; kept in {spec.folder}"
    )

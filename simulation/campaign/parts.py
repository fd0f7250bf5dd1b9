"""Samples where a worker's time goes: which part of the engine runs, some hundred times a second of processor time.

A timer signal looks at the running frame and counts its part; nothing is traced, so a world runs at its own speed.
Main thread only, as signals are.
"""

from __future__ import annotations

import signal
from collections import Counter
from types import FrameType, TracebackType
from typing import Self

EACH_S = 0.005
OURS = "ganglion."
DEPTH = 2
"""Packages below `ganglion` that make a part: actors/market, simulation/venue."""


class Sampler:
    """A context manager that counts samples by part while it is entered."""

    def __init__(self) -> None:
        self.parts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, EACH_S, EACH_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._before)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        self.parts[part_of(frame)] += 1


def part_of(frame: FrameType | None) -> str:
    """The part of the innermost frame that is the engine's own; "other" where there is none."""
    while frame is not None:
        name: str = frame.f_globals.get("__name__", "")
        if name.startswith(OURS):
            # The last name is a module: ganglion.actors.market.book is of actors/market, ganglion.bot.tree of bot.
            return "/".join(name.split(".")[1:-1][:DEPTH]) or name
        frame = frame.f_back
    return "other"

"""Plays one life-line in a process of its own: `python -m tests.crash.worker SPEC.json`; an outcome a line."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import msgspec

from tests.crash.lifeline import Kill, LifeLine, Outcome

WRONG = 3
"""Exit code where an outcome has problems; whatever else is not 0 is the harness's own fault."""


class Spec(msgspec.Struct, frozen=True):
    """What one life-line is to go through."""

    number: int
    folder: str
    dialects: tuple[str, ...]
    seed: int
    kills: tuple[Kill, ...]
    """Those that are still to be done."""
    on_restart: str
    """Of both modes; their own where it is empty."""
    last: Kill
    """The end in order, once all kills are done."""


def main() -> int:
    """Play it until its end or its first problem; what was wrong is in the outcomes."""
    # Its venues and its bot go with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Spec)
    with LifeLine(Path(spec.folder), spec.dialects, spec.seed, spec.number, on_restart=spec.on_restart) as line:
        for kill in spec.kills:
            if _say(line.live(kill)).problems:
                return WRONG
        return WRONG if _say(line.finish(spec.last)).problems else 0


def _say(outcome: Outcome) -> Outcome:
    sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
    sys.stdout.flush()
    return outcome


if __name__ == "__main__":
    sys.exit(main())

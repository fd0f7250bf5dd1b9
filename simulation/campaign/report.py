"""Adds the outcomes of a campaign up, and writes them down as markdown.

Pure but for its own sums. `chaos` feeds it and prints from it; how a recipe is replayed is told by whoever knows the
command line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ganglion.simulation.campaign.recipe import Outcome, Recipe, Violated
from ganglion.simulation.faults.fault import FaultKind, fault_text

FAULT = "fault:"


@dataclass(frozen=True)
class Failure:
    """One seed that violated something."""

    recipe: Recipe
    violated: Violated
    trace: str = ""
    corpus: str = ""
    """The file of the corpus that it came from."""
    kept: str = ""
    """The file that it was kept in."""
    small: Recipe | None = None
    """Shrunk."""


@dataclass
class Tally:
    """What a campaign has seen so far."""

    seeds: int = 0
    steps: int = 0
    book_events: int = 0
    virtual_s: float = 0.0
    worker_s: float = 0.0
    """Real seconds of all workers together."""
    wall_s: float = 0.0
    """Real seconds of the campaign; whoever runs it writes them here."""
    met: Counter[str] = field(default_factory=Counter)
    """`sometimes` counters, added up; those that stayed at zero stand here too."""
    seeds_with: Counter[str] = field(default_factory=Counter)
    """In how many seeds each counter was above zero."""
    parts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Take over one outcome; a failure is added apart, by who knows what becomes of it."""
        self.seeds += 1
        self.steps += outcome.steps
        self.book_events += outcome.book_events
        self.virtual_s += outcome.virtual_s
        self.worker_s += outcome.wall_s
        for name, count in outcome.coverage.items():
            self.met[name] += count
            self.seeds_with[name] += count > 0
        for part, samples in outcome.parts.items():
            self.parts[part] += samples

    def asked(self, kinds: Iterable[FaultKind]) -> tuple[str, ...]:
        """Counters by name, without those of fault kinds that were not asked for."""
        wanted = {f"{FAULT}{kind}" for kind in kinds}
        return tuple(name for name in sorted(self.met) if name in wanted or not name.startswith(FAULT))

    def never_met(self, kinds: Iterable[FaultKind]) -> tuple[str, ...]:
        """Those of them that stayed at zero."""
        return tuple(name for name in self.asked(kinds) if not self.met[name])

    def speed_text(self) -> str:
        """How fast it went, in one line."""
        wall_s = self.wall_s or self.worker_s or 1e-9
        said = [
            f"{self.seeds} seed{'' if self.seeds == 1 else 's'} in {wall_s:.1f} s ({self.seeds / wall_s:.2f}/s)",
            f"{self.virtual_s / 3600:.2f} virtual hours",
            f"{self.book_events / wall_s:,.0f} book events/s",
            f"{self.steps / wall_s:,.0f} messages/s",
        ]
        return ", ".join(said)

    def parts_text(self, most: int = 8) -> str:
        """Where the time goes, in one line."""
        total = sum(self.parts.values())
        shares = [f"{part} {samples / total:.0%}" for part, samples in self.parts.most_common(most)]
        return ", ".join(shares) or "too short to say"


def markdown(
    tally: Tally,
    title: str,
    kinds: Iterable[FaultKind],
    replay_line: Callable[[Failure], str],
    *,
    interrupted: str = "",
) -> str:
    """A campaign's report.

    Args:
        tally: what it has seen.
        title: its heading.
        kinds: of fault that were asked for.
        replay_line: the command that replays a failure.
        interrupted: a sentence on how far it came, where that is not to its end.
    """
    lines = [f"# {title}", "", tally.speed_text() + ".", ""]
    lines += [interrupted, ""] if interrupted else []
    lines += ["## Violations", ""]
    if not tally.failures:
        lines += ["None in the worlds that have run." if interrupted else "None.", ""]
    for failure in tally.failures:
        lines += _failure_lines(failure, replay_line)
    lines += ["## What was met", "", "| sometimes | times | seeds |", "|---|---:|---:|"]
    never = set(tally.never_met(kinds))
    for name, count in sorted(tally.met.items()):
        sign = " **never**" if name in never else ""
        lines.append(f"| {name}{sign} | {count} | {tally.seeds_with[name]} |")
    lines += ["", "## Where the time goes", "", "| part | share |", "|---|---:|"]
    total = sum(tally.parts.values()) or 1
    lines += [f"| {part} | {samples / total:.1%} |" for part, samples in tally.parts.most_common()]
    return "\n".join(lines) + "\n"


def _failure_lines(failure: Failure, replay_line: Callable[[Failure], str]) -> list[str]:
    lines = [f"### Seed {failure.recipe.seed}: {failure.violated.invariant}", "", str(failure.violated), ""]
    if failure.corpus:
        lines += [f"From the corpus: `{failure.corpus}`", ""]
    lines += [f"Replay: `{replay_line(failure)}`", ""]
    if failure.small is not None:
        faults = failure.small.faults or ()
        lines += [f"Shrunk to {failure.small.seconds:g} s and {len(faults)} faults:", ""]
        lines += [f"- {fault_text(fault)}" for fault in faults] + [""]
    if failure.trace:
        lines += ["```", failure.trace.rstrip(), "```", ""]
    return lines

"""What one seed of the default chaos campaign costs, and where the time goes.

    python -m benchmarks.world [--json FILE] [--seeds N] [--minutes M]

Each seed is a whole bot (two venues, four markets, four modes, monitor on) through virtual minutes under swarm faults,
then heal and settle, as `ganglion chaos` runs it; all in one process, by its processor time. Required: 1,000 seeds of
30 minutes within 15 minutes on two cores, which is 1.8 s of a core for a seed on the average.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter

from benchmarks.report import Row, arguments, bounded, report
from ganglion.bot.recipes import config_of
from ganglion.bot.world import make_world
from ganglion.simulation.campaign.parts import Sampler
from ganglion.simulation.campaign.quiet import be_quiet
from ganglion.simulation.faults import Faults
from ganglion.simulation.world.world import World

SEEDS = 8
MINUTES = 30.0
SEEDS_REQUIRED, WITHIN_S, CORES = 1_000, 900.0, 2
PARTS_SHOWN = 12


class Cost:
    """What the seeds took so far."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        """Of processor time, by seed."""
        self.events = 0
        """Frames of books that reached a bot."""
        self.messages = 0
        self.parts: Counter[str] = Counter()
        """Samples by part of the engine."""

    def run(self, seed: int, minutes: float) -> None:
        """Run one more."""
        with Sampler() as sampler:
            began_s = time.process_time()
            world = make_world(config_of(), seed=seed, faults=Faults.swarm())
            world.run(minutes=minutes).heal().settle()
            self.seconds.append(time.process_time() - began_s)
        self.events += _book_events(world)
        self.messages += world.steps
        self.parts.update(sampler.parts)


def _book_events(world: World) -> int:
    return sum(sum(exchange.sequences.values()) for exchange in world.exchanges.values())


def rows(cost: Cost, minutes: float) -> list[Row]:
    """The table."""
    count, total_s = len(cost.seconds), sum(cost.seconds)
    required_s = WITHIN_S * CORES / SEEDS_REQUIRED if minutes == MINUTES else None
    told = [
        bounded(f"a seed of {minutes:g} virtual minutes, average of {count}", total_s / count, required_s, "s"),
        bounded("the same, median", statistics.median(cost.seconds), None, "s"),
        bounded("book events in a second of a core", cost.events / total_s, None, "/s"),
        bounded("a book event with all that follows from it", total_s / cost.events * 1e6, None, "us"),
        bounded("messages for a book event", cost.messages / cost.events, None, ""),
    ]
    samples = cost.parts.total()
    for part, seen in cost.parts.most_common(PARTS_SHOWN):
        told.append(bounded(f"of a seed: {part}", total_s / count * seen / samples * 1e3, None, "ms"))
    return told


def main() -> int:
    """Run it; the exit code says whether what is required was met."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="virtual minutes of each")
    options = parser.parse_args()
    be_quiet()
    make_world(config_of()).run(seconds=5)  # imports, and what is made once
    cost = Cost()
    for seed in range(1, options.seeds + 1):
        cost.run(seed, options.minutes)
    return report(rows(cost, options.minutes), options.json, "the default campaign")


if __name__ == "__main__":
    sys.exit(main())

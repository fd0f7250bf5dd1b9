"""Which faults a seed meets: a swarm in two levels, a choice of kinds, or a list that was given.

Swarm: first each kind exists in this seed or not, then those that exist get a rate, drawn over orders of magnitude:
seeds differ in kind and not only in number (Groce et al., Swarm Testing, 2012). Every kind draws from a generator of
its own, so taking one away moves no other. Pure; the world asks it once, before it begins.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from ganglion.simulation.choices import Choices
from ganglion.simulation.faults.fault import ALL, KINDS, Fault, FaultKind, Requests, Target
from ganglion.simulation.faults.plausible import plausible_errors
from ganglion.simulation.faults.ranges import RANGES, Ranges, Span

RATE_PER_S = Span(0.3 / 1800, 8 / 1800)
"""How often a kind strikes that exists in a seed: 0.3 to 8 times in 30 minutes, log-uniform, 2.3 on average."""
LEAST_GAP_S = 0.001


@dataclass(frozen=True)
class Sites:
    """What a world has that faults can strike."""

    exchanges: tuple[str, ...]
    """Names."""
    actors: tuple[str, ...] = ()
    """Paths that may crash or be slow."""
    supervisors: tuple[str, ...] = ()

    def of(self, target: Target) -> tuple[str, ...]:
        """What a fault can name; nothing where this world has none."""
        if target == Target.BOT:
            return ("",)
        if target == Target.EXCHANGE:
            return self.exchanges
        return self.actors if target == Target.ACTOR else self.supervisors

    def check(self, faults: Iterable[Fault]) -> None:
        """Refuse faults that strike nobody here.

        Raises:
            ValueError: with the first of them, and whom it could name.
        """
        for fault in faults:
            known = self.of(KINDS[fault.kind].target)
            if fault.target in known:
                continue
            names = ", ".join(repr(name) for name in dict.fromkeys(known)) or "nothing"
            near = difflib.get_close_matches(fault.target, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"fault {fault.kind}: its target is {fault.target!r}, here it can be {names}{hint}")


@dataclass(frozen=True)
class Faults:
    """What a world is given to go wrong; made by `none`, `swarm`, `only` or `of`."""

    kinds: tuple[FaultKind, ...] = ()
    p_active: float = 0.0
    """The chance that a kind exists in a seed."""
    explicit: tuple[Fault, ...] = ()
    """These, and nothing is drawn."""

    @classmethod
    def none(cls) -> Faults:
        """Nothing goes wrong."""
        return cls()

    @classmethod
    def swarm(cls, kinds: Sequence[FaultKind] = ALL, p_active: float = 0.25) -> Faults:
        """Each seed meets some of the kinds."""
        return cls(tuple(kinds), p_active)

    @classmethod
    def only(cls, *kinds: FaultKind | str) -> Faults:
        """Each seed meets all of these kinds, and no other.

        Raises:
            ValueError: a name is no kind.
        """
        return cls(tuple(FaultKind(kind) for kind in kinds), 1.0)

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> Faults:
        """Exactly these."""
        return cls(explicit=tuple(faults))

    def draw(self, choices: Choices, seconds: float, sites: Sites) -> tuple[Fault, ...]:
        """The faults of one seed in the first `seconds` of a world, by time; the same seed gives the same list."""
        if self.explicit:
            return tuple(sorted(self.explicit, key=_by_time))
        found: list[Fault] = []
        for kind in self.kinds:
            found += _draw_kind(kind, choices.of(f"faults:{kind}"), self.p_active, seconds, sites)
        found.sort(key=_by_time)
        return tuple(found)


def _by_time(fault: Fault) -> tuple[float, str, str]:
    return fault.at_s, fault.kind, fault.target


def _draw_kind(kind: FaultKind, chance: Random, p_active: float, seconds: float, sites: Sites) -> list[Fault]:
    ranges, targets = RANGES[kind], sites.of(KINDS[kind].target)
    # Drawn in any case: with another p_active the same seed meets the same faults of this kind, or none.
    active = chance.random() < p_active
    rate_per_s = math.exp(chance.uniform(math.log(RATE_PER_S.low), math.log(RATE_PER_S.high)))
    if not active or not targets:
        return []
    found = []
    at_s = chance.expovariate(rate_per_s)
    while at_s < seconds:
        found.append(_draw_fault(kind, ranges, round(at_s, 3), chance.choice(targets), chance))
        at_s += max(ranges.apart_s, LEAST_GAP_S) + chance.expovariate(rate_per_s)
    return found


def _draw_fault(kind: FaultKind, ranges: Ranges, at_s: float, target: str, chance: Random) -> Fault:
    by_times = ranges.seconds is None or (ranges.times is not None and chance.random() < 0.7)
    requests: Requests = chance.choice(ranges.requests) if ranges.requests else "all"
    error = ""
    if kind in {FaultKind.ERROR, FaultKind.ERROR_AFTER}:
        error = chance.choice(plausible_errors(requests, after=kind == FaultKind.ERROR_AFTER))
    return Fault(
        at_s=at_s,
        kind=kind,
        target=target,
        requests=requests,
        stream=chance.choice(ranges.streams) if ranges.streams else "*",
        error=error,
        seconds=0.0 if by_times else _draw(ranges.seconds, _log_uniform, chance),
        times=chance.randint(int(ranges.times.low), int(ranges.times.high)) if by_times and ranges.times else 1,
        delay_s=_draw(ranges.delay_s, _log_uniform, chance),
        steps=int(_draw(ranges.steps, Random.uniform, chance)),
    )


def _draw(span: Span | None, how: Callable[[Random, float, float], float], chance: Random) -> float:
    if span is None:
        return 0.0
    # A span on both sides of zero has no logarithm.
    return round((Random.uniform if span.low <= 0 else how)(chance, span.low, span.high), 3)


def _log_uniform(chance: Random, low: float, high: float) -> float:
    return math.exp(chance.uniform(math.log(low), math.log(high)))

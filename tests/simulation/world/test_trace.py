"""The fingerprint of a run is the same by whichever way messages are noted: in the queue's own frame or by a call."""

from __future__ import annotations

from ganglion.simulation import Fault
from ganglion.simulation.faults import FaultKind
from ganglion.simulation.world.world import World
from tests.simulation.world.bots import world

DISTURBED = (
    Fault(at_s=4.0, kind=FaultKind.REORDERED, seconds=3.0),
    Fault(at_s=9.0, kind=FaultKind.ACTOR_CRASH_INSIDE, target="/bot/modes/trader", times=2),
    Fault(at_s=14.0, kind=FaultKind.ACTOR_CRASH, target="/bot/alpha/exchange"),
)


def told(run: World) -> list[int]:
    """Numbers of the steps that somebody who watches is told of."""
    steps: list[int] = []
    run.watch = lambda step, *_: steps.append(step)
    return steps


def test_a_world_that_is_watched_is_the_same_world():
    plain, watched = world(*DISTURBED), world(*DISTURBED)
    steps = told(watched)
    assert plain.run(seconds=25).trace_hash == watched.run(seconds=25).trace_hash
    assert len(steps) == watched.steps == plain.steps


def test_a_world_can_be_watched_from_its_middle_on():
    plain, watched = world(*DISTURBED).run(seconds=25), world(*DISTURBED).run(seconds=12)
    before = watched.steps
    steps = told(watched)
    assert watched.run(seconds=13).trace_hash == plain.trace_hash
    assert len(steps) == plain.steps - before
    watched.watch = None
    watched.run(seconds=5)
    assert len(steps) == plain.steps - before

"""Sabotages of supervision: what waits over a restart, and what a restart begins with."""

from __future__ import annotations

import dataclasses

from ganglion.simulation.faults.fault import FaultKind as K
from tests.sabotage.breaking import Sabotage, strike

CRASHES = (K.ACTOR_CRASH, K.ACTOR_CRASH_INSIDE, K.SUPERVISOR_CRASH, K.SLOW_CONSUMER)

dropped = Sabotage(
    "drop_the_stash",
    "What was sent to an actor while it restarted is lost.",
    CRASHES,
)


@dropped.replaces("supervision.cell:Cell._ready")
def _dropped(original, self):
    if self.stashed():
        strike()
    self._stash = None
    original(self)


behind = Sabotage(
    "stash_at_the_back",
    "What was sent to an actor while it restarted comes behind what was sent later.",
    CRASHES,
)


@behind.replaces("supervision.dispatchers.base:Dispatcher.put_front")
def _behind(_original, self, items):
    for item in items:
        strike()
        self.queue.append(item)
    self.wake()


shared = Sabotage(
    "restart_with_the_old_actor",
    "A restart goes on with the very actor that failed, and what it had begun.",
    CRASHES,
)


@shared.replaces("supervision.cell:Cell.claim")
def _shared(original, self, spec, parent, dispatcher):
    if self.path.rpartition("/")[2] not in {"orders", "portfolio"}:
        original(self, spec, parent, dispatcher)
        return
    made = []

    def factory():
        if made:
            strike()
        else:
            made.append(spec.factory())
        return made[0]

    original(self, dataclasses.replace(spec, factory=factory), parent, dispatcher)


ALL = (dropped, behind, shared)

"""A simulated system that fails the test where an actor failed unasked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ganglion.messages.lifecycle import ActorFailed
from ganglion.supervision import System


@pytest.fixture
def system() -> Iterator[System]:
    made = System(dispatcher="simulated")
    failures = made.probe("failures")
    made.events.subscribe(failures.address, ActorFailed)
    yield made
    made.run_until_idle()
    made.stop()
    unasked = [f for f in failures.of(ActorFailed) if f.failure.error != "InjectedFailure"]
    assert not unasked, unasked[0].failure

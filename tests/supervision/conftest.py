"""The same suite on all three drivers: virtual time, an asyncio loop, a plain thread."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from ganglion.supervision import System

DRIVERS = ("simulated", "loop", "thread")


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """Failures are the subject here; what they log is not read by anybody."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture(params=DRIVERS)
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    """A running system of each kind."""
    running = System(dispatcher=request.param, seed=1)
    yield running
    running.stop(timeout_s=10.0)


@pytest.fixture(params=DRIVERS[1:])
def live(request: pytest.FixtureRequest) -> Iterator[System]:
    """A running system on real threads and real time."""
    running = System(dispatcher=request.param, seed=1)
    yield running
    running.stop(timeout_s=10.0)


@pytest.fixture
def simulation() -> Iterator[System]:
    """A running system in virtual time."""
    running = System(dispatcher="simulated", seed=1)
    yield running
    running.stop()

"""Venue processes that the acceptance tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ganglion.simulation.venue import VenueControl, VenueProcess


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a module's configuration stands."""
    return tmp_path_factory.mktemp("bot")


@pytest.fixture(scope="module")
def alpha() -> Iterator[VenueControl]:
    """A venue process that lives for one module."""
    with VenueProcess(["--seed", "1"]) as process:
        yield process.control


@pytest.fixture(scope="module")
def beta() -> Iterator[VenueControl]:
    """Another one."""
    with VenueProcess(["--seed", "2"]) as process:
        yield process.control

"""What every test of the house stands on: no network, Hypothesis that repeats itself in CI, data.

The network guard goes up at import, before any test module (and with it the product) is loaded.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.network_guard import GUARD, NetworkGuard

GUARD.install()

# Deadlines measure the neighbours of a shared machine, not the code.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")


def pytest_unconfigure() -> None:
    GUARD.uninstall()


@pytest.fixture(scope="session", autouse=True)
def clean_checkout() -> Iterator[None]:
    """Every bot of a test keeps its journal in a folder of the test's own."""
    yield
    root = Path(__file__).parents[1]
    left = [str(path) for pattern in ("*.ganglion", "*/*.ganglion") for path in root.glob(pattern)]
    assert not left, f"a test left a bot's data folder in the checkout: {left}; hand it tmp_path"


@pytest.fixture(autouse=True)
def network_guard() -> Iterator[NetworkGuard]:
    """Fails the test that reached for the network, even where the product swallowed the refusal."""
    GUARD.refused.clear()
    yield GUARD
    refused = list(GUARD.refused)
    GUARD.refused.clear()
    assert not refused, f"the test reached for the network: {refused}"


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The folder of recorded market data that GANGLION_DATA names; without it the test skips."""
    named = os.environ.get("GANGLION_DATA")
    if not named:
        pytest.skip("recorded data not at hand: GANGLION_DATA names no folder")
    folder = Path(named)
    assert folder.is_dir(), f"GANGLION_DATA={named} is no folder"
    return folder

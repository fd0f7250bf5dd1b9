"""A scene for each test, stopped at its end."""

import pytest

from tests.simulation.judging.scene import Scene


@pytest.fixture
def scene():
    built = Scene()
    yield built
    built.close()

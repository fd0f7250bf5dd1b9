"""A test of the bot may set up logging for its process; whoever comes after it finds it as it was."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Lines to a captured stream that is closed would be failures of the next test's actors."""
    before = structlog.get_config()
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)

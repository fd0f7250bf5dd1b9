"""Backtests say much in their logs; nobody reads them here."""

import pytest
import structlog


@pytest.fixture(autouse=True)
def quiet_logs():
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.configure(**before)

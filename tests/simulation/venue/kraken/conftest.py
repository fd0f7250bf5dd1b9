"""One venue for the whole folder: it speaks Kraken's protocol, and no fault of a test outlives it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ganglion.simulation.venue import VenueProcess
from tests.simulation.venue.kraken.support import Raw

ARGUMENTS = ["--dialect", "kraken", "--symbols", "BTC/USDT,ETH/USDT,ETH/BTC", "--seed", "3"]
ACCOUNTS = ["--account", "demo:demo", "--account", "poor:poor:USDT=20", "--account", "alone:alone:USDT=100000,BTC=5"]


@pytest.fixture(scope="package")
def process() -> Iterator[VenueProcess]:
    with VenueProcess([*ARGUMENTS, *ACCOUNTS]) as running:
        yield running


@pytest.fixture
def venue(process: VenueProcess) -> Iterator[VenueProcess]:
    yield process
    process.control.clear()


@pytest.fixture
def raw(venue: VenueProcess) -> Raw:
    return Raw(venue.base_url)

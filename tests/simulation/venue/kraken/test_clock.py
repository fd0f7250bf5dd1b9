"""What ends by the venue's own clock: deadlines, orders with a date, the dead man's switch, tokens.

A venue of its own: a clock that jumps leaves marks on its candles.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ganglion.simulation.venue import VenueProcess
from tests.simulation.venue.kraken.support import WAIT_S, Raw, private_socket


@pytest.fixture(scope="module")
def process() -> Iterator[VenueProcess]:
    with VenueProcess(["--dialect", "kraken", "--symbols", "BTC/USDT"]) as running:
        yield running


@pytest.fixture
def venue(process: VenueProcess) -> Iterator[VenueProcess]:
    yield process
    process.control.clock(0)


@pytest.fixture
def raw(venue: VenueProcess) -> Raw:
    return Raw(venue.base_url)


def ended(raw: Raw, txid: str) -> dict[str, object]:
    """The order once the venue has ended it."""
    until_s = time.monotonic() + WAIT_S
    while (shown := raw.shown(txid))["status"] == "open":
        assert time.monotonic() < until_s
    return shown


def test_a_deadline_is_judged_by_the_venues_own_clock(venue: VenueProcess, raw: Raw):
    deadline = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    venue.control.clock(30_000)
    assert raw.order(deadline=deadline) == {"error": ["EService:Deadline elapsed"]}


def test_an_order_good_till_a_date_expires_by_itself(venue: VenueProcess, raw: Raw):
    txid = raw.placed(timeinforce="GTD", expiretm="+30")
    venue.control.clock(31_000)
    shown = ended(raw, txid)
    assert (shown["status"], shown["reason"]) == ("expired", "Order expired")


def test_the_dead_mans_switch_cancels_everything_unless_it_is_pressed_in_time(venue: VenueProcess, raw: Raw):
    txid = raw.placed()
    assert raw.private("CancelAllOrdersAfter", timeout="60")["result"]["triggerTime"] != "0"
    assert raw.private("CancelAllOrdersAfter", timeout="0")["result"]["triggerTime"] == "0"
    raw.private("CancelAllOrdersAfter", timeout="30")
    venue.control.clock(31_000)
    assert ended(raw, txid)["reason"] == "User requested"
    assert raw.private("OpenOrders")["result"]["open"] == {}


def test_a_token_is_too_old_after_a_quarter_of_an_hour(venue: VenueProcess, raw: Raw):
    async def work() -> None:
        async with private_socket(raw) as (link, token):
            venue.control.clock(901_000)
            await link.send("subscribe", channel="balances", token=token)
            assert (await link.answer("subscribe"))["error"] == "ESession:Invalid session"

    asyncio.run(asyncio.wait_for(work(), 30))

"""The fixture `clock`: one virtual time for everything that asks this process for the time."""

import asyncio
import threading
import time
from datetime import UTC, date, datetime

import freezegun
import pytest

from ganglion.bot.pytest_plugin.clock import START_MS, Clock, stopped

pytest_plugins = ["pytester"]


def test_every_way_to_ask_for_the_time_agrees_to_the_microsecond(clock):
    import ccxt

    for _ in range(2000):
        clock.advance(0.123457)
        assert ccxt.Exchange.milliseconds() == clock.now_ms
        assert time.time_ns() == clock.now_us * 1000
        assert datetime.now(UTC) == clock.now
        assert time.time() == pytest.approx(clock.now_us / 1e6, abs=1e-6)
    assert date.today() == clock.now.date()  # noqa: DTZ011  one of the ways to ask


def test_time_stands_still_until_it_is_advanced(clock):
    before = time.time(), time.monotonic(), datetime.now(UTC)
    assert before == (time.time(), time.monotonic(), datetime.now(UTC))
    clock.advance(90)
    assert time.time() == before[0] + 90
    assert time.monotonic() == before[1] + 90
    assert clock.now_s == 90


def test_it_begins_where_worlds_begin(clock):
    assert clock.now_ms == START_MS


def test_it_does_not_go_back(clock):
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(float("nan"))


def test_a_date_that_is_frozen_inside_the_test_goes_before_it(clock):
    with freezegun.freeze_time("2030-01-01"):
        assert time.time_ns() == 1_893_456_000_000_000_000
    assert time.time_ns() == clock.now_us * 1000


def test_real_time_is_back_afterwards():
    before = time.time()
    clock = Clock()
    with stopped(clock):
        assert time.time() == START_MS / 1000
    assert time.time() >= before
    assert freezegun.api.fake_time_ns.__module__ == "freezegun.api"


def test_real_time_is_back_after_a_failure():
    with pytest.raises(OSError, match="in between"), stopped(Clock()):
        raise OSError("in between")
    assert time.time() > START_MS / 1000


def test_an_asyncio_sleep_still_ends(clock):
    asyncio.run(asyncio.wait_for(asyncio.sleep(0.001), timeout=5))


def test_a_thread_can_still_be_waited_for_with_a_deadline(clock):
    assert not threading.Event().wait(0.001)


def test_a_client_signs_with_the_time_of_the_clock(clock):
    import ccxt

    binance = ccxt.binance({"apiKey": "k", "secret": "s"})
    clock.advance(12.345)
    signed = binance.sign("account", ["private"], "GET", {})
    assert f"timestamp={START_MS + 12_345}" in signed["url"]


def test_the_clock_and_the_venue_are_one_time(clock, venue):
    clock.advance(5)
    assert venue.now_ms == clock.now_ms
    venue.advance(5)
    assert venue.now_ms == clock.now_ms == START_MS + 10_000


@pytest.mark.venue(crowd=True)
def test_a_crowd_trades_as_the_clock_advances(clock, venue):
    before = venue.book("BTC/USDT")
    clock.advance(30)
    assert venue.book("BTC/USDT") != before


REFUSED = """
def test_together(clock, venue_server): pass
def test_the_other_way_round(venue_server, clock): pass
def test_late(clock, request): request.getfixturevalue("venue_server")
def test_late_the_other_way_round(venue_server, request): request.getfixturevalue("clock")
"""


def reasons(text: str, sentence: str) -> int:
    """How often it stands in the reports of the tests: the summary repeats it whole under CI, cut elsewhere."""
    return text.partition("short test summary info")[0].count(sentence)


def test_a_stopped_clock_and_real_sockets_are_refused_with_the_reason(pytester):
    pytester.makepyfile(REFUSED)
    result = pytester.runpytest()
    result.assert_outcomes(errors=2, failed=2)
    text = result.stdout.str()
    assert reasons(text, "clock and venue_server can't be used in one test.") == 4
    assert reasons(text, "refuse requests that are signed with a stopped time as too old") == 4


def test_without_freezegun_the_error_says_what_to_install(pytester):
    pytester.makepyfile(
        """
        import sys
        import pytest

        @pytest.fixture(autouse=True)
        def no_freezegun(monkeypatch):
            monkeypatch.setitem(sys.modules, "freezegun", None)

        def test_it(clock):
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*`clock` needs freezegun*pip install 'ganglion[[]test[]]'*"])


def test_how_long_a_test_took_is_still_measured_in_real_time(pytester):
    pytester.makepyfile("def test_it(clock): clock.advance(3600)")
    reports = pytester.inline_run().getreports("pytest_runtest_logreport")
    assert [report.when for report in reports] == ["setup", "call", "teardown"]
    assert all(0 <= report.duration < 60 for report in reports)

"""What goes wrong at a venue, on real ccxt: a clear error, the right directive, and everybody else goes on."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ganglion.actors.exchange.ccxt.settings import CcxtSettings, Credentials
from ganglion.messages.degraded import Degraded
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, EpochOpened, HaltAccount, VenuePaused
from ganglion.messages.market import BookInvalid, BookSnapshot
from ganglion.messages.orders import (
    AccountRead,
    CancelAnswered,
    LookUpDone,
    LookUpOrder,
    OrderSeen,
    Phase,
    PlaceAnswered,
    PlaceVerdict,
    ReadAccount,
)
from ganglion.messages.values import Side
from ganglion.simulation.venue import VenueControl, VenueProcess
from tests.actors.exchange.bench import Line, binance_settings, binance_venue


@pytest.fixture(scope="module")
def shared_venue() -> Iterator[VenueControl]:
    with binance_venue() as control:
        yield control


@pytest.fixture
def venue(shared_venue: VenueControl) -> Iterator[VenueControl]:
    yield shared_venue
    shared_venue.clear()


@pytest.fixture
def line(venue: VenueControl) -> Iterator[Line]:
    with Line(binance_settings(venue.base_url)) as line:
        line.live()
        yield line


def low(line: Line) -> str:
    return str(round(line.until(BookSnapshot).bids[0][0] * 0.9))


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_unreachable_host_keeps_probing_and_never_restarts() -> None:
    with Line(binance_settings(f"http://127.0.0.1:{unused_port()}")) as line:
        line.until(ConnectionChanged, lambda m: m.state is ConnectionState.CONNECTING)
        assert line.system.wait_for(lambda: "ExchangeNotAvailable" in line.incarnations[-1].arm.connection.reason, 5)
        answer = line.placed("g0nobody", Side.BUY, "1", "1")
        assert answer.verdict is PlaceVerdict.DENIED
        assert len(line.incarnations) == 1


def test_a_wrong_key_stops_the_venue_and_halts_with_a_text_that_names_no_secret(venue: VenueControl) -> None:
    wrong = Credentials(key="nobody-knows-me", secret="wrong-secret")
    with Line(binance_settings(venue.base_url, credentials=wrong)) as line:
        halt = line.until(HaltAccount)
        assert "AuthenticationError" in halt.cause
        assert "nobody-knows-me" not in repr(line.all(ConnectionChanged)) + halt.cause
        line.until(ConnectionChanged, lambda m: m.state is ConnectionState.DOWN and "operator" in m.reason)
        assert len(line.incarnations) == 1
        assert line.placed("g0denied", Side.BUY, "1", "1").verdict is PlaceVerdict.DENIED


def test_an_unknown_symbol_is_parked_with_near_matches_and_the_others_go_on(venue: VenueControl) -> None:
    with Line(binance_settings(venue.base_url, symbols=("BTC/USDT", "BTC/USDTT"))) as line:
        parked = line.until(BookInvalid, lambda m: m.symbol == "BTC/USDTT")
        assert "did you mean BTC/USDT?" in parked.reason
        line.live()
        assert line.until(BookSnapshot).symbol == "BTC/USDT"
        refused = line.placed("g0typo", Side.BUY, "1", "1", symbol="BTC/USDTT")
        assert refused.failure is not None
        assert refused.failure.error == "SymbolStopped"


@pytest.mark.parametrize("body", ["html", "garbage", "empty", "{}"])
def test_a_200_that_is_no_reply_never_counts_as_an_empty_account(line: Line, venue: VenueControl, body: str) -> None:
    venue.fault("answer", requests="query", status=200, body=body, times=50)
    line.exchange.tell(LookUpOrder("g0never", None, "BTC/USDT", 0))
    done = line.until(LookUpDone)
    assert done.failure is not None
    assert done.failure.error == "BadResponse"
    assert not done.counts


@pytest.mark.parametrize("body", ["html", "garbage", "empty", "{}"])
def test_a_place_answered_by_no_reply_is_unknown(line: Line, venue: VenueControl, body: str) -> None:
    venue.fault("answer", requests="place", status=200, body=body)
    answer = line.placed("g0unread", Side.BUY, "0.01", low(line))
    assert answer.failure is not None
    assert answer.failure.error == "BadResponse"
    assert answer.verdict is PlaceVerdict.RECONCILE


def test_a_503_on_a_place_is_unknown_even_with_a_whole_reply(line: Line, venue: VenueControl) -> None:
    venue.fault("answer", requests="place", status=503)
    answer = line.placed("g0gone", Side.BUY, "0.01", low(line))
    assert answer.failure is not None
    assert (answer.failure.error, answer.failure.phase) == ("ExchangeNotAvailable", Phase.AFTER_REPLY)
    assert answer.verdict is PlaceVerdict.RECONCILE


def test_a_429_pauses_places_for_as_long_as_the_venue_says(line: Line, venue: VenueControl) -> None:
    venue.fault("answer", requests="place", status=429, retry_after_s=1)
    answer = line.placed("g0busy1", Side.BUY, "0.01", low(line))
    assert answer.verdict is PlaceVerdict.REJECTED, "this venue refuses rate limits at its gateway"
    paused = line.until(VenuePaused)
    refused = line.placed("g0busy2", Side.BUY, "0.01", low(line))
    assert refused.failure is not None
    assert (refused.failure.error, refused.verdict) == ("VenuePaused", PlaceVerdict.DENIED)
    assert line.system.wait_for(lambda: line.system.clock.monotonic_s() > paused.until_s, 5)
    placed = line.placed("g0busy3", Side.BUY, "0.01", low(line))
    assert placed.order is not None
    line.cancel("g0busy3")
    assert line.until(CancelAnswered).failure is None


def test_garbage_on_the_user_stream_ends_it_loudly_and_opens_a_new_epoch(line: Line, venue: VenueControl) -> None:
    first = line.all(EpochOpened)[-1].epoch
    venue.fault("garbage", stream="user*")
    line.place("g0garbage", Side.BUY, "0.01", low(line))
    line.until(PlaceAnswered)
    lost = line.until(ConnectionChanged, lambda m: m.state is ConnectionState.CONNECTING and m.epoch == first)
    assert "unreadable frame '\\x00<garbage>" in lost.reason
    line.until(EpochOpened, lambda m: m.epoch > first)
    line.cancel("g0garbage")
    line.until(CancelAnswered)
    assert len(line.incarnations) == 1


def test_garbage_on_a_book_stream_invalidates_that_book_and_brings_a_new_snapshot(
    line: Line, venue: VenueControl
) -> None:
    line.until(BookSnapshot)
    venue.fault("garbage", stream="*depth*")
    line.until(BookInvalid, lambda m: "disconnected" in m.reason)
    known = len(line.all(BookInvalid))
    line.until(BookSnapshot, lambda m: m.sequence > line.all(BookSnapshot)[0].sequence)
    assert known
    assert line.state is ConnectionState.LIVE, "a book's trouble is its own"


def test_a_gap_in_the_depth_stream_brings_a_new_snapshot(line: Line, venue: VenueControl) -> None:
    first = line.until(BookSnapshot)
    venue.fault("gap", stream="*depth*")
    line.until(BookSnapshot, lambda m: m.sequence > first.sequence)
    assert line.state is ConnectionState.LIVE


def test_a_silent_book_stream_is_dropped_only_when_the_venues_book_differs(venue: VenueControl) -> None:
    with Line(binance_settings(venue.base_url), silent_s=0.6) as line:
        line.live()
        first = line.until(BookSnapshot)
        venue.fault("freeze", stream="*depth*", seconds=60)
        polled = line.until(Degraded, lambda m: m.what == "book BTC/USDT")
        assert "silent" in polled.reason
        read = line.until(BookSnapshot, lambda m: m.sequence == 0)
        assert read.received_s <= line.system.clock.monotonic_s()
        venue.clear()
        line.until(BookSnapshot, lambda m: m.sequence > first.sequence)
        line.until(Degraded, lambda m: m.what == "book BTC/USDT" and not m.reason)
        assert not line.all(BookInvalid), "it was fed throughout"


def test_an_account_that_comes_back_empty_is_halted_with_that_cause(line: Line, venue: VenueControl) -> None:
    epoch = line.all(EpochOpened)[-1].epoch
    line.exchange.tell(ReadAccount(epoch, ("BTC/USDT",), 0))
    assert line.until(AccountRead).settled
    venue.fault("empty_account", times=20)
    line.exchange.tell(ReadAccount(epoch, ("BTC/USDT",), 0))
    halt = line.until(HaltAccount)
    assert "comes back empty" in halt.cause
    assert not line.until(AccountRead, lambda m: m.failure is not None).settled


def test_a_clock_that_is_off_is_read_again_and_the_place_was_refused(line: Line, venue: VenueControl) -> None:
    venue.clock(20_000)
    try:
        answer = line.placed("g0clock1", Side.BUY, "0.01", low(line))
        assert answer.failure is not None
        assert answer.failure.error == "InvalidNonce"
        assert answer.verdict is PlaceVerdict.REJECTED
        number = iter(range(2, 50))

        def accepted() -> bool:
            return line.placed(f"g0clock{next(number)}", Side.BUY, "0.01", low(line)).order is not None

        assert line.system.wait_for(accepted, 5)
    finally:
        venue.clock(0)


def test_too_many_failures_of_the_connection_spend_no_restart_budget(line: Line, venue: VenueControl) -> None:
    for _ in range(4):
        epochs = len(line.all(EpochOpened))
        venue.drop_sockets()
        assert line.system.wait_for(lambda known=epochs: len(line.all(EpochOpened)) > known, 20)
    assert len(line.incarnations) == 1


def failing(settings: CcxtSettings) -> Any:
    """What the supervisor makes of an arm that cannot be made."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 (the text is asserted by the caller)
        Line(settings)
    return caught.value


def test_an_unknown_exchange_id_is_said_with_near_matches(venue: VenueControl) -> None:
    error = failing(binance_settings(venue.base_url, id="binanse"))
    assert "did you mean binance" in str(error)


def test_a_real_exchange_is_not_reached_without_live(venue: VenueControl) -> None:
    error = failing(binance_settings(venue.base_url, ccxt={}))
    assert "live = true" in str(error)


def test_a_killed_venue_process_brings_its_arm_back_within_ten_seconds_of_its_return(tmp_path: Path) -> None:
    arguments = ("--symbols", "BTC/USDT", "--account", "demo:demo-secret", "--state", str(tmp_path))
    with VenueProcess(arguments) as process, Line(binance_settings(process.base_url)) as line:
        first = line.live()
        process.kill()
        line.until(ConnectionChanged, lambda m: m.state is ConnectionState.CONNECTING and m.epoch == first.epoch)
        assert line.placed("g0dead", Side.BUY, "0.01", "1000").verdict is PlaceVerdict.DENIED
        assert line.system.wait_for(lambda: "ExchangeNotAvailable" in line.incarnations[-1].arm.connection.reason, 10)
        process.start()
        line.until(EpochOpened, lambda m: m.epoch > first.epoch, timeout_s=10.0)
        assert len(line.incarnations) == 1


def test_a_gate_is_checked_again_before_each_single_request(venue: VenueControl) -> None:
    urls = {"api": {"public": f"{venue.base_url}/api/v3"}}  # everything else still points at the real exchange
    with Line(binance_settings(venue.base_url, ccxt={"urls": urls})) as line:
        halted = line.until(ConnectionChanged, lambda m: m.state is ConnectionState.DOWN)
        assert "live = true" in halted.reason


def test_a_sandbox_passes_the_gate_and_this_machines_switch_still_holds_it(venue: VenueControl) -> None:
    with Line(binance_settings(venue.base_url, ccxt={}, sandbox=True)) as line:
        assert line.system.wait_for(lambda: "ExchangeNotAvailable" in line.incarnations[-1].arm.connection.reason, 10)


def test_a_book_stream_that_is_never_acknowledged_is_connected_again(venue: VenueControl) -> None:
    venue.fault("no_ack", stream="*depth*", times=1)
    with Line(binance_settings(venue.base_url, book_wait_s=0.5), trades=False) as line:
        assert "no book within" in line.until(BookInvalid).reason
        line.live()
        assert line.until(BookSnapshot).bids


def test_a_user_stream_that_falls_silent_is_found_out_by_polling_and_connected_again(venue: VenueControl) -> None:
    with Line(binance_settings(venue.base_url), account_poll_s=0.4) as line:
        first = line.live()
        venue.fault("freeze", stream="user*", seconds=60)
        line.placed("g0silent", Side.BUY, "0.01", low(line))
        line.until(OrderSeen, lambda m: m.order.client_id == "g0silent")
        lost = line.until(ConnectionChanged, lambda m: m.state is ConnectionState.CONNECTING and m.epoch == first.epoch)
        assert "never told" in lost.reason
        venue.clear()
        line.until(EpochOpened, lambda m: m.epoch > first.epoch)
        line.cancel("g0silent")
        line.until(CancelAnswered)


def test_no_log_line_of_anybody_shows_a_secret_even_at_level_debug(
    venue: VenueControl, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with Line(binance_settings(venue.base_url, credentials=Credentials(key="demo", secret="demo-secret"))) as line:
        line.live()
        line.placed("g0logged", Side.BUY, "0.01", low(line))
        venue.drop_sockets()
        line.until(EpochOpened, lambda m: m.reason == "reconnect")
    out, error = capsys.readouterr()
    shown = out + error + caplog.text
    assert "connection" in shown
    assert not [secret for secret in ("demo-secret", "X-MBX-APIKEY", "signature=") if secret in shown]

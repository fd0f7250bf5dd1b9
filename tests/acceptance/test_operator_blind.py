"""An operator at a bot that was started while its venue is down: it says what the journal knows, keeps every wish."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganglion.bot.errors import ExitCode
from ganglion.simulation.venue import VenueControl, VenueProcess
from tests.acceptance.test_operator import Running

FAILED = ExitCode.FAILED


class Blind(Running):
    """The bot and what it had when it and its venue were killed."""

    venue: VenueProcess
    open_before: int
    fills_before: int


@pytest.fixture(scope="module")
def bot(folder: Path, beta: VenueControl) -> Iterator[Blind]:
    with VenueProcess(["--seed", "1", "--state", str(folder / "alpha")]) as venue:
        running = Blind(folder, venue.control, beta)
        running.venue = venue
        try:
            running.wait((running.data / "control.sock").exists, "the control socket")
            running.wait(lambda: running.trades("grid") and running.row("accounts", "alpha")["fills"], "it trades")
            running.say("halt", "alpha", "--yes")
            before = running.row("accounts", "alpha")
            running.open_before, running.fills_before = before["open_orders"], before["fills"]
            venue.kill()
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
            running.start()
            running.wait(lambda: _read(running), "the journal was read")
            yield running
        finally:
            running.process.kill()
            running.process.wait()


def _read(running: Running) -> bool:
    try:
        return bool(running.row("accounts", "alpha")["known"])
    except (KeyError, StopIteration, ValueError):
        return False  # it starts


def test_status_shows_what_the_journal_holds_and_says_so(bot: Blind):
    row = bot.row("accounts", "alpha")
    assert bot.open_before > 0
    assert (row["open_orders"], row["fills"]) == (bot.open_before, bot.fills_before)
    assert row["unsettled"]
    shown = bot.say("status", code=ExitCode.HALTED)
    assert "alpha is not reconciled yet, what the journal says is shown" in shown
    assert f"{bot.open_before} (journal)" in shown


def test_orders_lists_them_marked_and_fails(bot: Blind):
    rows = bot.ask("orders", "alpha", code=FAILED)
    assert len(rows) == bot.open_before
    assert all(row["unsettled"] for row in rows)
    assert "as of the journal, not reconciled yet: alpha" in bot.say("orders", "alpha", code=FAILED)


@pytest.mark.parametrize("what", [("cancel-all", "alpha"), ("halt", "alpha", "--cancel"), ("flatten", "alpha")])
def test_no_command_says_that_nothing_is_open_or_held(bot: Blind, what: tuple[str, ...]):
    told = bot.say(*what, "--yes", "--timeout", "0.5", code=FAILED)
    assert "alpha is not reconciled yet" in told
    assert f"{bot.open_before} may be open still: they stay wanted" in told
    assert "there were no" not in told
    assert "nothing to sell" not in told


def test_what_was_asked_for_is_done_once_the_venue_is_back(bot: Blind):
    bot.venue.start()
    bot.wait(lambda: not bot.row("accounts", "alpha")["unsettled"], "it is reconciled")
    bot.wait(lambda: not bot.open_at_venue(), "every order is cancelled")
    assert "there were no open orders in alpha" in bot.say("cancel-all", "alpha", "--yes")
    assert bot.ask("orders", "alpha") == []


def test_reducing_what_is_halted_does_not_pretend_to(bot: Blind):
    told = bot.say("reduce", "alpha", code=FAILED)
    assert "it stays halted: `ganglion resume alpha`, then `ganglion reduce alpha`" in told


def test_a_resume_that_lifts_nothing_lists_what_still_stands(bot: Blind):
    told = bot.say("resume", code=FAILED)
    assert "alpha is still halted" in told
    assert "active already" not in told

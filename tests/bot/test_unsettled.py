"""What status and live view say of an account that is not reconciled, paused, or that violated an invariant."""

from pathlib import Path

import pytest

from ganglion.bot.control import shows
from ganglion.bot.control.client import FolderUnknownError, find_folder
from ganglion.bot.control.protocol import AccountRow, ModeRow, StatusRow
from ganglion.bot.live_view import render, render_compact
from ganglion.messages.account import LedgerRead, OpenOrder, PortfolioView, Reconciled
from ganglion.messages.lifecycle import ConnectionChanged, ConnectionState, MarketPaused, VenuePaused, Violation
from tests.bot.test_looks import BTC, Collected, filled, shown, update


@pytest.fixture
def collected():
    found = Collected()
    yield found
    found.system.stop()


def moved(state=ConnectionState.LIVE, epoch=1, reason=""):
    return ConnectionChanged("alpha", state, epoch, reason, 0.0)


def journal(*orders, trouble="", fills=()):
    return LedgerRead("alpha", tuple(map(OpenOrder, orders)), fills, trouble)


def reconciled(epoch=1):
    view = PortfolioView("alpha", epoch, 1, (), reconciled=True, halted=None)
    return view, Reconciled("alpha", epoch, True, (), 0.0)


def alpha(collected):
    return collected.status().exchanges[0]


# ---------------------------------------------------------------- not reconciled


def test_before_the_journal_was_read_nothing_is_known(collected):
    view = alpha(collected)
    assert (view.known, view.unsettled) == (False, "its journal was not read yet")


def test_what_the_journal_says_is_counted_and_marked(collected):
    collected.tell(journal(update("i1"), update("i2"), fills=(filled("t1", "100", "0.5"),)))
    collected.tell(moved(ConnectionState.CONNECTING, reason="refused"))
    view = alpha(collected)
    assert (view.known, view.fills, view.markets[0].open_orders) == (True, 1, 2)
    assert view.unsettled == "its venue is connecting: refused"


def test_a_reconciled_account_is_not_marked_until_its_next_epoch(collected):
    collected.tell(journal(), moved(), *reconciled())
    assert alpha(collected).unsettled == ""
    collected.tell(moved(epoch=2))
    assert alpha(collected).unsettled == "it is being reconciled"
    collected.tell(*reconciled(2))
    assert alpha(collected).unsettled == ""


def test_a_damaged_journal_marks_even_what_was_reconciled(collected):
    collected.tell(journal(trouble="segment 3 is cut"), moved(), *reconciled())
    assert "segment 3 is cut" in alpha(collected).unsettled


# ---------------------------------------------------------------- pauses and violations


def test_a_pause_is_shown_until_it_is_over(collected):
    now_s = collected.system.clock.monotonic_s()
    collected.tell(VenuePaused("alpha", now_s + 60, "RateLimitExceeded: 418"))
    collected.tell(VenuePaused("alpha", now_s + 5, "a shorter one"), MarketPaused("alpha", BTC, now_s + 30, "closed"))
    whole, market = alpha(collected).paused
    assert (whole.symbol, whole.reason, market.symbol) == ("", "RateLimitExceeded: 418", BTC)
    assert whole.until_ms - collected.system.clock.now_ms() == pytest.approx(60_000, abs=500)
    status, tree = collected.status(), collected.system.tree()
    assert "paused until" in shown(render(status, tree, title="t"))
    collected.tell(journal(), moved(), *reconciled())
    assert "paused until" in shown(render_compact(collected.status(), tree, title="t", height=40))
    collected.system.run_for(61)
    assert alpha(collected).paused == ()


def test_a_violation_that_repeats_is_shown_once_with_its_time_and_count(collected):
    collected.tell(Violation("I4", "alpha", "ORPHAN"), Violation("I6", "alpha", "differs"))
    collected.system.run_for(10)
    collected.tell(Violation("I4", "alpha", "ORPHAN"))
    newest, older = collected.status().violated
    assert (newest.text, newest.count, older.text, older.count) == ("ORPHAN", 2, "differs", 1)
    assert newest.last_ms - newest.first_ms >= 10_000
    assert len(collected.status().violations) == 3


# ---------------------------------------------------------------- printed


def account(**more):
    fields = {"connection": "live", "reason": "", "trading": "active", "halted": "", "reconciled": True, "epoch": 1}
    return AccountRow("alpha", **fields | {"balances_equal": True, "open_orders": 0, "fills": 0, "balances": {}} | more)


def mode(name="grid", trading="active", **more):
    return ModeRow(name, "alpha", BTC, "running", trading, 0, 0, 0, 0, 0, "0", **more)


def printed(capsys, accounts, modes=(), violated=(), trading="active"):
    shows.show_status(StatusRow("b", 1, 1.0, trading, (), accounts, modes, (), (), violated))
    return capsys.readouterr().out


def test_one_halted_mode_does_not_make_the_whole_bot_halted(capsys):
    out = printed(capsys, (account(),), (mode(), mode("maker", "halted")), trading="halted")
    assert out.splitlines()[0].endswith("partly active: 1 mode halted")


def test_a_bot_of_which_all_is_halted_is_halted(capsys):
    out = printed(capsys, (account(trading="halted"),), (mode(trading="halted"),), trading="halted")
    assert out.splitlines()[0].endswith("halted")
    assert "partly" not in out


def test_what_is_not_known_is_no_zero(capsys):
    unknown = account(unsettled="its journal was not read yet", known=False, reconciled=False, balances_equal=None)
    out = printed(capsys, (unknown,), (mode(known=False),))
    assert "not reconciled yet, nothing is known of it yet" in out
    assert out.count("?") == 5
    assert "+0.00" not in out


def test_violations_beyond_the_shown_are_counted(capsys, collected):
    for number in range(5):
        collected.tell(Violation("I4", "alpha", f"text {number}"))
    out = printed(capsys, (account(),), violated=collected.status().violated)
    assert "alpha I4: text 4" in out.splitlines()[1]
    assert "2 more violations: ganglion journal show" in out
    assert "text 1" not in out


def test_a_folder_that_is_no_bots_is_told_apart(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(FolderUnknownError, match="photos is no bot's folder"):
        find_folder(tmp_path / "photos", None, tmp_path)
    (tmp_path / "photos" / "lock").touch()
    assert find_folder(tmp_path / "photos", None, tmp_path) == tmp_path / "photos"

"""The demo: its script and its judgement, and the whole of it as a person starts it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from ganglion.bot.demo.checks import Evidence, checks
from ganglion.bot.demo.report import report, verdict
from ganglion.bot.demo.scenario import SCRIPT, Crash, DropSockets, HideFill, Kill, Refuse, Return, script
from ganglion.bot.demo.stage import Books, Refused
from ganglion.bot.demo.story import Played, hurt_span, outcome
from ganglion.bot.demo.view import Picture, draw
from ganglion.bot.demo.witness import Life, Move, longest_gap_s
from ganglion.bot.demo.witness import Testimony as Heard  # pytest would take the name for a test's
from ganglion.bot.summary import ExchangeSummary, ModeSummary, Summary
from ganglion.bot.views import BalanceView, ExchangeView, ModeView, Status
from ganglion.messages.lifecycle import CellState, ConnectionState
from ganglion.supervision import CellInfo, Tree

LIVE, CONNECTING = ConnectionState.LIVE, ConnectionState.CONNECTING
COMMAND = [sys.executable, "-c", "from ganglion.bot.cli import main; main()", "demo", "--for", "12s"]
TOTAL = Decimal("1.50")


def heard(**changed: object) -> Heard:
    """Of a demo in which everything went as it should: alpha lost its sockets at 1, beta's venue died at 10."""
    every = tuple(number / 10 for number in range(200))
    whole = Heard(
        books={"alpha": every, "beta": every},
        fills={"alpha": (5.0, 12.0), "beta": (2.0,)},
        orders={"alpha": (5.0,), "beta": (2.0,)},
        reconciled={"alpha": (0.0, 3.2), "beta": (0.0, 14.0)},
        moves=(
            Move("alpha", LIVE, "start", 0.0),
            Move("beta", LIVE, "start", 0.0),
            Move("alpha", CONNECTING, "lost", 1.1),
            Move("alpha", LIVE, "reconnect", 3.0),
            Move("beta", CONNECTING, "lost", 10.0),
            Move("beta", LIVE, "reconnect", 13.9),
        ),
        lives=(
            Life("/bot/alpha/books/BTC-USDT", runs=True, at_s=8.2),
            Life("/bot/modes/alpha-grid", runs=True, at_s=9.1),
        ),
    )
    return Heard(**({name: getattr(whole, name) for name in whole.__struct_fields__} | changed))


def played() -> list[Played]:
    times = {DropSockets: [1.0], Refuse: [4.0, 6.0], Crash: [8.0, 9.0], Kill: [10.0], Return: [12.0]}
    scenes = []
    for scene in SCRIPT:
        refused = Refused(3, 0) if isinstance(scene.deed, Refuse) else None
        scenes.append(Played(scene, times[type(scene.deed)].pop(0), refused))
    return scenes


def evidence(testimony: Heard | None = None, **changed: object) -> Evidence:
    balances = {"BTC": BalanceView(TOTAL, Decimal(0), TOTAL)}
    exchanges = tuple(
        ExchangeView(name, "live", "", {}, 1, {}, 7, balances, (), "", True, 1, balances_equal=True, differences=())
        for name in ("alpha", "beta")
    )
    modes = tuple(
        ModeView(f"{arm}-{kind}", arm, "BTC/USDT", 3, 2, Decimal("0.5"), 0, "")
        for arm in ("alpha", "beta")
        for kind in ("maker", "grid")
    )
    summary = Summary(
        seconds=20.0,
        messages=1000,
        actors=31,
        restarts=2,
        dead_letters={"Tick": 1},
        invariant_violations=0,
        violations=(),
        exchanges={name: ExchangeSummary("live", {"live": 19.0}, 1, 1, 300, {}, 7, {}) for name in ("alpha", "beta")},
        modes={mode.name: ModeSummary(str(CellState.RUNNING), 0, 3, 2, "0.5") for mode in modes},
    )
    whole = Evidence(
        played=played(),
        heard=testimony or heard(),
        status=Status(20.0, exchanges, modes, (), {}, (), ()),
        summary=summary,
        venues={name: Books({"BTC": TOTAL}, 7, 0) for name in ("alpha", "beta")},
        drained=True,
        end_s=19.0,
    )
    return replace(whole, **changed)


def failed(found: Evidence) -> list[str]:
    return [check.what for check in checks(found) if not check.good]


# ------------------------------------------------------------------ the script


def test_a_shorter_demo_is_the_same_script_played_faster():
    full, short = script(), script(12.0)
    assert [scene.title for scene in full] == [scene.title for scene in short]
    assert [round(scene.at_s * 0.4, 6) for scene in full] == [round(scene.at_s, 6) for scene in short]


def test_the_script_hurts_in_every_way_that_the_demo_promises():
    deeds = [scene.deed for scene in script()]
    assert {DropSockets, Refuse, Crash, Kill, Return} == {type(deed) for deed in deeds}
    assert {deed.status for deed in deeds if isinstance(deed, Refuse)} == {503, 429}
    crashed = [deed.path for deed in deeds if isinstance(deed, Crash)]
    assert any("/books/" in path for path in crashed)
    assert any("/modes/" in path for path in crashed)


def test_a_fill_is_hidden_on_request_only():
    assert not any(isinstance(scene.deed, HideFill) for scene in script())
    assert any(isinstance(scene.deed, HideFill) for scene in script(hide_fill=True))


# ------------------------------------------------------------------ what was heard


def test_the_longest_silence_counts_its_edges():
    assert longest_gap_s((1.0, 2.0, 9.0), 0.0, 10.0) == 7.0
    assert longest_gap_s((), 0.0, 10.0) == 10.0
    assert longest_gap_s((4.0,), 1.0, 5.0) == 3.0
    assert longest_gap_s((-5.0, 50.0), 0.0, 10.0) == 10.0


def test_an_arm_trades_once_it_is_reconciled_after_it_became_live():
    assert heard().trades("alpha")
    assert not heard(reconciled={"alpha": (0.0, 2.9), "beta": (0.0,)}).trades("alpha")
    assert not heard(moves=()).trades("alpha")


def test_an_outcome_is_open_until_the_arm_can_trade_again():
    sockets = played()[0]
    assert outcome(sockets, heard(moves=()), 2.0).text == "not noticed yet"
    away = outcome(sockets, heard(reconciled={"alpha": (), "beta": ()}), 3.1)
    assert (away.text, away.settled) == ("left Live, away for 2 s", False)
    back = outcome(sockets, heard(), 4.0)
    assert (back.text, back.settled) == ("left Live, back after 2.2 s", True)


def test_one_arm_is_hurt_until_the_others_turn_comes():
    assert hurt_span(played(), "alpha", heard(), 19.0) == (1.0, 10.0)
    assert hurt_span(played(), "beta", heard(), 19.0) == (10.0, 14.0)
    assert hurt_span([], "beta", heard(), 19.0) is None


# ------------------------------------------------------------------ the judgement


def test_all_checks_hold_where_everything_went_well():
    assert failed(evidence()) == []


def test_a_balance_that_differs_in_its_last_digit_fails():
    venues = {"alpha": Books({"BTC": TOTAL + Decimal("1e-8")}, 7, 0), "beta": Books({"BTC": TOTAL}, 7, 0)}
    assert failed(evidence(venues=venues)) == ["alpha: balances equal the venue's to the last digit"]


def test_a_fill_that_only_the_venue_knows_fails():
    venues = {"alpha": Books({"BTC": TOTAL}, 8, 0), "beta": Books({"BTC": TOTAL}, 7, 0)}
    assert failed(evidence(venues=venues)) == ["alpha: every fill counted exactly once"]


def test_an_order_left_at_the_venue_fails():
    venues = {"alpha": Books({"BTC": TOTAL}, 7, 1), "beta": Books({"BTC": TOTAL}, 7, 0)}
    assert failed(evidence(venues=venues)) == ["alpha: no order left behind"]


def test_a_neighbour_that_fell_silent_fails():
    quiet = tuple(at_s for at_s in heard().books["beta"] if not 4.0 < at_s < 7.0)
    found = failed(evidence(heard(books={"alpha": heard().books["alpha"], "beta": quiet})))
    assert found == ["beta: traded on while alpha was hurt"]


def test_an_arm_that_never_came_back_fails():
    moves = tuple(move for move in heard().moves if move.at_s < 13.0)
    assert "beta: back by itself after its venue's return" in failed(evidence(heard(moves=moves)))


def test_an_actor_that_was_not_restarted_fails():
    lives = heard().lives[:1]
    assert failed(evidence(heard(lives=lives))) == ["modes/alpha-grid: crashed and was restarted"]


def test_a_refusal_that_met_nobody_or_was_not_respected_fails():
    for refused in (Refused(0, 0), Refused(2, 1)):
        scenes = [replace(one, refused=refused) if one.at_s == 6.0 else one for one in played()]
        assert failed(evidence(played=scenes)) == ["alpha: was answered 429 and went on"]


def test_the_report_names_each_check_and_says_what_a_failed_one_means():
    found = checks(evidence(venues={"alpha": Books({"BTC": TOTAL}, 8, 0), "beta": Books({"BTC": TOTAL}, 7, 0)}))
    out = Console(width=160, record=True, file=io.StringIO())
    out.print(report(evidence(), found, 0.0))
    text = out.export_text()
    assert "✘  alpha: every fill counted exactly once" in text
    assert "a fill was lost or counted twice" in text
    assert "Tick 1" in text
    assert "longest silence" in text
    assert verdict(found).plain == f"1 of {len(found)} checks failed; exit code 1."


def test_the_report_needs_no_more_than_ascii_where_there_is_no_more():
    out = Console(width=160, record=True, file=io.StringIO())
    found = checks(evidence())
    out.print(report(evidence(), found, 0.0, plain=True))
    assert out.export_text().isascii()


@pytest.mark.parametrize(("width", "height", "small"), [(160, 50, False), (80, 24, True)])
def test_the_picture_fits_its_terminal(width: int, height: int, *, small: bool):
    tree = Tree(CellInfo("/", "Root", CellState.RUNNING, 1, 0, None, 0, 0), (), {})
    picture = Picture(script(), tuple(played()[:1]), heard(), evidence().status, tree, 4.0, 0.0, "the script")
    out = Console(width=width, height=height, record=True, file=io.StringIO())
    out.print(draw(picture, small=small))
    lines = out.export_text().splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert any("left Live, back after 2.2 s" in line for line in lines)
    assert any("alpha: the venue answers 503" in line for line in lines)


# ------------------------------------------------------------------ the whole of it


def test_the_demo_survives_its_script_and_its_books_agree_with_the_venues(tmp_path: Path):
    file = tmp_path / "summary.json"
    done = subprocess.run([*COMMAND, "--summary", str(file)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✘" not in done.stdout
    for title in (scene.title for scene in script()):
        assert title in done.stdout
    assert "Traceback" not in done.stderr
    assert "never retrieved" not in done.stderr
    summary = json.loads(file.read_text())
    assert summary["restarts"] >= 2
    assert summary["invariant_violations"] == 0
    assert all(exchange["fills"] and exchange["reconnects"] for exchange in summary["exchanges"].values())


def test_the_demo_fails_when_one_fill_is_hidden_from_the_bot():
    done = subprocess.run([*COMMAND, "--hide-fill"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✘  alpha: every fill counted exactly once" in done.stdout


def test_a_second_sigint_leaves_no_venue_process_and_no_folder_behind(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "--log", "console"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        assert any("Both arms are Live" in line for line in process.stdout)
        (folder,) = tmp_path.glob("ganglion-demo-*")
        running = [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit()]
        venues = [pid for pid in running if parent_of(pid) == process.pid]
        assert len(venues) >= 2
        # Two of one number at once would be one.
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 130
        until_s = time.monotonic() + 5
        while any(parent_of(pid) is not None for pid in venues) and time.monotonic() < until_s:
            os.sched_yield()
        assert [pid for pid in venues if parent_of(pid) is not None] == []
        assert not folder.exists()
    finally:
        process.kill()
        process.communicate()


def parent_of(pid: int) -> int | None:
    """The parent of a process that runs; None of one that is gone or only waits to be reaped."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else int(parent)

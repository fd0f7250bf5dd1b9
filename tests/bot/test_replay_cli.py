"""`ganglion replay`: says what it took its argument for, steps through it, and refuses what it can't replay."""

import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ganglion.actors.trading.orders import records as r
from ganglion.bot import recipes, tape_replay
from ganglion.bot.cli import app
from ganglion.bot.errors import ExitCode
from ganglion.bot.replaying import short
from ganglion.bot.tape import HEADER, TURNS
from ganglion.bot.tape_replay import TapeOutcome
from ganglion.messages.orders import Balance
from ganglion.simulation.campaign import Recipe, Violated
from ganglion.simulation.faults import Fault, FaultKind
from tests.actors.trading.evidence import answered, intent, order, started, trade
from tests.bot.projection.stage import Journal
from tests.simulation.campaign import campaign_toy as toy


def ganglion(*arguments):
    return CliRunner().invoke(app, ["replay", *map(str, arguments)])


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    """Worlds without a market, whose violations depend on their seed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(toy.__file__).parent))
    monkeypatch.setattr(recipes, "MAKE", "campaign_toy:make")


# ---------------------------------------------------------------- what it is


def test_the_help_teaches_with_examples():
    shown = ganglion("--help")
    assert shown.exit_code == 0
    assert "ganglion replay 4711 bot.toml --hours 2" in shown.output


def test_what_is_not_there_is_told_with_what_could_be(tmp_path):
    shown = ganglion("somewhere")
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "somewhere is not there: give a seed (a number), a recipe (a .json file), a tape" in shown.output


def test_a_file_of_another_kind_is_refused(tmp_path):
    Path("notes.txt").write_text("hello")
    shown = ganglion("notes.txt")
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "can't be replayed" in shown.output


def test_a_file_that_is_no_recipe_is_refused():
    Path("odd.json").write_text("[1]")
    shown = ganglion("odd.json")
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "odd.json is no recipe" in shown.output


def test_a_folder_without_a_journal_is_refused(tmp_path):
    shown = ganglion(tmp_path)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "holds no journal" in shown.output


@pytest.mark.parametrize("options", [["bot.toml"], ["--hours", 1], ["--kinds", "kill"]])
def test_what_belongs_to_a_seed_is_refused_beside_anything_else(options):
    Path("x.json").write_text("{}")
    shown = ganglion("x.json", *options)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "x.json is no seed" in shown.output


def test_a_seed_without_a_kind_is_refused():
    shown = ganglion("1", "--hours", 0.01, "--kinds", "")
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "names no kind of fault" in shown.output


@pytest.mark.parametrize("hours", ["nan", "inf", "-inf", "0", "1e9"])
def test_hours_that_no_world_has_are_refused(hours):
    shown = ganglion("3", "--hours", hours)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert f"--hours {float(hours):g}: a world" in shown.output


@pytest.mark.parametrize("seed", ["18446744073709551616", "9" * 5000])
def test_a_seed_that_is_too_large_is_refused(seed):
    shown = ganglion(seed)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "is too large" in shown.output


def test_the_largest_seed_is_replayed():
    assert ganglion("18446744073709551615", "--hours", 0.01).exit_code == 0


def test_digits_of_another_script_are_no_seed():
    assert "² is not there" in ganglion("²").output


@pytest.mark.parametrize("text", ['{"seed": 1, "seconds": -5}', '{"seed": 1, "seconds": 1e300}', '{"seed": -1}'])
def test_a_recipe_with_numbers_that_no_world_has_is_refused(text):
    Path("odd.json").write_text(text)
    shown = ganglion("odd.json")
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "odd.json is no recipe" in shown.output
    assert "not from 0 to" in shown.output


def test_all_and_nothing_at_once_is_refused():
    assert "choose one" in ganglion("1", "--steps", "--quiet").output


# ---------------------------------------------------------------- a world


def test_a_seed_is_replayed_and_ends_with_its_trace_hash():
    shown = ganglion("1", "--hours", 0.01)
    assert shown.exit_code == 0
    assert "seed 1 of the default campaign, 0.01 virtual hours" in shown.output
    assert "nothing was violated" in shown.output
    assert shown.output.rstrip().endswith("trace hash cafe")


def test_every_step_is_told_on_request_from_one_to_another():
    shown = ganglion("1", "--hours", 0.01, "--steps", "--from", 12, "--until", 20)
    lines = [line for line in shown.output.splitlines() if "/bot/alpha/books" in line]
    assert lines[0].split() == ["12", "12.000", "s", "/bot/alpha/books", "dict", "{'step':", "12}"]
    assert len(lines) == 8
    assert "20 steps" in shown.output


def test_messages_that_are_about_no_order_are_told_on_request_only():
    assert "/bot/alpha/books" not in ganglion("1", "--hours", 0.01).output
    assert "/bot/alpha/books" not in ganglion("1", "--hours", 0.01, "--quiet").output


def test_a_recipe_tells_its_faults_as_they_begin_and_what_it_violates():
    violated = Violated(invariant="I3", text="two orders", at_s=100)
    faults = (Fault(at_s=15, kind=FaultKind.BAN, target="alpha", seconds=3),)
    Recipe(seed=toy.VIOLATES, seconds=120, faults=faults, violated=violated).write(Path("found.json"))
    shown = ganglion("found.json", "--quiet")
    assert shown.exit_code == ExitCode.FAILED
    assert f"found.json: a recipe of seed {toy.VIOLATES}, which showed I3" in shown.output
    assert "15       15.000 s  FAULT  15.000 s ban on alpha for 3 s" in shown.output
    assert "violated: I3 alpha at 100.000 s, step 100: two orders of one intent" in shown.output


def test_a_recipe_that_shows_nothing_any_more_says_so():
    Recipe(seed=1, seconds=20, faults=(), violated=Violated(invariant="I3", text="x")).write(Path("old.json"))
    shown = ganglion("old.json")
    assert shown.exit_code == 0
    assert "I3 is not violated any more" in shown.output


def test_a_recipe_that_fits_no_world_cannot_be_run(monkeypatch):
    monkeypatch.setattr(recipes, "MAKE", "campaign_toy:make_nothing")
    Recipe(seed=1, violated=Violated(invariant="I3", text="x")).write(Path("old.json"))
    shown = ganglion("old.json")
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert shown.output.endswith("old.json can't be run: no such venue\n")


def test_a_world_that_breaks_before_it_is_made_is_not_said_to_be_well(monkeypatch):
    monkeypatch.setattr(recipes, "MAKE", "campaign_toy:make_badly")
    Recipe(seed=1, violated=Violated(invariant="I3", text="x")).write(Path("old.json"))
    shown = ganglion("old.json")
    assert shown.exit_code == ExitCode.FAILED
    assert "violated: BROKE" in shown.output
    assert "its world could not be made" in shown.output
    assert "not violated any more" not in shown.output


def test_ctrl_c_ends_a_replay_whose_world_hangs_and_says_where(tmp_path):
    """An actor's fence takes every exception, so one would not end it."""
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path(toy.__file__).parents[3])!r})\n"
        "from ganglion.bot import recipes\n"
        "from ganglion.bot.cli import app\n"
        "recipes.MAKE = 'tests.simulation.campaign.campaign_toy:make'\n"
        f"app(['replay', '{toy.HANGS}', '--hours', '0.01'])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    try:
        told = iter(process.stderr.readline, "")
        assert next(told).startswith(f"seed {toy.HANGS} of the default campaign")
        assert next(told) == "the toy hangs\n"
        process.send_signal(signal.SIGINT)
        assert next(told) == "interrupted at step 0, 0.000 s, in run of campaign_toy.py\n"
        assert process.wait(30) == ExitCode.INTERRUPTED
    finally:
        process.kill()
        process.communicate()


# ---------------------------------------------------------------- a journal


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "test.ganglion")
    journal.write(*started())
    journal.write(answered(order()), r.TradeEvidence(trade(client_id="c1")))
    journal.write(r.Intended(intent("i2", mode="maker"), 2, "c2"), r.Sent("c2", 1))
    yield journal
    journal.log.close()


def test_a_journal_is_replayed_record_by_record_with_its_effect_on_orders(journal):
    shown = ganglion(journal.folder)
    assert shown.exit_code == 0
    assert "the journal in" in shown.output
    assert "-> partially_filled" in shown.output
    assert "alpha: orders: " in shown.output
    assert "1 submitted" in shown.output


def test_a_journal_is_replayed_up_to_a_record_and_quietly(journal):
    whole = ganglion(journal.folder)
    shown = ganglion(journal.folder, "--until", 2)
    assert "2 entries" in shown.output
    assert len(shown.output.splitlines()) < len(whole.output.splitlines())
    assert "intent" not in ganglion(journal.folder, "--quiet").output


def test_a_bots_configuration_stands_for_its_journal(journal, tmp_path):
    (tmp_path / "bot.toml").write_text('[bot]\nname = "test"\n')
    assert "the journal in" in ganglion(tmp_path / "bot.toml").output


@pytest.mark.parametrize("missing", [1, 7, 30])
def test_a_journal_whose_last_write_is_torn_says_so(journal, missing):
    whole = ganglion(journal.folder)
    assert "can't be read" not in whole.output
    journal.log.close()
    segment = max((journal.folder / "journal").iterdir())
    segment.write_bytes(segment.read_bytes()[:-missing])
    shown = ganglion(journal.folder)
    assert shown.exit_code == 0
    assert int(shown.output.splitlines()[-2].split()[0]) < int(whole.output.splitlines()[-1].split()[0])
    assert f"its last write can't be read: {segment.name} at byte " in shown.output.splitlines()[-1]
    assert "can't be read" not in ganglion(journal.folder, "--until", 2).output


# ---------------------------------------------------------------- a tape


@pytest.fixture
def tape(tmp_path):
    folder = tmp_path / "tape"
    folder.mkdir()
    for name in (HEADER, TURNS):
        (folder / name).write_bytes(b"")
    return folder


def test_a_folder_with_a_tape_that_cannot_be_read_is_refused(tape):
    shown = ganglion(tape)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "an input tape" in shown.output
    assert "is no tape that this version reads" in shown.output


@pytest.mark.parametrize(("divergence", "code"), [("", 0), ("turn 3", ExitCode.FAILED)])
def test_a_tape_is_replayed_turn_by_turn_and_fails_where_it_diverges(tape, monkeypatch, divergence, code):
    def replayed(folder, *, until, tell):
        for turn in range(1, until + 1):
            tell(f"turn {turn} of {folder.name}")
        return TapeOutcome(turns=until, divergence=divergence, journal="the same")

    monkeypatch.setattr(tape_replay, "replay_tape", replayed)
    shown = ganglion(tape, "--until", 5, "--from", 4)
    assert shown.exit_code == code
    assert "turn 4 of tape" in shown.output
    assert "turn 3 of tape" not in shown.output
    assert "5 turns replayed" in shown.output
    assert ("DIVERGED at turn 3" in shown.output) == bool(divergence)


# ---------------------------------------------------------------- words


def test_a_message_is_told_short_without_its_defaults():
    balance = Balance("USDT", Decimal("1.50"), Decimal("0.0"))
    assert short(balance) == "asset=USDT free=1.5 used=0"
    assert short("x" * 200).endswith("x…")
    assert len(short("x" * 200)) == 150


# ---------------------------------------------------------------- a real world


def test_a_real_seed_replays_to_the_same_trace_and_tells_its_orders(monkeypatch):
    monkeypatch.setattr(recipes, "MAKE", "ganglion.bot.recipes:make_from_recipe")
    shown = ganglion("5", "--hours", 0.01)
    again = ganglion("5", "--hours", 0.01, "--quiet")
    assert shown.exit_code == again.exit_code == 0, shown.output
    assert shown.output.splitlines()[-1] == again.output.splitlines()[-1]
    assert "/bot/alpha/account/portfolio" in shown.output
    assert "PlaceOrder" in shown.output
    assert "PlaceOrder" not in again.output


def test_a_real_seed_stops_at_a_step(monkeypatch):
    monkeypatch.setattr(recipes, "MAKE", "ganglion.bot.recipes:make_from_recipe")
    shown = ganglion("5", "--hours", 0.01, "--until", 120, "--steps", "--from", 100)
    told = [line for line in shown.output.splitlines() if " /bot" in line]
    assert 15 <= len(told) <= 21
    assert "120 steps" in shown.output

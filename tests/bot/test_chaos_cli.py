"""`ganglion chaos`: what it refuses, what it tells, what it keeps, and what it ends with."""

import re
import shlex
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from ganglion.bot import chaos, recipes
from ganglion.bot.chaos_options import ChaosOptions
from ganglion.bot.cli import app
from ganglion.bot.errors import ExitCode
from ganglion.simulation.campaign import MOST_SEED, Corpus, Recipe, Violated, jobs, run_recipe
from ganglion.simulation.faults import ALL, KINDS, FaultKind
from tests.simulation.campaign import campaign_toy as toy

SABOTAGE = """
import msgspec

from ganglion.actors.trading.orders.ledger import Ledger
from ganglion.bot.recipes import make_from_recipe

book = Ledger._book


def wrongly(self, line, trade, facts):
    book(self, line, msgspec.structs.replace(trade, price=trade.price * 2), facts)


def make(recipe):
    Ledger._book = wrongly
    return make_from_recipe(recipe)
"""


OWN = """
[exchanges.okx]
id = "okx"
symbols = ["ETH/USDT"]
sandbox = true
credentials = { key = "env:NOT_SET", secret = "env:NOT_SET", password = "env:NOT_SET" }

[modes.a]
mode = "my_mode.py:Mine"
exchange = "okx"
symbol = "ETH/USDT"
"""
MINE = """
import multiprocessing
import os

from ganglion.actors.modes import TradingMode


class Mine(TradingMode):
    def on_book(self, top):
        if multiprocessing.parent_process() is not None:
            os._exit(3)
"""
"""It ends a campaign's worker, and does nothing where it is replayed."""


def ganglion(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A corpus is written where the command runs."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def toys(monkeypatch):
    """Worlds without a market, whose violations depend on their seed."""
    monkeypatch.syspath_prepend(str(Path(toy.__file__).parent))
    monkeypatch.setattr(recipes, "MAKE", "campaign_toy:make")


# ---------------------------------------------------------------- help and arguments


def test_the_help_teaches_with_examples():
    shown = ganglion("chaos", "--help")
    assert shown.exit_code == 0
    assert "ganglion chaos --seeds 50 --hours 0.1" in shown.output
    assert "line that replays it" in shown.output


def test_every_kind_is_explained():
    shown = ganglion("chaos", "--list-kinds")
    assert shown.exit_code == 0
    for kind in FaultKind:
        assert kind in shown.output
        assert KINDS[kind].text in shown.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "0"], "--seeds"),
        (["--jobs", "0"], "--jobs"),
        (["--hours", "0"], "a world needs time"),
        (["--hours", "nan"], "--hours nan"),
        (["--hours", "inf"], "--hours inf"),
        (["--hours", "1e300"], "a world lasts a number of hours, 10000 at most"),
        (["--limit", "nan"], "--limit nan: a world may take from 1 to 86400 seconds"),
        (["--limit", "0"], "--limit 0"),
        (["--limit", "inf"], "--limit inf"),
        (["--seed", "99999999999999999999999", "--seeds", "2"], "is too large: seeds end at 18446744073709551615"),
        (["--seed", str(MOST_SEED), "--seeds", "2"], f"seed {MOST_SEED + 1} is too large"),
        (["--kinds", ""], "names no kind of fault"),
        (["--kinds", " , "], "names no kind of fault"),
        (["--kinds", "kil"], "did you mean kill?"),
        (["--kinds=kill,-kill"], "leaves no kind"),
        (["missing.toml"], "missing.toml: 1 problem"),
        (["--report", "no/such/folder/report.md"], "--report: no/such/folder/report.md can't be written"),
    ],
)
def test_a_wrong_argument_is_told_and_nothing_runs(arguments, told):
    shown = ganglion("chaos", *arguments)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert told in shown.output


def test_a_wrong_configuration_is_told_with_its_places(tmp_path):
    config = tmp_path / "bot.toml"
    config.write_text('[exchanges.alpha]\nid = "binance"\nsymbols = ["BTC/USDT"]\nsandbox = true\n')
    shown = ganglion("chaos", config)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "no mode trades in it" in shown.output
    config.write_text(config.read_text() + '[modes.a]\nmode = "gird"\n')
    shown = ganglion("chaos", config)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "modes.a.mode" in shown.output


def test_a_broken_file_in_the_corpus_is_told(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "odd.json").write_text("{}")
    shown = ganglion("chaos", "--corpus", tmp_path / "corpus")
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "odd.json is no recipe" in shown.output


@pytest.mark.parametrize("corpus", ["file", "file/below", "nowhere"])
def test_a_corpus_that_is_no_folder_is_told_before_anything_runs(toys, corpus):
    Path("file").write_text("mine")
    Path("nowhere").symlink_to("not/there")
    shown = ganglion("chaos", "--seeds", 1, "--hours", 0.01, "--corpus", corpus)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "is no folder, so violations could not be kept" in shown.output
    assert "seeds in" not in shown.output


def test_a_recipe_of_the_corpus_whose_configuration_cannot_be_used_ends_the_campaign_before_it_runs(toys, tmp_path):
    path = Corpus(tmp_path / "corpus").add(Recipe(seed=1, config=OWN, source=str(tmp_path / "bot.toml")))
    shown = ganglion("chaos", "--seeds", 1, "--hours", 0.01, "--corpus", path.parent)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert f"{path} can't be run: {tmp_path / 'bot.toml'}: 1 problem" in shown.output
    assert "my_mode.py" in shown.output


def test_the_default_campaign_has_two_venues_four_markets_and_four_modes():
    config = recipes.config_of()
    assert [exchange.table.id for exchange in config.exchanges.values()] == ["binance", "kraken"]
    assert len({(mode.table.exchange, mode.table.symbol) for mode in config.modes.values()}) == 4


def test_a_configuration_needs_no_secret_and_no_secrets_file(tmp_path):
    text = (
        '[exchanges.alpha]\nid = "binance"\nsymbols = ["BTC/USDT"]\nsandbox = true\n'
        'credentials = { key = "env:NOT_SET_ANYWHERE", secret = "file:not/there.key" }\n'
        '[modes.a]\nmode = "grid"\nexchange = "alpha"\nsymbol = "BTC/USDT"\n'
    )
    config = recipes.config_of(text, str(tmp_path / "bot.toml"))
    assert list(config.modes) == ["a"]


# ---------------------------------------------------------------- a campaign


def test_a_campaign_without_violations_ends_well_and_tells_its_speed(toys):
    shown = ganglion("chaos", "--seeds", 4, "--jobs", 2, "--hours", 0.01)
    assert shown.exit_code == 0, shown.output
    assert "4 seeds in" in shown.output
    assert "book events/s" in shown.output
    assert "where the time goes" in shown.output
    assert "0 violations" in shown.output
    assert not Path("chaos-corpus").exists()


def test_a_small_campaign_only_reports_what_was_never_met(toys):
    shown = ganglion("chaos", "--seeds", 1, "--hours", 0.01, "--kinds", "kill")
    assert shown.exit_code == 0
    assert "never met: never" in shown.output


def test_what_a_small_campaign_never_met_is_counted_and_named_in_the_report(toys, monkeypatch):
    def sheltered(given, make, **_):
        for recipe in given:
            coverage = {"met": 2, **{f"never {number}": 0 for number in range(6)}}
            yield msgspec.structs.replace(run_recipe(recipe, toy.make), coverage=coverage)

    monkeypatch.setattr(chaos, "run_all", sheltered)
    options = ("--seeds", 1, "--seed", 1, "--hours", 0.01)
    shown = ganglion("chaos", *options)
    assert shown.exit_code == 0
    assert "never met: 6 of 7 sometimes counters, named in --report FILE\n" in shown.output
    shown = ganglion("chaos", *options, "--report", "report.md")
    assert "named in report.md\n" in shown.output
    assert "| never 5 **never** | 0 | 0 |" in Path("report.md").read_text()


def test_a_whole_campaign_names_all_that_it_never_met_and_fails(toys, monkeypatch):
    def sheltered(given, make, **_):
        outcome = run_recipe(next(given), toy.make)
        yield msgspec.structs.replace(outcome, coverage={f"never {number}": 0 for number in range(6)})

    monkeypatch.setattr(chaos, "run_all", sheltered)
    shown = ganglion("chaos")
    assert shown.exit_code == ExitCode.FAILED
    assert "NEVER MET: never 0, never 1, never 2, never 3, never 4, never 5\n" in shown.output


def test_a_violation_is_told_with_the_line_that_replays_it_shrunk_and_kept(toys):
    shown = ganglion("chaos", "--seeds", 3, "--seed", toy.VIOLATES - 1, "--hours", 0.1, "--jobs", 1)
    assert shown.exit_code == ExitCode.FAILED
    assert f"seed {toy.VIOLATES}: I3 alpha at 100.000 s" in shown.output
    assert f"replay with: ganglion replay {toy.VIOLATES} --hours 0.1" in shown.output
    assert "shrunk to" in shown.output
    [(path, recipe)] = list(Corpus(Path("chaos-corpus")).recipes())
    assert recipe.faults == ()
    assert recipe.seconds <= 101
    assert recipe.violated.invariant == "I3"
    assert f"replay with: ganglion replay {path}" in shown.output


def test_the_line_that_replays_a_seed_makes_the_same_recipe(toys):
    options = ("--hours", "0.0333333333333", "--kinds=kill,-ban")
    shown = ganglion("chaos", "--seeds", 1, "--seed", toy.VIOLATES, "--no-shrink", *options)
    line = re.search(r"replay with: ganglion (replay \d+.*)", shown.output)[1]
    again = ganglion(*shlex.split(line))
    assert again.exit_code == ExitCode.FAILED
    assert "violated: I3 alpha at 100.000 s, step 100" in again.output


def test_the_corpus_runs_first_and_what_still_shows_is_a_failure(toys, tmp_path):
    corpus = Corpus(tmp_path / "corpus")
    violated = Violated(invariant="I3", text="x")
    path = corpus.add(Recipe(seed=toy.VIOLATES, seconds=120, faults=(), violated=violated))
    corpus.add(Recipe(seed=1, seconds=20, faults=(), violated=violated))
    shown = ganglion("chaos", "--seeds", 2, "--hours", 0.01, "--corpus", corpus.folder)
    assert shown.exit_code == ExitCode.FAILED
    assert f"replay with: ganglion replay {path}" in shown.output.replace("\n", "")
    assert "2 of these from the corpus" in shown.output
    assert len(list(corpus.recipes())) == 2


def test_a_worker_that_dies_is_a_failure_of_its_seed(toys):
    shown = ganglion("chaos", "--seeds", 2, "--seed", toy.DIES - 1, "--hours", 0.01, "--jobs", 1)
    assert shown.exit_code == ExitCode.FAILED
    assert f"seed {toy.DIES}: DIED" in shown.output
    assert "exit code 7" in shown.output


def test_the_report_has_the_violation_and_what_was_met(toys):
    ganglion("chaos", "--seeds", 2, "--seed", toy.VIOLATES, "--hours", 0.1, "--report", "report.md")
    text = Path("report.md").read_text()
    assert text.startswith(f"# Chaos campaign: seeds {toy.VIOLATES} to {toy.VIOLATES + 1}")
    assert f"### Seed {toy.VIOLATES}: I3" in text
    assert "| never **never** | 0 | 0 |" in text


def test_a_whole_default_campaign_must_meet_everything():
    assert ChaosOptions(seeds=1000).full
    assert not ChaosOptions(seeds=999).full
    assert not ChaosOptions(seeds=1000, kinds=ALL[1:]).full
    assert not ChaosOptions(seeds=1000, hours=0.1).full
    assert not ChaosOptions(seeds=1000, config=Path("bot.toml")).full


def test_kinds_that_are_named_are_in_every_world_and_others_in_some():
    assert ChaosOptions(kinds=(FaultKind.BAN,), kinds_text="ban,-kill").recipe(1).p_active == 1.0
    assert ChaosOptions(kinds=ALL[1:], kinds_text="-request_lost").recipe(1).p_active == 0.25
    assert ChaosOptions().recipe(1).p_active == 0.25


def test_the_line_that_goes_on_covers_the_rest_of_the_seeds():
    options = ChaosOptions(seeds=100, first=50, hours=0.25, kinds_text="-kill", config=Path("bot.toml"))
    assert options.rest_line(70) == "ganglion chaos bot.toml --seed 70 --seeds 80 --hours 0.25 --kinds=-kill"


def test_the_line_that_replays_a_seed_has_its_hours_to_the_last_digit():
    assert ChaosOptions(hours=1 / 60).replay_line(1) == f"ganglion replay 1 --hours {1 / 60!r}"
    assert ChaosOptions(hours=2.0).replay_line(1) == "ganglion replay 1 --hours 2"
    assert shlex.split(ChaosOptions(config=Path("my bots/a.toml")).replay_line(1))[-1] == "my bots/a.toml"


@pytest.fixture
def interrupt(toys, monkeypatch):
    """Ctrl-C after that many worlds."""

    def after(count):
        def interrupted(given, make, **_):
            for seen, recipe in enumerate(given):
                if seen == count:
                    raise KeyboardInterrupt
                yield run_recipe(recipe, toy.make)

        monkeypatch.setattr(chaos, "run_all", interrupted)

    return after


def test_an_interrupted_campaign_tells_what_it_has_and_how_to_go_on(interrupt):
    interrupt(2)
    shown = ganglion("chaos", "--seeds", 10, "--seed", 40, "--hours", 0.01)
    assert shown.exit_code == ExitCode.INTERRUPTED
    assert "2 seeds in" in shown.output
    line = "ganglion chaos --seed 42 --seeds 8 --hours 0.01\n"
    assert f"interrupted after 2 of 10 worlds; go on with: {line}" in shown.output


def test_the_line_that_goes_on_after_an_interruption_has_every_option_that_was_given(interrupt):
    interrupt(0)
    given = "--jobs 2 --limit 30 --corpus mine --report r.md --no-shrink"
    shown = ganglion("chaos", "--seeds", 10, *given.split())
    assert f"go on with: ganglion chaos --seed 0 --seeds 10 {given}\n" in shown.output


def test_the_report_of_an_interrupted_campaign_says_how_far_it_came(interrupt):
    interrupt(0)
    shown = ganglion("chaos", "--seeds", 30, "--report", "report.md")
    assert shown.exit_code == ExitCode.INTERRUPTED
    text = Path("report.md").read_text()
    assert text.startswith("# Chaos campaign: seeds 0 to 29, interrupted\n")
    line = "ganglion chaos --seed 0 --seeds 30 --report report.md"
    assert f"Interrupted after 0 of 30 worlds. Go on with: `{line}`" in text
    assert "None in the worlds that have run." in text


def test_a_whole_campaign_that_was_interrupted_is_not_blamed_for_what_it_did_not_meet(interrupt):
    interrupt(1)
    shown = ganglion("chaos")
    assert shown.exit_code == ExitCode.INTERRUPTED
    assert "NEVER MET" not in shown.output


def test_findings_are_told_where_the_corpus_cannot_be_written_in_the_end(toys, monkeypatch):
    def spoiled(given, make, **_):
        Path("chaos-corpus").write_text("in the way")
        for recipe in given:
            yield run_recipe(recipe, toy.make)

    monkeypatch.setattr(chaos, "run_all", spoiled)
    shown = ganglion("chaos", "--seeds", 1, "--seed", toy.VIOLATES, "--hours", 0.1, "--no-shrink")
    assert shown.exit_code == ExitCode.FAILED
    assert "the violations are not kept" in shown.output
    assert "1 violation" in shown.output
    assert f"replay with: ganglion replay {toy.VIOLATES} --hours 0.1" in shown.output


def test_a_world_that_blocks_is_told_while_it_runs_and_ended_at_its_limit(toys, monkeypatch):
    monkeypatch.setattr(jobs, "SLOW_S", 0.25)
    shown = ganglion("chaos", "--seeds", 1, "--seed", toy.HANGS, "--hours", 0.01, "--limit", 1, "--jobs", 1)
    assert shown.exit_code == ExitCode.FAILED
    assert f"seed {toy.HANGS} has been running for 0.25 s (--limit ends it at 1 s)" in shown.output
    assert f"seed {toy.HANGS} has been running for 0.5 s" in shown.output
    assert "no end within 1 s of real time" in shown.output


# ---------------------------------------------------------------- real worlds


def test_a_short_campaign_of_the_real_thing_violates_nothing():
    shown = ganglion("chaos", "--seeds", 3, "--hours", 0.02, "--jobs", 2, "--report", "report.md")
    assert shown.exit_code == 0, shown.output
    assert "3 seeds in" in shown.output
    assert "0 violations" in shown.output
    assert "actors/trading" in shown.output
    text = Path("report.md").read_text()
    for kind in FaultKind:
        assert f"fault:{kind}" in text


def test_a_configuration_of_ones_own_is_hurt_without_its_secrets(tmp_path):
    (tmp_path / "bot.toml").write_text(
        '[exchanges.okx]\nid = "okx"\nsymbols = ["ETH/USDT"]\nlive = true\n'
        'credentials = { key = "env:NOT_SET", secret = "file:nowhere", password = "env:NOT_SET_EITHER" }\n'
        '[modes.a]\nmode = "grid"\nexchange = "okx"\nsymbol = "ETH/USDT"\n'
    )
    shown = ganglion("chaos", "bot.toml", "--seeds", 2, "--hours", 0.02, "--jobs", 1)
    assert shown.exit_code == 0, shown.output
    assert "2 seeds in" in shown.output
    assert "not judged" not in shown.output


def test_a_mode_that_does_not_say_how_many_orders_it_means_to_have_is_named(tmp_path):
    (tmp_path / "bot.toml").write_text(
        '[exchanges.a]\nid = "binance"\nsymbols = ["ETH/USDT"]\nlive = true\n'
        'credentials = { key = "env:K", secret = "env:S" }\n'
        '[modes.mine]\nmode = "quiet_mode.py:Quiet"\nexchange = "a"\nsymbol = "ETH/USDT"\n'
    )
    (tmp_path / "quiet_mode.py").write_text(
        "from ganglion.actors.modes import ModeConfig, TradingMode\n\n\n"
        "class Quiet(TradingMode[ModeConfig]):\n    pass\n"
    )
    shown = ganglion("chaos", "bot.toml", "--seeds", 1, "--hours", 0.01, "--jobs", 1)
    assert shown.exit_code == 0, shown.output
    assert "not judged: whether mine ordered twice, for want of most_orders()" in shown.output


@pytest.fixture
def kept(tmp_path):
    """A recipe of one's own configuration, with a mode in a file beside it."""
    (tmp_path / "bot.toml").write_text(OWN)
    (tmp_path / "my_mode.py").write_text(MINE)
    shown = ganglion("chaos", "bot.toml", "--seeds", 1, "--hours", 0.01, "--corpus", "deep/corpus", "--jobs", 1)
    assert "DIED" in shown.output, shown.output
    [path] = (tmp_path / "deep" / "corpus").glob("*.json")
    return path


def test_a_recipe_of_ones_own_configuration_is_replayed_from_any_folder(kept, monkeypatch):
    assert '"source": "../../bot.toml"' in kept.read_text()
    monkeypatch.chdir("/")
    shown = ganglion("replay", kept, "--quiet")
    assert shown.exit_code == 0, shown.output
    assert "DIED is not violated any more" in shown.output
    assert "\n0 steps" not in shown.output


def test_a_corpus_of_ones_own_configuration_runs_from_any_folder(kept, monkeypatch):
    monkeypatch.chdir(kept.parents[1])
    (kept.parents[2] / "my_mode.py").write_text(MINE.replace("is not None", "is None"))
    shown = ganglion("chaos", "../bot.toml", "--seeds", 1, "--hours", 0.01, "--corpus", "corpus", "--jobs", 1)
    assert shown.exit_code == 0, shown.output
    assert "1 of these from the corpus" in shown.output


def test_a_recipe_whose_configuration_cannot_be_used_says_nothing_about_its_violation(kept, tmp_path):
    moved = tmp_path / "elsewhere.json"
    kept.rename(moved)
    shown = ganglion("replay", moved)
    assert shown.exit_code == ExitCode.CONFIGURATION
    assert "elsewhere.json can't be run:" in shown.output
    assert "my_mode.py" in shown.output
    assert "not violated" not in shown.output
    assert "Traceback" not in shown.output


def test_an_error_in_the_code_is_found_made_small_and_kept(monkeypatch, tmp_path):
    """A venue's fill that is counted at another price: the books stop agreeing whatever goes wrong."""
    (tmp_path / "sabotaged.py").write_text(SABOTAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(recipes, "MAKE", "sabotaged:make")
    shown = ganglion("chaos", "--seeds", 1, "--hours", 0.05, "--jobs", 1)
    assert shown.exit_code == ExitCode.FAILED
    assert "VIOLATION seed 0: I" in shown.output
    [(_, recipe)] = list(Corpus(Path("chaos-corpus")).recipes())
    assert recipe.faults == ()
    assert recipe.seconds < 180
    again = run_recipe(recipe, recipes.make_from_recipe)
    assert again.violation is None, "without the sabotage nothing is wrong"

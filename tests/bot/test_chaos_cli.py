"""`ganglion chaos`: what it refuses, what it tells, what it keeps, and what it ends with."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ganglion.bot import chaos, recipes
from ganglion.bot.chaos import ChaosOptions
from ganglion.bot.cli import app
from ganglion.bot.errors import ExitCode
from ganglion.simulation.campaign import Corpus, Recipe, Violated, run_recipe
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
    options = ("--hours", "0.1", "--kinds=kill,-ban")
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


def test_an_interrupted_campaign_tells_what_it_has_and_how_to_go_on(toys, monkeypatch):
    def interrupted(given, make, *, jobs):
        for seen, recipe in enumerate(given):
            if seen == 2:
                raise KeyboardInterrupt
            yield run_recipe(recipe, toy.make)

    monkeypatch.setattr(chaos, "run_all", interrupted)
    shown = ganglion("chaos", "--seeds", 10, "--seed", 40, "--hours", 0.01)
    assert shown.exit_code == ExitCode.INTERRUPTED
    assert "2 seeds in" in shown.output
    assert "go on with: ganglion chaos --seed 42 --seeds 8 --hours 0.01" in shown.output


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

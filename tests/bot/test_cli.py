"""The command line: teaches, refuses clearly, and ends with the right code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ganglion.bot.cli import app
from ganglion.bot.config import parse
from ganglion.bot.durations import DurationError, parse_duration
from ganglion.bot.errors import ExitCode
from ganglion.bot.schema import config_schema
from ganglion.bot.starter import STARTER
from tests.bot.samples import ENVIRONMENT, GOOD

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COMMANDS = ("run", "check", "demo", "modes", "schema", "venue", "init")
OPERATOR = ("status", "tree", "orders", "halt", "reduce", "resume", "cancel-all", "flatten")


def ganglion(*arguments: str, environment: dict[str, str] | None = None):
    return CliRunner().invoke(app, list(arguments), env=environment)


def written(tmp_path: Path, text: str = GOOD) -> str:
    path = tmp_path / "bot.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("command", [*COMMANDS, *OPERATOR])
def test_every_commands_help_shows_an_example_of_it(command):
    shown = ganglion(command, "--help")
    assert shown.exit_code == 0
    assert f"\n    ganglion {command}" in shown.output


def test_the_list_of_commands_is_cut_nowhere():
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}, terminal_width=80)
    commands = shown.output.partition("Commands:")[2]
    assert all(command in commands for command in (*COMMANDS, *OPERATOR))
    assert "..." not in commands


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fee", "NaN"), "fee NaN"),
        (("--fee", "-1"), "fee -1"),
        (("--fee", "5"), "0.1 % is 0.001"),
        (("--symbols", ""), "symbols: there is none"),
        (("--symbols", "BTC/USDT,BTC/USDT"), "BTC/USDT stands twice"),
        (("--account", "me:a", "--account", "me:b"), "'me' is given twice"),
        (("--account", "me:s:FOO=1"), "no market here trades FOO; assets: BTC, ETH, USDT"),
        (("--host", "192.0.2.1"), "can't listen at 192.0.2.1 port 0: cannot assign requested address"),
    ],
)
def test_a_venue_that_can_not_be_is_refused_in_one_sentence(arguments, said):
    shown = ganglion("venue", *arguments)
    assert shown.exit_code == 2
    assert said in shown.output
    assert len(shown.output.splitlines()) == 1


def test_help_needs_none_of_the_heavy_parts():
    code = (
        "import sys; from ganglion.bot.cli import app\n"
        "sys.exit(any(name in sys.modules for name in ('ccxt', 'aiohttp', 'pydantic', 'structlog')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_a_good_configuration_is_shown_without_its_secrets(tmp_path):
    shown = ganglion("check", written(tmp_path), environment=ENVIRONMENT)
    assert shown.exit_code == 0, shown.output
    assert "binance, local" in shown.output
    assert "env:ALPHA_KEY" in shown.output
    assert "50.00%" in shown.output
    assert not any(value in shown.output for value in ENVIRONMENT.values())


def test_a_configuration_with_mistakes_ends_with_code_2_and_all_of_them(tmp_path):
    text = GOOD.replace('mode = "grid"', 'mode = "grd"').replace("spread_pct", "spred_pct")
    shown = ganglion("check", written(tmp_path, text), environment=ENVIRONMENT)
    assert shown.exit_code == 2
    assert "modes.grid.mode" in shown.output
    assert "modes.maker.spred_pct" in shown.output
    assert ganglion("run", written(tmp_path, text), environment=ENVIRONMENT).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "bot.toml", "--for", "soon"), "'soon' is no duration"),
        (("run", "bot.toml", "--log", "xml"), "xml"),
        (("run", "bot.toml", "--summary", "nowhere/summary.json"), "nowhere/summary.json can't be written"),
        (("demo", "--summary", "."), "--summary: . can't be written"),
        (("check", "nowhere.toml"), "No such file"),
        (("modes", "grd"), "Did you mean 'grid'?"),
        (("schema", "grd"), "Did you mean 'grid'?"),
        (("venue", "--account", "nobody"), "KEY:SECRET"),
        (("venue", "--fee", "free"), "0.001"),
    ],
)
def test_what_can_not_be_meant_ends_with_code_2_and_says_what_can(arguments, said):
    shown = ganglion(*arguments)
    assert shown.exit_code == 2
    assert said in shown.output


def test_modes_are_listed_with_what_they_do_and_their_settings():
    assert "market_making" in ganglion("modes").output
    settings = ganglion("modes", "grid").output
    assert "step_pct" in settings
    assert "0.5" in settings


def test_the_schema_knows_every_table_and_every_modes_settings():
    schema = json.loads(ganglion("schema").output)
    assert schema == json.loads(json.dumps(config_schema()))
    modes = {
        mode["properties"]["mode"]["const"]: mode
        for mode in schema["properties"]["modes"]["additionalProperties"]["anyOf"]
    }
    assert {"grid", "market_making"} <= set(modes)
    assert {"exchange", "symbol", "funds", "levels", "step_pct"} <= set(modes["grid"]["properties"])
    assert "symbols" in schema["properties"]["exchanges"]["additionalProperties"]["required"]


def test_init_writes_a_configuration_that_is_right_and_replaces_nothing_unasked(tmp_path):
    path = tmp_path / "bot.toml"
    assert ganglion("init", str(path)).exit_code == 0
    parse(path.read_text(), path, {"FIRST_KEY": "k" * 10, "FIRST_SECRET": "s" * 10})
    assert ganglion("init", str(path)).exit_code == 2
    path.write_text("old")
    assert ganglion("init", str(path), "--force").exit_code == 0
    assert path.read_text() == STARTER


@pytest.mark.parametrize("name", ["local.toml", "sandbox.toml"])
def test_the_examples_are_right(name):
    environment = dict.fromkeys(("LOCAL_KEY", "LOCAL_SECRET", "SANDBOX_KEY", "SANDBOX_SECRET"), "x" * 10)
    config = parse((EXAMPLES / name).read_text(), EXAMPLES / name, environment)
    assert config.modes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("90", 90), (" 2 D ", 172_800)],
)
def test_a_duration_is_read_as_people_write_it(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5 parsecs", "s5", "0s", "0"])
def test_what_is_no_duration_says_how_one_is_written(text):
    with pytest.raises(DurationError, match="1h30m"):
        parse_duration(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(1, 59))
def test_a_duration_is_the_sum_of_its_parts(hours, minutes, seconds):
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize("command", OPERATOR)
def test_an_operators_command_without_a_bot_says_what_to_do(command, tmp_path):
    yes = ["--yes"] if command in {"halt", "cancel-all", "flatten"} else []
    (tmp_path / "lock").touch()  # a bot ran here once
    shown = ganglion(command, *yes, "--data", str(tmp_path))
    assert shown.exit_code == ExitCode.FAILED
    assert f"no bot runs in {tmp_path}. Start it with `ganglion run`" in shown.output
    told = ganglion(command, *yes, "--data", str(tmp_path), "--json")
    assert json.loads(told.output)["failed"] == "unreachable"


def test_an_operators_command_for_a_folder_that_is_not_there_is_a_configuration_error(tmp_path):
    assert ganglion("status", "--data", str(tmp_path / "none")).exit_code == ExitCode.CONFIGURATION
    assert ganglion("status", "-c", str(tmp_path / "none.toml")).exit_code == ExitCode.CONFIGURATION


def test_the_list_of_commands_stays_quick():
    heavy = "{'ccxt', 'rich', 'structlog', 'asyncio', 'ganglion.actors'}"
    code = f"import sys; import ganglion.bot.cli; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"

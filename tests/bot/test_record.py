"""`ganglion record` on a simulated exchange: what comes out can be read, and a second run goes on with it."""

import pytest
from typer.testing import CliRunner

from ganglion.bot.cli import app
from ganglion.bot.config import parse
from ganglion.bot.recording import RecordingRun, RecordOptions
from ganglion.simulation.data import Bars, BookDeltas, Trades, read
from ganglion.simulation.data.checking import look
from ganglion.simulation.venue import VenueSettings
from ganglion.simulation.venue.dialects.binance.ccxt_settings import toml_text
from ganglion.simulation.venue.server import serving
from ganglion.supervision import System
from tests.actors.exchange.bench import on_a_loop

CONFIG = """
[bot]
name = "test"

[exchanges.alpha]
connector = "simulated"
symbols = ["BTC/USDT"]
"""
WAIT_S = 40.0


def recorded(folder) -> None:
    """Record until there is something of each kind."""
    system = System(dispatcher="loop")
    config = parse(CONFIG, folder / "bot.toml", {})
    run = RecordingRun(config, RecordOptions(out=folder / "out"), system)
    try:
        system.wait_for(lambda: all(o.trades and o.levels and o.bytes for o in run.recorded() or [None] if o), WAIT_S)
    finally:
        run.stop()


def test_what_is_recorded_twice_is_one_recording_with_a_gap(tmp_path):
    recorded(tmp_path)
    before = {type(series): len(series) for series in read(tmp_path / "out")}
    assert set(before) == {Bars, Trades, BookDeltas}
    recorded(tmp_path)
    after = {type(series): series for series in read(tmp_path / "out")}
    for kind in (Trades, BookDeltas):
        assert len(after[kind]) > before[kind]
        assert after[kind].facts.gaps[0].reason.startswith("nobody recorded")
    assert after[BookDeltas].first.count(1) >= 2
    report = look(tmp_path / "out")
    assert report.good, str(report)


def test_the_command_needs_no_secret_and_says_what_it_recorded(tmp_path):
    (tmp_path / "bot.toml").write_text(CONFIG)
    result = CliRunner().invoke(
        app, ["record", str(tmp_path / "bot.toml"), "--out", str(tmp_path / "out"), "--for", "2s", "--log", "json"]
    )
    assert result.exit_code == 0, result.output
    assert "alpha BTC/USDT: " in result.output
    assert (tmp_path / "out" / "alpha" / "BTC-USDT").is_dir()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "OUT", "--timeframe", "1x"], "'1x' is no timeframe"),
        (["--out", "bot.toml"], "name a folder that you may write to"),
    ],
)
def test_what_cannot_be_recorded_ends_with_exit_code_2_and_what_to_do(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bot.toml").write_text(CONFIG)
    result = CliRunner().invoke(app, ["record", "bot.toml", *arguments])
    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_a_missing_configuration_is_said_as_everywhere(tmp_path):
    result = CliRunner().invoke(app, ["record", str(tmp_path / "none.toml"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "can't be read" in result.output


def test_a_real_connector_is_recorded_without_the_keys_that_its_configuration_names(tmp_path, monkeypatch):
    monkeypatch.delenv("LOCAL_KEY", raising=False)
    settings = VenueSettings(symbols=("BTC/USDT",), seed=3)
    with on_a_loop(lambda: serving(settings)) as venue:
        (tmp_path / "bot.toml").write_text(toml_text(venue.base_url, settings.symbols))
        arguments = ["record", str(tmp_path / "bot.toml"), "--out", str(tmp_path / "out"), "--for", "4s"]
        result = CliRunner().invoke(app, [*arguments, "--log", "json"])
    assert result.exit_code == 0, result.output
    kinds = {type(series) for series in read(tmp_path / "out")}
    assert BookDeltas in kinds


def test_an_exchange_that_does_not_answer_is_said_at_the_end(tmp_path):
    (tmp_path / "bot.toml").write_text(toml_text("http://127.0.0.1:9", ("BTC/USDT",)))
    arguments = ["record", str(tmp_path / "bot.toml"), "--out", str(tmp_path / "out"), "--for", "1s", "--log", "json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "nothing was recorded" in result.output

"""A configuration with five mistakes: all five are reported at once, each with its place, and nothing is started."""

import subprocess
import sys
from pathlib import Path

import pytest

from ganglion.bot.errors import ConfigError, ExitCode
from tests.acceptance.stage import arm_text, bot_text, configured, mode_text

HOST = "http://127.0.0.1:1"
MISTAKES = bot_text(
    arm_text("alpha", HOST, exchange_id="binanse"),
    arm_text("beta", HOST, extra="silent_s = -1"),
    mode_text("one", "market_makin", "alpha"),
    mode_text("two", "grid", "beta", "DOGE/USDT"),
    mode_text("three", "grid", "gamma", levls=3),
)
EXPECTED = {
    "exchanges.alpha.id": "did you mean 'binance'",
    "exchanges.beta.silent_s": "greater than 0",
    "modes.one.mode": "Did you mean 'market_making'",
    "modes.two.symbol": "add it to exchanges.beta.symbols",
    "modes.three.exchange": "there is no [exchanges.gamma]",
    "modes.three.levls": "did you mean 'levels'",
}


def test_every_mistake_is_reported_with_its_place_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(MISTAKES, tmp_path)
    found = {problem.place: str(problem) for problem in caught.value.problems}
    assert found.keys() == EXPECTED.keys()
    for place, hint in EXPECTED.items():
        assert hint in found[place]


@pytest.mark.parametrize("command", ["run", "check"])
def test_the_command_line_says_all_of_them_and_ends_with_exit_code_2(tmp_path: Path, command: str) -> None:
    path = tmp_path / "bot.toml"
    path.write_text(MISTAKES)
    done = subprocess.run(
        [sys.executable, "-c", "from ganglion.bot.cli import main; main()", command, str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == ExitCode.CONFIGURATION
    assert all(place in done.stderr for place in EXPECTED)
    assert "Traceback" not in done.stderr

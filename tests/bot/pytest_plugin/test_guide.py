"""docs/testing-a-bot.md: every file that it shows is written down as it stands there, and its tests run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganglion.simulation.venue.fault_guide import BY_KIND

pytest_plugins = ["pytester"]
GUIDE = (Path(__file__).parents[3] / "docs" / "testing-a-bot.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL))
TESTS = sorted(name for name in FILES if name.startswith("test_"))


def test_every_piece_of_code_names_its_file():
    assert len(re.findall(r"^```\w+", GUIDE, re.MULTILINE)) == len(FILES)


@pytest.mark.parametrize("name", TESTS)
def test_the_tests_of_the_guide_run(pytester, name):
    for other, body in FILES.items():
        (pytester.path / other).write_text(body, encoding="utf-8")
    result = pytester.runpytest_subprocess(name, "--strict-markers", "-p", "no:cacheprovider")
    outcomes = result.parseoutcomes()
    assert result.ret == 0
    assert set(outcomes) <= {"passed", "xfailed"}
    assert sum(outcomes.values()) == FILES[name].count("def test_") + FILES[name].count("parametrize(")


def test_the_failure_that_the_guide_shows_is_what_is_shown(pytester):
    pytester.makepyfile(
        test_seeds="""
        import pytest

        @pytest.mark.seeds(100)
        def test_the_account_never_goes_below_zero(seed):
            assert seed < 11
        """
    )
    result = pytester.runpytest()
    (shown,) = re.findall(r"^    -+ ganglion -+\n(.*?)\n\n", GUIDE, re.MULTILINE | re.DOTALL)
    result.stdout.fnmatch_lines([line.removeprefix("    ") for line in shown.splitlines()])


@pytest.mark.parametrize("kind", sorted(set(re.findall(r'control\.fault\("(\w+)"', GUIDE))))
def test_the_faults_of_the_guide_exist(kind):
    assert kind in BY_KIND


@pytest.mark.parametrize(
    "option", sorted(set(re.findall(r"ganglion (\w+) ", "\n".join(re.findall(r"`[^`\n]+`", GUIDE)))))
)
def test_the_commands_of_the_guide_exist(option):
    command = [sys.executable, "-m", "ganglion.bot.cli", option, "--help"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0

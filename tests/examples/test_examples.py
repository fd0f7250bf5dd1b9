"""The tests of each example pass where a reader would run them: in a copy of its folder, outside this repository."""

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
EXAMPLES = Path(__file__).parents[2] / "examples"
TESTED = sorted(test.parent.name for test in EXAMPLES.glob("*/test_*.py"))


def test_there_are_examples():
    assert TESTED == ["ccxt_bot", "custom_mode"]


@pytest.mark.parametrize("name", TESTED)
def test_an_example_passes_its_own_tests(pytester, name):
    shutil.copytree(EXAMPLES / name, pytester.path / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    result = pytester.runpytest_subprocess(name, "-p", "no:cacheprovider")
    outcomes = result.parseoutcomes()
    assert result.ret == 0
    assert set(outcomes) == {"passed"}

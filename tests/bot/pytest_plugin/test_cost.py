"""The plugin is installed in projects that have nothing to do with trading: there it must cost next to nothing."""

pytest_plugins = ["pytester"]

LOADS = """
import sys

HEAVY = {"aiohttp", "ccxt", "freezegun", "msgspec", "pydantic", "pykka", "structlog"}


def test_of_something_else():
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert not HEAVY & loaded
    ours = {name for name in sys.modules if name.startswith("ganglion.")}
    assert ours == {"ganglion.bot", "ganglion.bot.pytest_plugin", "ganglion.bot.pytest_plugin.plugin"}
"""


def test_a_project_that_does_not_use_it_loads_three_small_modules_and_no_library(pytester):
    pytester.makepyfile(LOADS)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)


def test_a_project_that_uses_seeds_alone_loads_no_library_either(pytester):
    pytester.makepyfile(
        """
        import sys
        import pytest

        @pytest.mark.seeds(3)
        def test_of_something_else(seed):
            assert not {"aiohttp", "ccxt", "freezegun", "msgspec", "pykka"} & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=1)

"""Runs one test for many seeds: each run sets its fixtures up and takes them down again, as if it were a test alone.

The whole is one test to pytest: one report, that of the first seed that failed. Fixtures of a wider scope (module,
session) are shared by the seeds as they are by tests.
"""

from __future__ import annotations

import enum

import pytest
from _pytest.runner import runtestprotocol  # as the plugins that repeat tests do; tests hold what is assumed of it

SEED = pytest.StashKey[int]()
RUNS = pytest.StashKey[tuple[int, int]]()
"""The how-many-eth seed of how many this is."""


def seed_of(item: pytest.Item) -> int:
    """The seed of the run that is under way."""
    if SEED in item.stash:
        return item.stash[SEED]
    given = item.config.getoption("--ganglion-seed")
    return 0 if given is None else int(given)


def run_seeds(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run the test for each of its seeds until one fails, and report as pytest does for a test."""
    seeds = _seeds(item)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    shown: list[pytest.TestReport] = []
    durations: dict[str, float] = {}
    for number, seed in enumerate(seeds, 1):
        item.stash[SEED], item.stash[RUNS] = seed, (number, len(seeds))
        last = number == len(seeds)
        # With its own parent as what comes next, pytest takes down what belongs to this run and keeps the module's.
        after = nextitem if last else item.parent
        reports = runtestprotocol(item, log=False, nextitem=after)  # type: ignore[arg-type]
        for report in reports:
            durations[report.when] = durations.get(report.when, 0.0) + report.duration
        verdict = _verdict(reports)
        if verdict is not _Verdict.SKIPPED or not shown:
            shown = reports
        stopping = bool(item.session.shouldstop) or bool(item.session.shouldfail)
        if verdict is _Verdict.DECIDED or stopping:
            if not last:
                _take_down(item, nextitem, shown)
            break
    del item.stash[SEED], item.stash[RUNS]
    for report in shown:
        report.duration = durations[report.when]
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _seeds(item: pytest.Item) -> range:
    """Which seeds; one that makes no sense becomes one run, whose setup then says so (`check`)."""
    one = item.config.getoption("--ganglion-seed")
    if one is not None:
        return range(one, one + 1)
    count, first = marked(item) or (1, 0)
    asked = item.config.getoption("--ganglion-seeds")
    count = count if asked is None else asked
    return range(first, first + count)


def marked(item: pytest.Item) -> tuple[int, int] | None:
    """Count and first seed of the test's marker; None where it is written wrong."""
    marker = item.get_closest_marker("seeds")

    def read(count: int, first: int = 0) -> tuple[int, int]:
        return count, first

    if marker is None:
        return None
    try:
        count, first = read(*marker.args, **marker.kwargs)
    except TypeError:
        return None
    whole = type(count) is int and type(first) is int  # a bool is none, and what people write has any type
    return (count, first) if whole and count > 0 else None


class _Verdict(enum.Enum):
    DECIDED = enum.auto()
    """No other seed can change it: failed, failed as expected, or skipped by a marker."""
    PASSED = enum.auto()
    SKIPPED = enum.auto()
    """By this seed."""


def _verdict(reports: list[pytest.TestReport]) -> _Verdict:
    for report in reports:
        if report.skipped:
            by_seed = report.when == "call" and not hasattr(report, "wasxfail")
            return _Verdict.SKIPPED if by_seed else _Verdict.DECIDED
        # a strict xfail wants one seed that fails; one that does not is no answer yet
        if report.failed and not str(report.longrepr).startswith("[XPASS(strict)]"):
            return _Verdict.DECIDED
    return _Verdict.PASSED


def _take_down(item: pytest.Item, nextitem: pytest.Item | None, shown: list[pytest.TestReport]) -> None:
    """Stopped before the last seed: what the next test does not need is still up, and a failure there is a report."""
    state = item.session._setupstate  # noqa: SLF001  pytest has no other way to leave early; a test holds it
    call = pytest.CallInfo.from_call(lambda: state.teardown_exact(nextitem), when="teardown")
    if call.excinfo is not None:
        report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
        shown.append(report)

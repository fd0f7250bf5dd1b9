import json
import math
from array import array
from itertools import accumulate

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.simulation.figures import Curve
from ganglion.simulation.figures.returns import DAY_MS, HOUR_MS, PERIODS, choose_period, return_figures, underwater
from tests.simulation.figures.golden import KEPT, series

CASES = json.loads(KEPT.read_text())["cases"]
BY_NAME = {period.name: period for period in PERIODS}
DAY = BY_NAME["day"]


def curve_of(values, step_ms=DAY_MS):
    return Curve(array("q", range(0, len(values) * step_ms, step_ms)), array("d", values))


def judged(values, step_ms=DAY_MS, period=DAY):
    curve = curve_of(values, step_ms)
    found = return_figures(curve, 0, curve.time_ms[-1], period)
    assert found is not None
    return found


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_figures_agree_with_empyrical(case):
    period = BY_NAME[case["period"]]
    equity = list(accumulate(case["returns"], lambda worth, r: worth * (1 + r), initial=1000.0))
    ours = msgspec.structs.asdict(judged(equity, period.length_ms, period))
    for name, theirs in case["figures"].items():
        if theirs is None:
            assert ours[name] is None, name
        else:
            assert ours[name] == pytest.approx(theirs, rel=1e-6, abs=1e-12), name


def test_what_empyrical_was_asked_is_what_is_kept():
    assert {case["name"]: case["returns"] for case in CASES} == {name: kept for name, (_, kept) in series().items()}


def test_a_curve_without_points_has_no_figures():
    assert return_figures(Curve(), 0, DAY_MS, DAY) is None


def test_one_point_has_a_return_of_nothing_and_no_ratio():
    found = judged([1000.0])
    assert (found.total_return, found.max_drawdown, found.periods) == (0.0, 0.0, 0)
    assert (found.sharpe, found.sortino, found.calmar, found.volatility, found.annualised_return) == (None,) * 5


def test_a_constant_curve_has_no_risk_and_no_ratio():
    found = judged([1000.0] * 40)
    assert (found.total_return, found.volatility, found.annualised_return) == (0.0, 0.0, 0.0)
    assert (found.sharpe, found.sortino, found.calmar) == (None, None, None)


def test_a_loss_of_more_than_everything_is_said_and_nothing_is_annualised():
    found = judged([1000.0, 500.0, -250.0, 100.0] + [200.0] * 30)
    assert found.ruined
    assert found.max_drawdown == pytest.approx(1.25)
    assert found.periods == 2
    assert found.worst_period == pytest.approx(-1.5)
    assert (found.annualised_return, found.calmar) == (None, None)


def test_a_drawdown_lasts_from_its_peak_until_the_peak_is_reached_again():
    found = judged([100.0, 120.0, 90.0, 100.0, 120.0, 130.0])
    assert found.max_drawdown == pytest.approx(0.25)
    assert (found.drawdown_peak_ms, found.drawdown_trough_ms) == (DAY_MS, 2 * DAY_MS)
    assert found.recovered
    assert found.max_drawdown_s == 3 * 86_400


def test_a_drawdown_that_is_not_recovered_lasts_until_the_end():
    found = judged([100.0, 120.0, 90.0, 119.0, 119.5])
    assert not found.recovered
    assert found.max_drawdown_s == found.longest_drawdown_s == 3 * 86_400


def test_the_longest_drawdown_need_not_be_the_deepest():
    found = judged([100.0, 50.0, 101.0, 100.0, 100.5, 100.2, 102.0])
    assert found.max_drawdown == pytest.approx(0.5)
    assert (found.max_drawdown_s, found.longest_drawdown_s) == (2 * 86_400, 4 * 86_400)


def test_less_than_a_week_is_not_annualised():
    assert judged([100.0, 101.0, 102.0]).annualised_return is None


def test_growth_too_fast_to_be_said_is_not_said():
    assert judged([1.0] * 7 + [1e9]).annualised_return is None


@pytest.mark.parametrize(
    ("length_ms", "points", "name"),
    [
        (31 * DAY_MS, 44_000, "day"),
        (14 * DAY_MS, 20_000, "hour"),
        (20 * HOUR_MS, 1200, "minute"),
        (14 * DAY_MS, 14, "day"),
        (20 * HOUR_MS, 20, "hour"),
        (0, 1, "minute"),
    ],
)
def test_the_period_leaves_thirty_returns_and_is_no_finer_than_the_curve(length_ms, points, name):
    assert choose_period(0, length_ms, points).name == name


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_no_figure_is_ever_nan_or_infinite(values):
    for value in msgspec.structs.asdict(judged(values)).values():
        assert value is None or math.isfinite(value)


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60))
def test_the_drawdown_chart_bottoms_at_the_maximum_drawdown(values):
    assert -min(underwater(curve_of(values)).value) == pytest.approx(judged(values).max_drawdown)

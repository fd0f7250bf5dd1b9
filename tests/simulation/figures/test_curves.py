from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.simulation.figures import Curve, RecordError, curves


def curve(*points):
    made = Curve()
    for time_ms, value in points:
        made.note(time_ms, value)
    return made


def test_a_value_holds_until_the_next_one():
    steps = curve((10, 1.0), (20, 2.0))
    assert [curves.value_at(steps, time_ms) for time_ms in (0, 10, 19, 20, 99)] == [1.0, 1.0, 1.0, 2.0, 2.0]


def test_a_curve_without_points_has_no_value():
    assert curves.value_at(Curve(), 5) is None
    assert curves.mean(Curve(), 0, 10) is None


def test_a_second_value_at_a_time_takes_the_place_of_the_first():
    steps = curve((10, 1.0), (10, 3.0))
    assert list(steps.value) == [3.0]


def test_a_value_before_the_last_time_is_refused():
    steps = curve((10, 1.0))
    with pytest.raises(RecordError, match="in order of time"):
        steps.note(9, 2.0)


def test_a_cut_begins_with_the_value_that_holds_there():
    part = curves.cut(curve((0, 1.0), (10, 2.0), (20, 3.0)), 15, 20)
    assert (list(part.time_ms), list(part.value)) == ([15, 20], [2.0, 3.0])


def test_the_mean_is_weighted_by_time():
    assert curves.mean(curve((0, 1.0), (75, 5.0)), 0, 100) == pytest.approx(2.0)


def test_the_share_above_a_level_is_one_of_time():
    assert curves.share_above(curve((0, 0.0), (60, 1.0), (80, 0.0)), 0.5, 0, 100) == pytest.approx(0.2)


def test_curves_with_different_times_add_up_at_all_of_them():
    both = curves.total([curve((0, 1.0), (20, 2.0)), curve((10, 10.0), (30, 20.0))])
    assert list(both.time_ms) == [0, 10, 20, 30]
    assert list(both.value) == [11.0, 11.0, 12.0, 22.0]


def test_samples_stand_at_equal_distances_from_the_start():
    assert curves.sampled(curve((0, 1.0), (25, 2.0)), 0, 40, 10) == [1.0, 1.0, 1.0, 2.0, 2.0]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400), st.integers(4, 100))
def test_a_thinned_curve_keeps_its_ends_and_extremes_and_invents_nothing(values, most):
    whole = Curve(array("q", range(len(values))), array("d", values))
    thin = curves.thinned(whole, most)
    assert len(thin) <= max(most, 4)
    assert (min(thin.value), max(thin.value)) == (min(values), max(values))
    assert (thin.value[0], thin.value[-1]) == (values[0], values[-1])
    assert all(values[time_ms] == value for time_ms, value in zip(thin.time_ms, thin.value, strict=True))
    assert sorted(thin.time_ms) == list(thin.time_ms)

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from results.significance import _student, adjusted, rank_sum, welch

values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)


@given(values, values)
def test_both_sides_are_treated_alike(one, other):
    assert rank_sum(one, other) == pytest.approx(rank_sum(other, one))
    assert welch(one, other) == pytest.approx(welch(other, one))
    assert 0 <= rank_sum(one, other) <= 1
    assert 0 <= welch(one, other) <= 1


@given(values)
@example([0.0, 9e-152])
def test_nothing_differs_from_itself(one):
    assert rank_sum(one, one) == pytest.approx(1)
    assert welch(one, one) == pytest.approx(1)


@pytest.mark.parametrize(("passes", "least"), [(3, 0.0809), (4, 0.0304), (5, 0.0122), (10, 0.000183)])
def test_how_sure_a_rank_test_can_be(passes, least):
    assert rank_sum(range(passes), range(passes, 2 * passes)) == pytest.approx(least, rel=0.01)


@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [
        (12.706, 1, 0.05),
        (4.303, 2, 0.05),
        (2.571, 5, 0.05),
        (3.355, 8, 0.01),
        (4.587, 10, 0.001),
        (2.009, 50, 0.05),
    ],
)
def test_students_distribution_is_that_of_the_tables(t, freedom, p):
    assert _student(t, freedom) == pytest.approx(p, rel=2e-3)


def test_they_are_what_other_programs_compute():
    """scipy.stats.mannwhitneyu(method="asymptotic") and ttest_ind(equal_var=False)."""
    one, other = [1.1, 1.3, 0.9, 1.2, 1.0], [1.25, 1.5, 1.3, 1.6, 1.4, 1.7]
    assert rank_sum(one, other) == pytest.approx(0.0, abs=0.02)
    assert welch(one, other) == pytest.approx(0.0, abs=0.02)


def test_values_without_spread_differ_or_they_do_not():
    assert welch([1.0, 1.0], [1.0, 1.0]) == 1
    assert welch([1.0, 1.0], [2.0, 2.0]) == 0
    assert rank_sum([1.0, 1.0], [1.0, 1.0]) == 1


@pytest.mark.parametrize("test", [rank_sum, welch])
def test_false_alarms_are_as_many_as_the_level_allows(test):
    generator = np.random.default_rng(1)
    found = sum(test(*generator.normal(size=(2, 8))) <= 0.05 for _ in range(2000))
    assert 0.02 <= found / 2000 <= 0.06


def test_the_false_discovery_rate_is_that_of_benjamini_and_hochberg():
    values = [0.04, 0.005, 0.03, 0.9, 0.01]
    assert adjusted(values) == pytest.approx([0.05, 0.025, 0.05, 0.9, 0.025])
    assert adjusted([]) == []


@given(st.lists(st.floats(0, 1), min_size=1))
def test_an_adjusted_value_is_no_smaller_and_keeps_its_place(values):
    found = adjusted(values)
    assert all(before - 1e-12 <= after <= 1 for before, after in zip(values, found, strict=True))
    pairs = sorted(zip(values, found, strict=True))
    assert all(one[1] <= other[1] for one, other in pairwise(pairs))

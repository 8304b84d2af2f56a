from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.history.change_points import LEAST_RUNS, change_points


def noisy(levels: list[tuple[float, int]], noise: float = 0.01, seed: int = 1) -> list[float]:
    generator = np.random.default_rng(seed)
    return [
        float(value) for level, count in levels for value in level * np.exp(generator.normal(0, noise, count))
    ]


@pytest.mark.parametrize("factor", [1.05, 1 / 1.05, 2, 0.1])
def test_a_step_is_found_where_it_is_and_alone(factor: float) -> None:
    (found,) = change_points(noisy([(3.0, 30), (3.0 * factor, 30)]))
    assert abs(found.index - 30) <= 2
    assert found.ratio == pytest.approx(factor, rel=0.02)


def test_steps_up_and_down_are_all_found() -> None:
    found = change_points(noisy([(1.0, 20), (1.1, 20), (5.0, 20), (1.0, 20)]))
    assert [round(each.index, -1) for each in found] == [20, 40, 60]


def test_single_runs_far_off_are_no_change() -> None:
    series = noisy([(1.0, 60)])
    series[10], series[30], series[59] = 3.0, 0.2, 4.0
    assert change_points(series) == ()


def test_noise_alone_is_no_change() -> None:
    assert not any(
        change_points(noisy([(1.0, 60)], noise, seed)) for seed in range(20) for noise in (0.01, 0.2)
    )


def test_a_small_change_is_none_however_sure() -> None:
    assert change_points(noisy([(1.0, 30), (1.005, 30)], 0.0001)) == ()


def test_of_what_has_no_noise_every_new_level_is_one() -> None:
    found = change_points([7.0] * 10 + [9.0] * 10 + [8.0] + [9.0] * 5)
    assert [(each.index, each.before, each.after) for each in found] == [(10, 7.0, 9.0)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=40))
def test_any_series_has_levels_long_enough(values: list[float]) -> None:
    bounds = [0, *(each.index for each in change_points(values)), len(values)]
    assert all(later - earlier >= LEAST_RUNS for earlier, later in pairwise(bounds) if len(bounds) > 2)

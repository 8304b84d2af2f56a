from dataclasses import replace

import numpy as np
import pytest
from compared_runs import measured_run

from results.pairing import Pair, pair
from results.significance import LEVEL, rank_sum
from results.slow_noise import SlowNoise

IDENTITY = pair(measured_run("a", 1), measured_run("b", 2)).pairs[0].identity
PASSES = 120


def noisy_pair(generator, slowness: float, passes: int = PASSES, **identity: str) -> Pair:
    """Of nothing but noise, of which each pass has that share of the one before it."""
    sides = []
    for _ in range(2):
        steps = generator.normal(0, 0.03, passes + PASSES)
        for number in range(1, len(steps)):
            steps[number] += slowness * steps[number - 1]
        sides.append(dict(enumerate(np.exp(steps[PASSES:]).tolist(), start=1)))
    return Pair(replace(IDENTITY, **identity), *sides)


@pytest.mark.parametrize("slowness", [0.0, 0.4, 0.6])
def test_false_alarms_are_about_as_many_as_the_level_allows_however_slow_the_noise(slowness):
    generator, alarms, plain = np.random.default_rng(1), 0, 0
    for _ in range(40):
        pairs = [noisy_pair(generator, slowness) for _ in range(10)]
        slow = SlowNoise(pairs)
        for each in pairs:
            sides = list(each.base.values()), list(each.new.values())
            alarms += rank_sum(*sides, slow.inflation(each)) <= LEVEL
            plain += rank_sum(*sides) <= LEVEL
    assert 0.02 <= alarms / 400 <= 0.10
    assert plain > 2 * alarms or not slowness


def test_a_series_too_short_to_tell_it_has_that_of_its_scenario():
    generator = np.random.default_rng(2)
    long = [noisy_pair(generator, 0.8) for _ in range(20)]
    short, elsewhere = noisy_pair(generator, 0.8, 6), noisy_pair(generator, 0.8, 6, scenario="other")
    slow = SlowNoise([*long, short, elsewhere])
    assert slow.inflation(short) == pytest.approx(np.mean([slow.inflation(each) for each in long]), rel=0.2)
    assert slow.inflation(short) > 3
    assert slow.inflation(elsewhere) == 1


def test_values_without_spread_have_none():
    still = Pair(IDENTITY, dict.fromkeys(range(20), 1.0), dict.fromkeys(range(20), -1.0))
    assert SlowNoise([still]).inflation(still) == 1

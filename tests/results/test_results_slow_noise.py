from dataclasses import replace

import numpy as np
import pytest
from compared_runs import measured_run

from results.joined import joined
from results.pairing import Pair, pair
from results.significance import LEVEL, rank_sum
from results.slow_noise import SlowNoise

RUN = measured_run("a", 1)
IDENTITY = pair(RUN, measured_run("b", 2)).pairs[0].identity
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
        slow = SlowNoise(RUN, RUN, pairs)
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
    slow = SlowNoise(RUN, RUN, [*long, short, elsewhere])
    assert slow.inflation(short) == pytest.approx(np.mean([slow.inflation(each) for each in long]), rel=0.2)
    assert slow.inflation(short) > 3
    assert slow.inflation(elsewhere) == 1


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_values_without_spread_tell_nothing(value):
    noisy = noisy_pair(np.random.default_rng(3), 0.8)
    still = Pair(IDENTITY, dict.fromkeys(range(20), value), dict.fromkeys(range(20), value))
    slow = SlowNoise(RUN, RUN, [still, noisy])
    assert slow.inflation(still) == pytest.approx(SlowNoise(RUN, RUN, [noisy]).inflation(still))


def test_what_parts_runs_that_are_joined_is_not_slow():
    base = joined(
        [measured_run(f"r{number}", number, passes=20, slower={"tarebox": 1 + number}) for number in range(3)]
    )
    new = measured_run("b", 9, passes=20)
    pairs = pair(base, new).pairs
    slow = SlowNoise(base, new, pairs)
    assert all(slow.inflation(each) < 2.5 for each in pairs)

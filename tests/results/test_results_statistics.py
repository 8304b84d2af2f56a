import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from results import ResultsError
from results.statistics import CONFIDENCE, RESAMPLES, Estimate, median, ratio, shift, slope

positive = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=12)
passes = st.lists(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=7), min_size=2, max_size=6)


def drawn_medians(passes, draws, generator):
    """The medians of resamples, each drawn and looked at in full."""
    sizes = np.array([len(part) for part in passes])
    width = sizes.max()
    table = np.array([[*part, *[np.nan] * (width - len(part))] for part in passes])
    drawn = sizes[draws][..., np.newaxis]
    values = table[draws[..., np.newaxis], (generator.random((*draws.shape, width)) * drawn).astype(int)]
    values[np.arange(width) >= drawn] = np.nan
    return np.nanmedian(values.reshape(len(draws), -1), axis=1)


def interval_of(resampled):
    return tuple(np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))


def draws_of(passes, generator):
    return generator.integers(len(passes), size=(RESAMPLES, len(passes)))


@settings(max_examples=25)
@given(passes)
def test_a_median_is_that_of_resamples_drawn_in_full(passes):
    draws = draws_of(passes, np.random.default_rng(7))
    found = median(dict(enumerate(passes)))
    if found.n >= 3:
        wanted = interval_of(drawn_medians(passes, draws, np.random.default_rng(7)))
        assert (found.low, found.high) == pytest.approx(wanted, rel=1e-12)


@settings(max_examples=25)
@given(passes, passes)
def test_a_ratio_is_that_of_resamples_drawn_in_full(above, below):
    above, below = (sides[: min(len(above), len(below))] for sides in (above, below))
    generator = np.random.default_rng(7)
    draws = draws_of(above, generator)
    wanted = drawn_medians(above, draws, generator) / drawn_medians(below, draws, generator)
    found = ratio(dict(enumerate(above)), dict(enumerate(below)))
    if found.n >= 3:
        assert (found.low, found.high) == pytest.approx(interval_of(wanted), rel=1e-12)


def coverage(truth, estimate, repeats=200):
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(repeats):
        found = estimate(generator)
        hits += found.low <= truth <= found.high
    return hits / repeats


def test_the_interval_of_a_median_covers_the_truth():
    assert coverage(1.0, lambda generator: median(generator.lognormal(0, 0.5, 15))) > 0.90


def test_the_interval_of_a_ratio_covers_the_truth():
    def draw(generator):
        return ratio(3 * generator.lognormal(0, 0.3, 15), generator.lognormal(0, 0.3, 15))

    assert coverage(3.0, draw) > 0.90


def interleaved(generator, passes=10, samples=3):
    """Two subjects whose passes share a disturbance far greater than the noise within a pass."""
    drift = generator.lognormal(0, 0.5, passes)
    return tuple(
        {index: factor * drift[index] * generator.lognormal(0, 0.02, samples) for index in range(passes)}
        for factor in (2.0, 1.0)
    )


def test_interleaved_passes_cancel_what_both_subjects_suffered():
    above, below = interleaved(np.random.default_rng(3))
    paired = ratio(above, below)
    unpaired = ratio(np.concatenate(list(above.values())), np.concatenate(list(below.values())))
    assert paired.value == unpaired.value
    assert paired.high - paired.low < (unpaired.high - unpaired.low) / 2
    assert coverage(2.0, lambda generator: ratio(*interleaved(generator)), repeats=100) > 0.90


def test_passes_of_one_side_alone_do_not_count():
    above, below = interleaved(np.random.default_rng(3))
    later = {index: [value * 50 for value in above[0]] for index in range(100, 140)}
    assert ratio({**above, **later}, below) == ratio(above, below)
    assert ratio(below, {**above, **later}) == ratio(below, above)


def test_one_sample_a_pass_still_gets_an_interval():
    found = median({1: [1.0], 2: [2.0], 3: [4.0]})
    assert (found.low, found.value, found.high) == (1.0, 2.0, 4.0)


def test_ragged_and_empty_passes_are_used_as_they_are():
    found = median({1: [1.0, 2.0, 3.0], 2: [], 3: [4.0]})
    assert found.value == 2.5
    assert found.n == 4
    assert 1 <= found.low <= found.value <= found.high <= 4


def test_the_ratio_of_known_constants():
    assert ratio([6.0] * 5, [2.0] * 4) == Estimate(3.0, 3.0, 3.0, 4)
    assert ratio({1: [6.0], 2: [6.0, 6.0]}, {1: [2.0, 2.0], 2: [2.0]}) == Estimate(3.0, 3.0, 3.0, 3)


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_samples_have_no_interval(count):
    assert median([1.0] * count) == Estimate(1.0, None, None, count)
    assert ratio([1.0] * count, [2.0] * 5) == Estimate(0.5, None, None, count)
    assert not median([1.0] * count).excludes(5)


@given(positive, positive)
def test_the_interval_holds_the_estimate_and_stays_within_the_samples(above, below):
    found = median(above)
    if found.low is not None:
        assert min(above) <= found.low <= found.value <= found.high <= max(above)
    assert ratio(above, below) == ratio(above, below)


def test_the_slope_of_a_line_and_of_a_noisy_one():
    exact = slope([(x, 5 + 3 * x) for x in (1, 2, 4, 8)])
    assert (exact.low, exact.value, exact.high) == pytest.approx((3, 3, 3))
    generator = np.random.default_rng(2)
    noisy = slope([(x, 5 + 3 * x + generator.normal(0, 0.5)) for x in (1, 2, 4, 8) * 3])
    assert noisy.low < 3 < noisy.high
    assert noisy.excludes(0)


def test_what_can_not_be_estimated_is_an_error():
    for attempt in (
        lambda: median([]),
        lambda: median({1: []}),
        lambda: ratio([1.0], [0.0]),
        lambda: slope([(1, 1), (1, 2)]),
    ):
        with pytest.raises(ResultsError):
            attempt()


def test_the_interval_of_a_shift_covers_the_truth_and_is_narrower_than_the_ratio_of_medians():
    def drawn(generator):
        return 3 * generator.lognormal(0, 0.3, 15), generator.lognormal(0, 0.3, 15)

    assert coverage(3.0, lambda generator: shift(*drawn(generator))) > 0.90
    pairs = [drawn(np.random.default_rng(seed)) for seed in range(40)]
    widths = [[np.log(each.high / each.low) for each in (shift(*pair), ratio(*pair))] for pair in pairs]
    assert np.less(*np.mean(widths, axis=0))


@given(positive.filter(lambda side: len(side) > 2), positive.filter(lambda side: len(side) > 2))
def test_a_shift_the_other_way_is_the_reciprocal(new, base):
    assume(new != base)
    there, back = shift(new, base), shift(base, new)
    assert back.value == pytest.approx(1 / there.value)
    assert (back.low, back.high) == (pytest.approx(1 / there.high), pytest.approx(1 / there.low))


@pytest.mark.parametrize("side", [[], [0.0, 1.0], [-1.0]])
def test_there_is_no_shift_of_nothing_or_less(side):
    for pair in ((side, [1.0]), ([1.0], side)):
        with pytest.raises(ResultsError):
            shift(*pair)


def test_a_shift_of_four_values_is_the_ratio_of_their_medians_and_outliers_are_nothing_to_it():
    assert shift([1.0, 4.0, 9.0, 1e9], [1.0, 1.0, 1.0, 1.0]).value == pytest.approx(6.0)

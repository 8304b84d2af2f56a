"""Estimates with their uncertainty: medians, ratios, shifts and slopes, by the percentile bootstrap.

Source: Davison and Hinkley, Bootstrap Methods and their Application (1997): percentile intervals (5.3),
hierarchical data (3.8), resampling cases in regression (6.2.4). No sample is ever left out.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from results.errors import ResultsError

Samples: TypeAlias = Sequence[float] | Mapping[int, Sequence[float]]
"""Samples of one pass, or the samples of each pass by its number."""

CONFIDENCE = 0.95
RESAMPLES = 4000
SMALLEST = 3
"""Fewer samples than this get no interval."""
_SEED = 7
_KEPT_UP_TO = 1000
"""What is drawn for more samples than this is not kept for the next ones of their number: it is large."""
_Floats: TypeAlias = npt.NDArray[np.float64]
_Indices: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval.

    Args:
        value: the estimate itself.
        low: lower end of the interval; None when there were fewer than three samples.
        high: upper end of the interval; None when there were fewer than three samples.
        n: how many samples it rests on; for a ratio the smaller of both counts.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    def excludes(self, value: float) -> bool:
        """Whether there is an interval and the value lies outside of it."""
        return self.low is not None and self.high is not None and not self.low <= value <= self.high


def median(samples: Samples) -> Estimate:
    """The median; with passes given, passes are resampled and then the samples within them.

    Raises:
        ResultsError: there are no samples.
    """
    passes = _passes(samples)
    values = np.concatenate(passes)
    draw = _for_median if len(values) <= _KEPT_UP_TO else _for_median.__wrapped__
    resamples = draw(_sizes(passes))
    return _estimate(float(np.median(values)), resamples.medians(values), len(values))


def ratio(numerator: Samples, denominator: Samples) -> Estimate:
    """The ratio of two medians.

    Samples of the same passes were interleaved and share what disturbed the host meanwhile, so of passes that
    only one side has none counts, and the same ones are drawn for both. Without passes in common both are
    resampled on their own.

    Raises:
        ResultsError: a side has no samples, or the denominator has samples that are not positive.
    """
    common: set[int] = set()
    if isinstance(numerator, Mapping) and isinstance(denominator, Mapping):
        common = _filled(numerator) & _filled(denominator)
        if common:
            numerator, denominator = ({key: side[key] for key in common} for side in (numerator, denominator))
    above, below = _passes(numerator), _passes(denominator)
    if min(part.min() for part in below) <= 0:
        raise ResultsError("a ratio needs a denominator above zero")
    all_above, all_below = np.concatenate(above), np.concatenate(below)
    if len(above) == len(below) == 1:
        resampled = _plain_medians(all_above, _SEED) / _plain_medians(all_below, _SEED + 1)
    else:
        few = len(all_above) + len(all_below) <= _KEPT_UP_TO
        draw = _for_ratio if few else _for_ratio.__wrapped__
        of_above, of_below = draw(_sizes(above), _sizes(below), paired=bool(common))
        resampled = of_above.medians(all_above) / of_below.medians(all_below)
    value = float(np.median(all_above) / np.median(all_below))
    return _estimate(value, resampled, min(len(all_above), len(all_below)))


def shift(new: Sequence[float], base: Sequence[float], inflation: float = 1.0) -> Estimate:
    """The ratio of two interquartile means, of the logarithms; of the sides exchanged it is the reciprocal.

    It is as deaf to outliers as the ratio of medians and varies less: the mean of what is left without a
    quarter of the values at each end (Tukey and McLaughlin 1963). Of four values that is their median.
    `inflation` is the factor of the variance where values aren't independent (see `results.slow_noise`).

    Raises:
        ResultsError: a side has no values, or some that are not positive.
    """
    sides = [np.asarray(side, dtype=np.float64) for side in (new, base)]
    if not all(len(side) and side.min() > 0 for side in sides):
        raise ResultsError("a ratio needs values above zero")
    logarithms = [np.log(side) for side in sides]
    middles = [float(_middle_mean(side[np.newaxis])[0]) for side in logarithms]
    # A side gets the same draws in either order.
    order = sorted((0, 1), key=lambda side: (middles[side], logarithms[side].tolist()))
    resampled = [np.empty(0), np.empty(0)]
    for place, side in enumerate(order):
        values = logarithms[side]
        resampled[side] = _middle_mean(values[_resamples(len(values), _SEED + place)])
    found = _estimate(middles[0] - middles[1], resampled[0] - resampled[1], min(map(len, sides)))
    low, high = (
        None if end is None else math.exp(found.value + math.sqrt(inflation) * (end - found.value))
        for end in (found.low, found.high)
    )
    return Estimate(math.exp(found.value), low, high, found.n)


def slope(points: Sequence[tuple[float, float]]) -> Estimate:
    """The slope of the least-squares line through (x, y) points, in units of y for one of x.

    Raises:
        ResultsError: the points have fewer than two different x.
    """
    if len({x for x, _ in points}) < 2:
        raise ResultsError("a slope needs points at two different places")
    x, y = np.asarray(points, dtype=np.float64).T
    chosen = _generator().integers(len(x), size=(RESAMPLES, len(x)))
    drawn = x[chosen]
    usable = np.ptp(drawn, axis=1) > 0
    value = _slopes(x[np.newaxis], y[np.newaxis])[0]
    return _estimate(float(value), _slopes(drawn[usable], y[chosen][usable]), len(x))


def chance(values: Collection[float]) -> float:
    """The variance of their mean; 0 of a single one, of which nothing is known."""
    return float(np.var(list(values), ddof=1)) / len(values) if len(values) > 1 else 0.0


def between(values: Sequence[float], chances: Sequence[float]) -> float:
    """The standard deviation between values that each vary by chance as well, without what that explains.

    Source: DerSimonian and Laird, Meta-analysis in clinical trials (1986); around the median, so that one
    that is far off counts once.

    Args:
        values: two or more.
        chances: the variance that each has by chance.
    """
    middle = float(np.median(values))
    spread = sum((value - middle) ** 2 for value in values) / (len(values) - 1)
    return math.sqrt(max(0.0, spread - float(np.mean(chances))))


def percentile(values: Sequence[float], rank: float) -> float:
    """The smallest value that `rank` percent don't exceed: one that was seen, never one between."""
    return float(np.percentile(values, rank, method="inverted_cdf"))


def _generator() -> np.random.Generator:
    return np.random.default_rng(_SEED)


def _passes(samples: Samples) -> list[_Floats]:
    parts = [samples[key] for key in sorted(samples)] if isinstance(samples, Mapping) else [samples]
    passes = [np.asarray(part, dtype=np.float64) for part in parts if len(part)]
    if not passes:
        raise ResultsError("there are no samples to estimate from")
    return passes


def _filled(samples: Mapping[int, Sequence[float]]) -> set[int]:
    return {key for key, part in samples.items() if len(part)}


def _draw_passes(count: int, generator: np.random.Generator) -> _Indices:
    return generator.integers(count, size=(RESAMPLES, count))


def _sizes(passes: list[_Floats]) -> tuple[int, ...]:
    return tuple(len(part) for part in passes)


@dataclass(frozen=True)
class _Resamples:
    """How often each sample is in each resample, a row a sample, and how many samples each resample has."""

    counts: npt.NDArray[Any]
    sizes: npt.NDArray[Any]

    def medians(self, values: _Floats) -> _Floats:
        """The median of each resample: by its place among the sorted values, so that nothing is copied."""
        order = np.argsort(values)
        ordered = values[order]
        reached = np.cumsum(self.counts[order], axis=0, dtype=self.counts.dtype)
        below, above = (
            (reached <= middle).sum(axis=0, dtype=self.counts.dtype)
            for middle in ((self.sizes - 1) // 2, self.sizes // 2)
        )
        medians: _Floats = (ordered[below] + ordered[above]) / 2
        return medians


def _drawn(sizes: tuple[int, ...], draws: _Indices, generator: np.random.Generator) -> _Resamples:
    """For each drawn pass as many of its samples as it has, drawn with replacement."""
    sized = np.array(sizes)
    drawn, width = sized[draws], max(sizes)
    first = (np.cumsum(sized) - sized)[draws]
    chosen = (generator.random((*draws.shape, width)) * drawn[..., np.newaxis]).astype(np.int64)
    places = (chosen + first[..., np.newaxis]) * RESAMPLES + np.arange(RESAMPLES)[:, np.newaxis, np.newaxis]
    within = np.arange(width) < drawn[..., np.newaxis]
    kind = np.min_scalar_type(len(sizes) * width)
    counts = np.bincount(places[within], minlength=sum(sizes) * RESAMPLES).reshape(-1, RESAMPLES)
    return _Resamples(counts.astype(kind), drawn.sum(axis=1).astype(kind))


@lru_cache(maxsize=8)
def _for_median(sizes: tuple[int, ...]) -> _Resamples:
    return _drawn(sizes, _draw_passes(len(sizes), _generator()), _generator())


@lru_cache(maxsize=8)
def _for_ratio(
    above: tuple[int, ...], below: tuple[int, ...], *, paired: bool
) -> tuple[_Resamples, _Resamples]:
    generator = _generator()
    draws_above = _draw_passes(len(above), generator)
    draws_below = draws_above if paired else _draw_passes(len(below), generator)
    return _drawn(above, draws_above, generator), _drawn(below, draws_below, generator)


def _plain_medians(values: _Floats, seed: int) -> _Floats:
    """Medians of resamples of one pass, found by their places among the sorted values."""
    below, above = _middle_places(len(values), seed)
    ordered = np.sort(values)
    medians: _Floats = (ordered[below] + ordered[above]) / 2
    return medians


def _middle_mean(rows: _Floats) -> _Floats:
    """Of each row the mean without a quarter of its values at each end."""
    count = rows.shape[1]
    means: _Floats = np.sort(rows, axis=1)[:, count // 4 : count - count // 4].mean(axis=1)
    return means


@lru_cache
def _resamples(count: int, seed: int) -> _Indices:
    return np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))


@lru_cache
def _middle_places(count: int, seed: int) -> tuple[_Indices, _Indices]:
    """Of each resample of so many values the places of the middle one, or of both."""
    places = np.sort(np.random.default_rng(seed).integers(count, size=(RESAMPLES, count)), axis=1)
    return places[:, (count - 1) // 2].copy(), places[:, count // 2].copy()


def _slopes(x: _Floats, y: _Floats) -> _Floats:
    from_mean = x - x.mean(axis=1, keepdims=True)
    slopes: _Floats = (from_mean * y).sum(axis=1) / (from_mean**2).sum(axis=1)
    return slopes


def _estimate(value: float, resampled: _Floats, count: int) -> Estimate:
    if count < SMALLEST:
        return Estimate(value, None, None, count)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), count)

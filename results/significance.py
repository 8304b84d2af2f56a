"""Whether two sides differ by more than chance: a rank test, Welch's test, and many tests at once.

Sources: Mann and Whitney (1947), in the normal approximation with ties and continuity as in Hollander, Wolfe
and Chicken, Nonparametric Statistical Methods (2014), 4.1; Welch (1947); Student's distribution by Abramowitz
and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4; Benjamini and Hochberg (1995).
"""

import math
from collections.abc import Sequence

import numpy as np

LEVEL = 0.05
"""Of a single rank test, and of false discoveries among all alarms."""


def rank_sum(one: Sequence[float], other: Sequence[float], inflation: float = 1.0) -> float:
    """The two-sided p-value of the test of Mann and Whitney; 1 where all values are alike.

    Of four values against four it is at least 0.03, of three against three 0.08. `inflation` is the factor of
    the variance where values aren't independent (see `results.slow_noise`).
    """
    few, many = len(one), len(other)
    total = few + many
    _, place, counts = np.unique([*one, *other], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = float(ranks[:few].sum()) - few * (few + 1) / 2
    ties = float((counts.astype(float) ** 3 - counts).sum())
    variance = inflation * few * many / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    distance = max(0.0, abs(above - few * many / 2) - 0.5)
    return math.erfc(distance / math.sqrt(2 * variance))


def welch(one: Sequence[float], other: Sequence[float], inflation: float = 1.0) -> float:
    """The two-sided p-value of Welch's t-test; both sides need two values or more.

    The degrees of freedom are rounded down, which makes it a little too careful. `inflation` is that of
    `rank_sum`.
    """
    parts = [float(np.var(side, ddof=1)) / len(side) for side in (one, other)]
    difference = abs(float(np.mean(one) - np.mean(other)))
    total = sum(parts)
    if not total:
        return 0.0 if difference else 1.0
    # Of shares, as the squares of tiny parts would be 0.
    freedom = 1 / sum(
        (part / total) ** 2 / (len(side) - 1) for part, side in zip(parts, (one, other), strict=True)
    )
    return _student(difference / math.sqrt(inflation * total), math.floor(freedom + 1e-9))


def adjusted(values: Sequence[float]) -> list[float]:
    """The p-values of many tests as the smallest false discovery rate at which each is a discovery."""
    count = len(values)
    order = np.argsort(values)
    scaled = np.asarray(values, dtype=np.float64)[order] * count / np.arange(1, count + 1)
    result = np.empty(count)
    result[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return [float(value) for value in result]


def _student(t: float, freedom: int) -> float:
    """The probability of a value further from 0 than t, by whole degrees of freedom."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = freedom % 2
    term, series = cosine if is_odd else 1.0, 0.0
    for step in range(2 + is_odd, freedom + 1, 2):
        series += term
        term *= cosine**2 * (step - 1) / step
    within = 2 / math.pi * (angle + sine * series) if is_odd else sine * series
    return max(0.0, 1 - within)

"""Where a series took another level, found with ruptures.

PELT (Killick et al. 2012, "Optimal detection of changepoints with a linear computational cost") puts levels
under the series; a rank test of what lies on both sides confirms each. Single runs far off are moved towards
their neighbours first, so that one bad night is no change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from results.errors import ResultsError
from results.significance import rank_sum

try:
    import ruptures
except ImportError as missing:
    raise ResultsError("change points need ruptures", "run `pip install 'tarebench[history]'`") from missing

LEAST_RUNS = 4
"""Of a level; with fewer on a side no rank test is sure of anything."""
LEAST_SHARE = 0.01
"""Levels nearer to each other than this are one."""
LEVEL = 0.01
"""Of the rank test."""

_PENALTY = 15.0
"""Of one more level, in variances of the noise: nearly four standard deviations."""
_NEIGHBOURS = 2
_FAR = 3.0
_DEVIATION = 1.4826 / 2**0.5
"""From the median absolute difference of neighbours to the standard deviation of normal noise."""


@dataclass(frozen=True)
class ChangePoint:
    """A series has another level from one run on.

    Args:
        index: of the first run of the new level.
        before: the median of the level before, in the unit of the series.
        after: the median of the new level.
    """

    index: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """The new level as a multiple of the one before; infinite after 0."""
        return self.after / self.before if self.before else float("inf")


def change_points(values: Sequence[float]) -> tuple[ChangePoint, ...]:
    """The change points of a series, the oldest first.

    Args:
        values: one of each run, in the order of the runs.
    """
    series = np.asarray(values, dtype=float)
    if len(series) < 2 * LEAST_RUNS:
        return ()
    scaled = np.log(series) if (series > 0).all() else series
    noise = _DEVIATION * float(np.median(np.abs(np.diff(scaled))))
    if noise == 0:
        return _exact(series)
    near = _without_outliers(scaled, noise) / noise
    search = ruptures.KernelCPD(kernel="linear", min_size=LEAST_RUNS).fit(near.reshape(-1, 1))
    return _confirmed(series, [0, *search.predict(pen=_PENALTY)])


def _confirmed(series: NDArray[np.float64], bounds: list[int]) -> tuple[ChangePoint, ...]:
    """With levels joined that can't be told apart."""
    found: list[ChangePoint] = []
    start = bounds[0]
    for middle, end in pairwise(bounds[1:]):
        point = _between(series[start:middle], series[middle:end], middle)
        if point is not None:
            found.append(point)
            start = middle
    return tuple(found)


def _between(before: NDArray[np.float64], after: NDArray[np.float64], index: int) -> ChangePoint | None:
    point = ChangePoint(index, float(np.median(before)), float(np.median(after)))
    is_large = abs(point.after - point.before) > LEAST_SHARE * abs(point.before)
    return point if is_large and rank_sum(before.tolist(), after.tolist()) <= LEVEL else None


def _without_outliers(series: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Values no farther from the median of their neighbourhood than noise reaches; steps stay steps."""
    padded = np.pad(series, _NEIGHBOURS, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
    middle = np.median(windows, axis=1)
    return middle + np.clip(series - middle, -_FAR * noise, _FAR * noise)


def _exact(series: NDArray[np.float64]) -> tuple[ChangePoint, ...]:
    """Of what has no noise, such as a size: every value that stays is a level."""
    bounds = [0, *(np.flatnonzero(np.diff(series)) + 1).tolist(), len(series)]
    levels = [(start, float(series[start])) for start, end in pairwise(bounds) if end - start >= LEAST_RUNS]
    return tuple(
        ChangePoint(start, before, after)
        for (_, before), (start, after) in pairwise(levels)
        if abs(after - before) > LEAST_SHARE * abs(before)
    )

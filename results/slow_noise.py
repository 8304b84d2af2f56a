"""Noise slower than a pass: by how much more means of passes vary than those of independent ones would.

Source: batch means; Flyvbjerg and Petersen, Error estimates on averages of correlated data (1989).
"""

import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from results.joined import parts
from results.pairing import Pair
from results.run import Run

_BATCHES = 7
"""So many at least, as long as that leaves: noise may be slower than ten passes too."""
_COMMON = 8
"""As many degrees of freedom of its own a series needs to count for as much as all of its scenario do."""


class SlowNoise:
    """Of the series of two runs.

    One series alone is too short to tell it, and it is the host's: what all series of a scenario have alike
    is counted with what each has itself.

    Args:
        base: one run.
        new: the other.
        pairs: the series.
    """

    def __init__(self, base: Run, new: Run, pairs: Iterable[Pair]) -> None:
        self._runs = base, new
        found: dict[str, list[_Told]] = {}
        for pair in pairs:
            found.setdefault(pair.identity.scenario, []).extend(self._told(pair))
        self._common = {scenario: _mean(told) for scenario, told in found.items()}

    def inflation(self, pair: Pair) -> float:
        """The factor of the variances of both sides' means, at least 1."""
        common = self._common.get(pair.identity.scenario, 1.0)
        return max(1.0, _mean([*self._told(pair), (common, _COMMON)]))

    def _told(self, pair: Pair) -> list["_Told"]:
        return [
            _of(list(passes.values()))
            for run, side in zip(self._runs, (pair.base, pair.new), strict=True)
            for passes in parts(run, side)
        ]


_Told: TypeAlias = tuple[float, int]
"""The variance of means of batches as a multiple of what it should be, and its degrees of freedom."""


def _of(values: Sequence[float]) -> _Told:
    size = len(values) // _BATCHES
    if size < 2 or min(values) == max(values):
        return 1.0, 0
    count = len(values) // size
    batches = np.asarray(_scaled(values), dtype=np.float64)[: count * size].reshape(count, size)
    alone = float(batches.var(ddof=1))
    return (size * float(batches.mean(axis=1).var(ddof=1)) / alone if alone else 1.0), count - 1


def _scaled(values: Sequence[float]) -> Sequence[float]:
    """As logarithms where there are any: noise grows with the value."""
    return [math.log(value) for value in values] if min(values) > 0 else values


def _mean(told: Sequence[_Told]) -> float:
    freedom = sum(weight for _, weight in told)
    return sum(factor * weight for factor, weight in told) / freedom if freedom else 1.0

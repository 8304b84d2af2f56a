"""The weather of the host: what all subjects had alike, pass by pass, and is no subject's doing.

Passes are interleaved, so what slows the host slows whoever is asked in that pass. How much is told by those
that can't have changed for the same reason: subjects of another version than the one that is judged.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, variance

from results.pairing import Pair
from results.record import Kind
from results.run import Run
from results.series import Identity
from results.statistics import chance

LEAST_OTHERS = 3
"""With fewer one of them that changed itself would be taken for the weather."""


@dataclass(frozen=True)
class Weather:
    """What the others had: by which factor they changed, and in both runs each pass's factor.

    `apart` is how far their changes are from that one, in logarithms, beyond what chance seldom exceeds:
    what one run and the next have of their own.
    """

    change: float
    apart: float
    base: Mapping[int, float]
    new: Mapping[int, float]

    def without(self, pair: Pair) -> Pair | None:
        """The pair as it would have been in the same weather; None where a pass has none."""
        if not (pair.base.keys() <= self.base.keys() and pair.new.keys() <= self.new.keys()):
            return None
        half = math.sqrt(self.change)
        return Pair(
            pair.identity,
            {number: value / self.base[number] * half for number, value in pair.base.items()},
            {number: value / self.new[number] / half for number, value in pair.new.items()},
        )


class Weathers:
    """The weather of each metric of two runs.

    Args:
        run: whose subjects have kinds and versions.
        pairs: the metrics of both runs.
    """

    def __init__(self, run: Run, pairs: Sequence[Pair]) -> None:
        self._subjects = {subject.name: subject for subject in run.subjects}
        self._told: dict[Identity, list[_Told]] = {}
        for pair in pairs:
            if pair.is_positive:
                version = self._subjects[pair.identity.subject].version
                self._told.setdefault(pair.identity.measure, []).append(_told(pair, version))

    def of(self, pair: Pair) -> Weather | None:
        """What others had meanwhile; None where fewer than three tell it, and for the host itself."""
        subject = self._subjects[pair.identity.subject]
        others = [
            told for told in self._told.get(pair.identity.measure, ()) if told.version != subject.version
        ]
        if subject.kind is Kind.HOST or len(others) < LEAST_OTHERS:
            return None
        return Weather(
            math.exp(median(told.change for told in others)),
            _apart(others),
            _middle([told.base for told in others]),
            _middle([told.new for told in others]),
        )


@dataclass(frozen=True)
class _Told:
    """What one subject tells: its change and the variance of that by chance, and its passes around the mean
    of their run, in logarithms."""

    version: str
    change: float
    chance: float
    base: Mapping[int, float]
    new: Mapping[int, float]


def _told(pair: Pair, version: str) -> _Told:
    base, new = (
        {number: math.log(value) for number, value in side.items()} for side in (pair.base, pair.new)
    )
    before, after = fmean(base.values()), fmean(new.values())
    return _Told(
        version,
        after - before,
        chance(base.values()) + chance(new.values()),
        {number: value - before for number, value in base.items()},
        {number: value - after for number, value in new.items()},
    )


def _apart(others: Sequence[_Told]) -> float:
    """The standard deviation between their changes, beyond what chance alone seldom exceeds.

    The farthest may have changed itself and isn't counted. Of a few it has about half of the squares, so what
    is left of them is doubled; by chance they are half of the variances that they are compared with.
    """
    middle = median(told.change for told in others)
    near = sorted(others, key=lambda told: abs(told.change - middle))[:-1]
    squares = sum((told.change - middle) ** 2 for told in near) / (len(near) - 1)
    return math.sqrt(2 * max(0.0, squares - fmean(told.chance for told in near)))


def spread(pair: Pair) -> float:
    """The variance of the logarithms within both runs."""
    sides = [[math.log(value) for value in side.values()] for side in (pair.base, pair.new)]
    return fmean(variance(side) if len(side) > 1 else 0.0 for side in sides)


def _middle(others: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """For each pass that enough others made, the median of their deviations, as a factor."""
    passes: dict[int, list[float]] = {}
    for each in others:
        for number, deviation in each.items():
            passes.setdefault(number, []).append(deviation)
    return {number: math.exp(median(found)) for number, found in passes.items() if len(found) >= LEAST_OTHERS}

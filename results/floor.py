"""How large a change must be to count: the noise that two runs measured of themselves."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median

from results.joined import parts
from results.pairing import Pair, medians
from results.run import Run
from results.series import Identity
from results.significance import LEVEL, rank_sum
from results.statistics import between, chance
from results.vocabulary import is_exact
from results.weather import Weather
from tare.errors import UsageError

MINIMUM = 0.02
"""No threshold is smaller, unless it is given."""
MINIMUM_BYTES = 0.01
"""Of sizes that are exact but for the blocks they are counted in and the times in archives."""
_BETWEEN = 2.0
"""Standard deviations between runs that nearly all are within."""
_SURE = 1.96
"""Standard errors that 95 % of differences are within."""


class Floors:
    """The thresholds of the metrics of two runs, as shares of the smaller value.

    Args:
        base: one run.
        new: the other.
        given: thresholds by name (`startup`, `startup/time`, `startup/time/exit`); the longest name counts.

    Raises:
        UsageError: a name is no metric's of these runs.
    """

    def __init__(self, base: Run, new: Run, given: Mapping[str, float]) -> None:
        self._given = given
        self._controls = (_controls(base), _controls(new))
        self._runs = base, new
        names = {name for run in (base, new) for name in _names(run)} if given else set()
        for name in given:
            if name not in names:
                raise UsageError(
                    f"no metric of these runs is called {name!r}", "`--format json` has all their names"
                )

    def of(self, pair: Pair, weather: Weather | None = None) -> float:
        """The threshold of one metric, others of which had that weather."""
        name = pair.identity.name
        fitting = [each for each in self._given if name == each or name.startswith(f"{each}/")]
        if fitting:
            return self._given[max(fitting, key=len)]
        if is_exact(pair.identity.scenario, pair.identity.metric):
            least = MINIMUM_BYTES if pair.identity.unit == "B" else 0.0
            return max(least, *(_extent(side.values()) for side in (pair.base, pair.new)))
        control = [found.get(replace(pair.identity, subject=""), 0.0) for found in self._controls]
        sides = [
            [list(passes.values()) for passes in parts(run, side)]
            for run, side in zip(self._runs, (pair.base, pair.new), strict=True)
        ]
        drift = [_drift(values) for side in sides for values in side]
        apart = [weather.apart if weather else 0.0, *map(_between_runs, sides)]
        return max(MINIMUM, math.expm1(max(*control, *drift, _BETWEEN * max(apart))))


def _names(run: Run) -> Iterator[str]:
    for record in run.records:
        yield from (record.scenario, f"{record.scenario}/{record.metric}", Identity.of(record).name)


def _controls(run: Run) -> dict[Identity, float]:
    """How far the subject that was asked twice lies from itself, in logarithms, by all else of it."""
    asked = {subject.name: subject.again for subject in run.subjects if subject.again}
    known = medians(run)
    found = {}
    for identity, values in known.items():
        others = known.get(replace(identity, subject=asked.get(identity.subject, "")))
        if others:
            found[replace(identity, subject="")] = _surely_apart(values.values(), others.values())
    return found


def _drift(values: Sequence[float]) -> float:
    """How far the second half of the passes lies from the first, in logarithms."""
    half = len(values) // 2
    return _surely_apart(values[:half], values[-half:]) if half else 0.0


def _between_runs(runs: Sequence[Sequence[float]]) -> float:
    """The standard deviation between runs that are joined, in logarithms, beyond what chance explains."""
    several = [[math.log(value) for value in run] for run in runs if len(run) > 1 and min(run) > 0]
    return between(list(map(fmean, several)), list(map(chance, several))) if len(several) > 1 else 0.0


def _surely_apart(one: Collection[float], other: Collection[float]) -> float:
    """By which factor two medians surely differ, in logarithms; none where a rank test isn't sure of it.

    What chance may have added to the difference is no noise that a change would have to exceed.
    """
    if rank_sum(list(one), list(other)) > LEVEL or min(*one, *other) <= 0:
        return 0.0
    sides = [[math.log(value) for value in side] for side in (one, other)]
    added = _SURE * math.sqrt(sum(map(chance, sides)))
    below, above = sorted(map(median, sides))
    return max(0.0, above - below - added)


def _extent(values: Collection[float]) -> float:
    """The largest difference between passes as a share of the smallest value."""
    return (max(values) - min(values)) / min(values) if min(values) > 0 else 0.0

"""The series of a history, each over all runs that have it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from results.history.baseline import RUNS
from results.history.change_points import ChangePoint, change_points
from results.history.summary import Summary, identity
from results.series import Identity
from results.vocabulary import is_judged


@dataclass(frozen=True)
class Trend:
    """One series over time.

    Args:
        identity: which.
        runs: those that have it, the oldest first.
        values: one of each, in the unit of the series.
        changes: where its level changed; an index is one of `runs`.
    """

    identity: Identity
    runs: tuple[Summary, ...]
    values: tuple[float, ...]
    changes: tuple[ChangePoint, ...]

    @property
    def level(self) -> float:
        """The median since the newest change, in the unit of the series."""
        return median(self.values[self.changes[-1].index if self.changes else 0 :])

    @property
    def levels(self) -> Iterator[tuple[int, int, float]]:
        """Each level: the indices of its first and last run, and its median."""
        bounds = [0, *(change.index for change in self.changes), len(self.runs)]
        for start, end in pairwise(bounds):
            yield start, end - 1, median(self.values[start:end])

    @property
    def bases(self) -> tuple[tuple[float, float], ...]:
        """Of each run but the first, the lowest and the highest value of its rolling baseline."""
        before = (self.values[max(0, index - RUNS) : index] for index in range(1, len(self.values)))
        return tuple((min(values), max(values)) for values in before)


def trends(summaries: Sequence[Summary]) -> tuple[Trend, ...]:
    """All series that can become better or worse, in the order of the newest run, then of older ones.

    Args:
        summaries: of one machine and one profile, the oldest first.
    """
    having: dict[str, list[Summary]] = {}
    for summary in reversed(summaries):
        for key in summary.values:
            having.setdefault(key, []).append(summary)
    found = (_trend(identity(key), key, tuple(reversed(runs))) for key, runs in having.items())
    return tuple(trend for trend in found if trend is not None)


def _trend(series: Identity, key: str, runs: tuple[Summary, ...]) -> Trend | None:
    if not is_judged(series.scenario, series.metric):
        return None
    values = tuple(run.values[key] for run in runs)
    return Trend(series, runs, values, change_points(values))

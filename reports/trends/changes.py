"""Change points as people read them: the newest first, and of what changed together one to speak for all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.languages import gettext
from reports.series import Measure, marked
from reports.trends import History
from reports.units import quantity
from results import Better
from results.history import Summary
from results.history.change_points import ChangePoint
from results.history.trend import Trend
from results.series import Identity

_EXACT = 2
"""How many runs a change point may be from where it is found."""


@dataclass(frozen=True)
class Found:
    """One change point of one series."""

    trend: Trend
    change: ChangePoint

    @property
    def run(self) -> Summary:
        """The first run of the new level."""
        return self.trend.runs[self.change.index]

    @property
    def is_worse(self) -> bool:
        """Whether the new level is worse than the one before."""
        return (self.change.after > self.change.before) == (self.trend.identity.better is Better.LOWER)

    @property
    def measure(self) -> str:
        """What changed."""
        return title(self.trend.identity)

    @property
    def subject(self) -> str:
        """Of whom."""
        return label(self.trend.identity)

    @property
    def share(self) -> str:
        """By how much: "+6.0 %"; "from 0 B" where there is no share."""
        unit = self.trend.identity.unit
        if unit == "bool" or not self.change.before:
            return gettext("from {value}").format(value=quantity(self.change.before, unit))
        return f"{(self.change.ratio - 1) * 100:+.1f} %"

    @property
    def distance(self) -> float:
        """How large it is, whichever way."""
        ratio = self.change.ratio
        return abs(math.log(ratio)) if 0 < ratio < math.inf else math.inf


@dataclass(frozen=True)
class Headline:
    """What changed of one subject in one scenario at one time: a series that speaks for so many others."""

    found: Found
    others: int


def found(trends: Sequence[Trend]) -> tuple[Found, ...]:
    """All change points, the newest first; those of one run in the order of the series."""
    points = [Found(trend, change) for trend in trends for change in trend.changes]
    return tuple(sorted(points, key=lambda each: each.run.started, reverse=True))


def by_run(points: Sequence[Found]) -> tuple[tuple[Summary, tuple[Found, ...]], ...]:
    """Change points by the run they began with, in their order."""
    runs: dict[str, list[Found]] = {}
    for each in points:
        runs.setdefault(each.run.id, []).append(each)
    return tuple((points[0].run, tuple(points)) for points in runs.values())


def headlines(history: History, points: Sequence[Found]) -> tuple[Headline, ...]:
    """One for what changed together: the main series if it is among them, else the one that changed most."""
    places = {run.id: place for place, run in enumerate(history.runs)}
    together: dict[tuple[str, str], list[list[Found]]] = {}
    groups: list[list[Found]] = []
    for each in points:
        identity = each.trend.identity
        known = together.setdefault((identity.scenario, identity.subject), [])
        if known and places[known[-1][0].run.id] - places[each.run.id] <= _EXACT:
            known[-1].append(each)
        else:
            known.append([each])
            groups.append(known[-1])
    return tuple(
        Headline(max(group, key=lambda each: (history.is_main(each.trend), each.distance)), len(group) - 1)
        for group in groups
    )


def title(identity: Identity) -> str:
    """What a series measures."""
    return Measure(
        identity.scenario,
        identity.metric,
        identity.phase,
        identity.temperature,
        identity.unit,
        identity.better,
    ).title


def label(identity: Identity) -> str:
    """Whose series it is, marked when it was emulated."""
    return marked(identity.subject, identity.accelerator)

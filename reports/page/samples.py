"""Every sample of a scenario in words: where each number of the page leads."""

from collections.abc import Mapping
from dataclasses import dataclass

from reports.registry import charts_for, measured
from reports.series import Measure, Series, collect
from reports.units import scale
from results import Run

Anchors = Mapping[tuple[Measure, str], str]
"""The id of the samples of each measure and subject."""


@dataclass(frozen=True)
class Listing:
    """The samples of one subject for one measure, pass after pass, as text in one unit."""

    id: str
    label: str
    title: str
    unit: str
    passes: tuple[tuple[int, str], ...]


def anchors(run: Run) -> Anchors:
    """An id for all samples of each measure and subject; short, as every number of the page names one."""
    found = [
        (measure, series.subject.name)
        for chart in charts_for(run)
        for measure in measured(run, chart.scenario)
        for series in collect(run, measure)
        if series.samples
    ]
    return {key: f"s{number}" for number, key in enumerate(found, start=1)}


def listings(run: Run, scenario: str, ids: Anchors) -> tuple[Listing, ...]:
    """All samples of a scenario."""
    return tuple(
        _listing(series, ids)
        for measure in measured(run, scenario)
        for series in collect(run, measure)
        if series.samples
    )


def _listing(series: Series, ids: Anchors) -> Listing:
    factor, symbol = scale(series.estimate.value, series.measure.unit)
    passes = tuple(
        (number, " ".join(f"{sample / factor:.6g}" for sample in samples))
        for number, samples in sorted(series.passes.items())
    )
    key = series.measure, series.subject.name
    return Listing(ids[key], series.label, series.measure.title, symbol, passes)

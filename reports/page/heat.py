"""All ratios to the container at a glance: a row a measure, a column a subject, colour for how far from 1."""

import math
from dataclasses import dataclass

from reports.languages import gettext
from reports.page.samples import Anchors
from reports.registry import charts_for, measured
from reports.series import Measure, Series, collect
from reports.table import Table
from reports.units import times
from results import Better, Kind, Run
from results.statistics import Estimate

_STEPS = (1.1, 1.5, 3.0, 10.0)


@dataclass(frozen=True)
class Cell:
    """One ratio; its shade is a class of the style sheet, such as "worse-2"."""

    text: str
    value: float
    shade: str
    samples: str


@dataclass(frozen=True)
class Heat:
    """Subjects are columns; rows are in groups, one a scenario, each with the measure's title."""

    subjects: tuple[tuple[str, Kind], ...]
    rows: tuple[tuple[str, tuple[tuple[str, tuple[Cell | None, ...]], ...]], ...]


def heat(run: Run, table: Table, ids: Anchors) -> Heat:
    """The ratios of a run to the container that speaks for its kind; empty without one."""
    groups = [
        (gettext(chart.title), measure, collect(run, measure))
        for chart in charts_for(run)
        for measure in measured(run, chart.scenario)
        if measure.unit != "bool"
    ]
    subjects: dict[str, Series] = {}
    found: dict[str, list[tuple[Measure, dict[str, Cell]]]] = {}
    for title, measure, group in groups:
        base = next(
            (series for series in group if series.subject == table.container and series.samples), None
        )
        others = [series for series in group if series is not base and series.samples]
        cells = {series.subject.name: cell for series in others if (cell := _cell(series, base, ids))}
        if cells:
            found.setdefault(title, []).append((measure, cells))
            subjects |= {series.subject.name: series for series in others}
    order = sorted(subjects, key=lambda name: list(Kind).index(subjects[name].subject.kind))
    return Heat(
        tuple((subjects[name].label, subjects[name].subject.kind) for name in order),
        tuple(
            (title, tuple((measure.title, tuple(map(cells.get, order))) for measure, cells in lines))
            for title, lines in found.items()
        ),
    )


def _cell(series: Series, base: Series | None, ids: Anchors) -> Cell | None:
    ratio = series.ratio_to(base) if base else None
    if ratio is None:
        return None
    key = series.measure, series.subject.name
    return Cell(times(ratio.value), ratio.value, _shade(ratio, series.measure.better), ids[key])


def _shade(ratio: Estimate, better: Better) -> str:
    if ratio.value <= 0 or (ratio.low is not None and not ratio.excludes(1)):
        return ""
    distance = math.exp(abs(math.log(ratio.value)))
    level = sum(distance >= step for step in _STEPS)
    worse = (ratio.value > 1) == (better is Better.LOWER)
    return f"{'worse' if worse else 'better'}-{level}" if level else ""

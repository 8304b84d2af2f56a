"""One scenario of the report: its question, chart, and a table of medians with their intervals and ratios."""

from dataclasses import dataclass

from reports.registry import Chart, charts_for, measured
from reports.series import Measure, Series, collect, value
from reports.svg import inline
from reports.table import Table
from reports.units import interval, times, times_interval
from results import Better, Kind, Record, Run


@dataclass(frozen=True)
class Line:
    """One subject's line in the table of one measure; empty texts where something has no meaning."""

    label: str
    kind: Kind
    median: str
    interval: str
    n: int
    to_host: str
    to_host_interval: str
    to_container: str
    to_container_interval: str


@dataclass(frozen=True)
class Facts:
    """What was found beside the numbers of one measure: a row a fact, a column a subject."""

    title: str
    subjects: tuple[tuple[str, Kind], ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Section:
    """What the page shows of one scenario."""

    chart: Chart
    svg: str
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    has_host: bool
    lower_is_better: bool
    facts: tuple[Facts, ...]
    notes: tuple[tuple[str, str, str], ...]
    failures: tuple[Record, ...]


def sections(run: Run, table: Table) -> tuple[Section, ...]:
    """A section for every scenario of the run, in the order of the report."""
    return tuple(_section(run, table, chart) for chart in charts_for(run))


def _section(run: Run, table: Table, chart: Chart) -> Section:
    found = measured(run, chart.scenario)
    svg = inline(chart.draw(run), chart.scenario, chart.alt(run)) if found else ""
    groups = tuple((measure.title, _lines(collect(run, measure), table)) for measure in found)
    return Section(
        chart,
        svg,
        groups,
        any(line.kind is Kind.HOST for _, lines in groups for line in lines),
        all(measure.better is Better.LOWER for measure in found),
        tuple(facts for measure in found if (facts := _facts(measure.title, collect(run, measure)))),
        _notes(run, found),
        _failures(run, chart.scenario),
    )


def _lines(group: tuple[Series, ...], table: Table) -> tuple[Line, ...]:
    group = tuple(series for series in group if series.samples)
    host = next((series for series in group if series.subject.kind is Kind.HOST), None)
    container = next((series for series in group if series.subject == table.container), None)
    return tuple(_line(series, host, container) for series in group)


def _line(series: Series, host: Series | None, container: Series | None) -> Line:
    unit = series.measure.unit
    return Line(
        series.label,
        series.subject.kind,
        value(series),
        interval(series.estimate, unit),
        series.estimate.n,
        *_ratio(series, host),
        *_ratio(series, container),
    )


def _ratio(series: Series, other: Series | None) -> tuple[str, str]:
    ratio = series.ratio_to(other) if other and other is not series else None
    return (times(ratio.value), times_interval(ratio)) if ratio else ("", "")


def _notes(run: Run, found: tuple[Measure, ...]) -> tuple[tuple[str, str, str], ...]:
    """Subject, measure and what the records say beside their numbers."""
    return tuple(
        (series.label, measure.title, "; ".join(series.notes))
        for measure in found
        if measure.unit != "bool"
        for series in collect(run, measure)
        if series.notes
    )


def _facts(title: str, group: tuple[Series, ...]) -> Facts | None:
    told = tuple(series for series in group if series.facts)
    names = dict.fromkeys(name for series in told for name in series.facts)
    rows = tuple((name, tuple(series.facts.get(name, "") for series in told)) for name in names)
    return Facts(title, tuple((series.label, series.subject.kind) for series in told), rows) if rows else None


def _failures(run: Run, scenario: str) -> tuple[Record, ...]:
    """Failed measurements of a scenario; what a subject has no means for is said once, not in every pass."""
    failed = [record for record in run.records if record.scenario == scenario and not record.valid]
    said: dict[tuple[str, str, int], Record] = {}
    for record in failed:
        said.setdefault((record.subject, record.notes, 0 if record.unsupported else record.pass_), record)
    return tuple(said.values())

"""One scenario of the report: its question, chart, and a table of medians with their intervals and ratios."""

from dataclasses import dataclass

from reports.languages import gettext
from reports.literature import Published, published
from reports.page.figures import place
from reports.page.samples import Anchors, Listing, listings
from reports.registry import Chart, charts_for, measured
from reports.series import Measure, Series, collect, value
from reports.table import Table
from reports.units import interval, times, times_interval
from results import Better, Kind, Record, Run


@dataclass(frozen=True)
class Times:
    """A ratio in words, its interval, and its value to sort by; empty texts where it has no meaning."""

    text: str = ""
    interval: str = ""
    value: float | str = ""


@dataclass(frozen=True)
class Line:
    """One subject's line in the table of one measure; empty texts where something has no meaning.

    `samples` is the id of its samples in the page.
    """

    label: str
    kind: Kind
    value: float
    median: str
    interval: str
    n: int
    to_host: Times
    to_container: Times
    samples: str


@dataclass(frozen=True)
class Facts:
    """What was found beside the numbers of one measure: a row a fact, a column a subject."""

    title: str
    subjects: tuple[tuple[str, Kind], ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Section:
    """What the page shows of one scenario.

    `chart` keeps its place; `glossary` translates one that had to be drawn in English.
    """

    scenario: str
    title: str
    question: str
    method: str
    threats: str
    chart: str
    glossary: tuple[tuple[str, str], ...]
    published: tuple[tuple[int, Published], ...]
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    has_host: bool
    lower_is_better: bool
    facts: tuple[Facts, ...]
    notes: tuple[tuple[str, str, str], ...]
    samples: tuple[Listing, ...]
    failures: tuple[Record, ...]


def sections(run: Run, table: Table, ids: Anchors, *, alone: bool) -> tuple[Section, ...]:
    """A section for every scenario of the run, in the order of the report.

    With the language alone in its page, the charts may have to be drawn in English and get a glossary.
    """
    return tuple(_section(run, table, chart, ids, alone=alone) for chart in charts_for(run))


def _section(run: Run, table: Table, chart: Chart, ids: Anchors, *, alone: bool) -> Section:
    found = measured(run, chart.scenario)
    groups = tuple((measure.title, _lines(collect(run, measure), table, ids)) for measure in found)
    return Section(
        scenario=chart.scenario,
        title=gettext(chart.title),
        question=gettext(chart.question),
        method=gettext(chart.method),
        threats=gettext(chart.threats),
        chart=place(chart.scenario) if found else "",
        glossary=chart.glossary(run) if alone else (),
        published=published(chart.scenario),
        groups=groups,
        has_host=any(line.kind is Kind.HOST for _, lines in groups for line in lines),
        lower_is_better=all(measure.better is Better.LOWER for measure in found),
        facts=tuple(facts for measure in found if (facts := _facts(measure.title, collect(run, measure)))),
        notes=_notes(run, found),
        samples=listings(run, chart.scenario, ids),
        failures=_failures(run, chart.scenario),
    )


def _lines(group: tuple[Series, ...], table: Table, ids: Anchors) -> tuple[Line, ...]:
    group = tuple(series for series in group if series.samples)
    host = next((series for series in group if series.subject.kind is Kind.HOST), None)
    container = next((series for series in group if series.subject == table.container), None)
    return tuple(_line(series, host, container, ids) for series in group)


def _line(series: Series, host: Series | None, container: Series | None, ids: Anchors) -> Line:
    estimate, unit = series.estimate, series.measure.unit
    return Line(
        series.label,
        series.subject.kind,
        estimate.value,
        value(series),
        interval(estimate, unit),
        estimate.n,
        _times(series, host),
        _times(series, container),
        ids[series.measure, series.subject.name],
    )


def _times(series: Series, other: Series | None) -> Times:
    ratio = series.ratio_to(other) if other and other is not series else None
    return Times(times(ratio.value), times_interval(ratio), ratio.value) if ratio else Times()


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

"""The page of a history: its verdict, changes, charts by scenario, all series and all runs."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.fonts import drawable
from reports.languages import Language, gettext, speaking, spoken
from reports.page import Body, body, page
from reports.page.download import Download, packed
from reports.page.figures import Drawing, figure_texts, figures, place
from reports.registry import chart_of
from reports.trends import History
from reports.trends.changes import Found, by_run, found, headlines, label, title
from reports.trends.chart import LEAST, Panel, figure
from reports.units import quantity
from results import Kind
from results.history import Summary
from results.history.baseline import RUNS
from results.history.change_points import LEAST_RUNS
from results.history.trend import Trend

_TOLD = 8
_FURTHER = 5
"""Measures that are drawn of a scenario beside its main one; the table has all."""
_KINDS = list(Kind)


@dataclass(frozen=True)
class Section:
    """One scenario: the place of its chart, and what that says where it could only be drawn in English."""

    scenario: str
    title: str
    question: str
    chart: str
    glossary: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Line:
    """One series in the table: how many runs have it, its level now, and its newest change."""

    trend: Trend
    measure: str
    subject: str
    level: str
    newest: Found | None


def render(history: History, languages: Sequence[Language]) -> str:
    """The page in one or more languages, as text."""
    first, *others = languages
    with speaking(first):
        drawn = figures(_drawings(history, drawable()))
        bodies = [_body(history, drawn.texts, alone=not others)]
    for other in others:
        with speaking(other):
            bodies.append(_body(history, figure_texts(_drawings(history, other)), alone=False))
    return page(bodies, drawn)


def _body(history: History, charts: tuple[str, ...], *, alone: bool) -> Body:
    points = found(history.trends)
    told = headlines(history, points)
    scenarios = _scenarios(history)
    return body(
        "trends.html",
        gettext("What changed over time? {profile} runs of {machine}").format(
            profile=history.profile, machine=history.machine
        ),
        charts=charts,
        history=history,
        link=_link,
        verdict=_verdict(history, points),
        headlines=told[:_TOLD],
        untold=len(told[_TOLD:]),
        changes=by_run(points),
        changed={run.id: len(having) for run, having in by_run(points)},
        sections=[_section(history, scenario, alone=alone) for scenario in scenarios],
        groups=[(gettext(chart_of(scenario).title), _lines(history, scenario)) for scenario in scenarios],
        base=RUNS,
        least=LEAST_RUNS,
        reach=f"{LEAST:.0%}",
        further=_FURTHER,
        downloads=[_download(history)],
    )


def _scenarios(history: History) -> list[str]:
    found = {trend.identity.scenario: None for trend in history.trends}
    return sorted(found, key=lambda scenario: chart_of(scenario).order)


def _link(run: Summary) -> str:
    """Where to read about a run's commit; a link of another kind than to a web page is none."""
    return run.link if run.link.startswith(("https://", "http://")) else ""


def _verdict(history: History, points: Sequence[Found]) -> str:
    count = len(history.runs)
    if count < 2 * LEAST_RUNS:
        told = gettext("So far {count} of the {least} runs from which on a change can be told from chance.")
        return told.format(count=count, least=2 * LEAST_RUNS)
    if not points:
        return gettext("Nothing changed in {count} runs.").format(count=count)
    worse = sum(each.is_worse for each in points)
    return gettext("{count} runs. Changes for the worse: {worse}, for the better: {better}.").format(
        count=count, worse=worse, better=len(points) - worse
    )


def _section(history: History, scenario: str, *, alone: bool) -> Section:
    """Of a language alone in its page, charts may have to be drawn in English and get a glossary."""
    chart = chart_of(scenario)
    glossary: tuple[tuple[str, str], ...] = ()
    if alone and drawable() is not spoken():
        measures = [rows[0].identity for rows in _shown(history, scenario)]
        with speaking(drawable()):
            drawn = [title(measure) for measure in measures]
        glossary = tuple(zip(drawn, (title(measure) for measure in measures), strict=True))
    return Section(scenario, gettext(chart.title), gettext(chart.question), place(scenario), glossary)


def _drawings(history: History, language: Language) -> Iterator[Drawing]:
    """The charts with their texts in a language, and what is told of them in the spoken one."""
    for scenario in _scenarios(history):
        shown = _shown(history, scenario)
        with speaking(language):
            drawn = figure([Panel(title(rows[0].identity), rows) for rows in shown], history.runs)
        yield scenario, drawn, _alternative(gettext(chart_of(scenario).title), shown)


def _shown(history: History, scenario: str) -> list[tuple[Trend, ...]]:
    """What is drawn of a scenario: its main measure of all, and of others that changed some series."""
    trends = [trend for trend in history.trends if trend.identity.scenario == scenario]
    kinds = {name: _KINDS.index(kind) for run in history.runs for name, kind in run.kinds.items()}
    trends.sort(key=lambda trend: kinds.get(trend.identity.subject, len(_KINDS)))
    measures: dict[object, list[Trend]] = {}
    for trend in trends:
        if history.is_main(trend) or trend.changes:
            measures.setdefault(trend.identity.measure, []).append(trend)
    rows = [tuple(each) for each in measures.values()] or [tuple(trends[:1])]
    return sorted(rows, key=lambda each: not history.is_main(each[0]))[: 1 + _FURTHER]


def _alternative(head: str, shown: Sequence[tuple[Trend, ...]]) -> str:
    """The charts in words, for a person who can't see them."""
    lines = [gettext("{title}.").format(title=head)]
    for rows in shown:
        values = gettext(", ").join(_words(trend) for trend in rows)
        lines.append(gettext("{title}: {text}.").format(title=title(rows[0].identity), text=values))
    return " ".join(lines)


def _words(trend: Trend) -> str:
    level = f"{label(trend.identity)} {quantity(trend.level, trend.identity.unit)}"
    if not trend.changes:
        return level
    newest = Found(trend, trend.changes[-1])
    return gettext("{level} ({share} since {run})").format(level=level, share=newest.share, run=newest.run.id)


def _lines(history: History, scenario: str) -> list[Line]:
    return [
        Line(
            trend,
            title(trend.identity),
            label(trend.identity),
            quantity(trend.level, trend.identity.unit),
            Found(trend, trend.changes[-1]) if trend.changes else None,
        )
        for trend in history.trends
        if trend.identity.scenario == scenario
    ]


def _download(history: History) -> Download:
    """All numbers as CSV: a row a series, a column a run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["series", "unit", "better", *(run.id for run in history.runs)])
    for trend in history.trends:
        values: dict[str, float] = dict(zip((run.id for run in trend.runs), trend.values, strict=True))
        identity = trend.identity
        numbers = (f"{values[run.id]:.6g}" if run.id in values else "" for run in history.runs)
        writer.writerow([identity, identity.unit, identity.better, *numbers])
    return packed(_name(history.runs[-1]), "text/csv", text.getvalue().encode())


def _name(newest: Summary) -> str:
    return f"trends-{newest.id}.csv"

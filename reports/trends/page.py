"""The page of a history: its verdict, changes, charts by scenario, all series and all runs."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.fonts import drawable
from reports.languages import Language, gettext, speaking, spoken
from reports.page import Body, body, page
from reports.page.download import Download, packed
from reports.registry import chart_of
from reports.svg import inline
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
    """One scenario: its charts, and what they say in English where they could only be drawn in that."""

    scenario: str
    title: str
    question: str
    svg: str
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
    bodies = [_spoken(history, one, "" if one is languages[0] else f"{one.code}-") for one in languages]
    return page(bodies, downloads=[_download(history)])


def _spoken(history: History, language: Language, prefix: str) -> Body:
    with speaking(language):
        points = found(history.trends)
        told = headlines(history, points)
        scenarios = sorted(
            {trend.identity.scenario: None for trend in history.trends},
            key=lambda scenario: chart_of(scenario).order,
        )
        made = body(
            "trends.html",
            gettext("What changed over time? {profile} runs of {machine}").format(
                profile=history.profile, machine=history.machine
            ),
            at=prefix,
            history=history,
            link=_link,
            verdict=_verdict(history, points),
            headlines=told[:_TOLD],
            untold=len(told[_TOLD:]),
            changes=by_run(points),
            changed={run.id: len(having) for run, having in by_run(points)},
            sections=[_section(history, scenario, prefix) for scenario in scenarios],
            groups=[(gettext(chart_of(scenario).title), _lines(history, scenario)) for scenario in scenarios],
            base=RUNS,
            least=LEAST_RUNS,
            reach=f"{LEAST:.0%}",
            further=_FURTHER,
        )
        return replace(made, inside=gettext("The number of every run and series is inside this page."))


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


def _section(history: History, scenario: str, prefix: str) -> Section:
    trends = [trend for trend in history.trends if trend.identity.scenario == scenario]
    kinds = {name: _KINDS.index(kind) for run in history.runs for name, kind in run.kinds.items()}
    trends.sort(key=lambda trend: kinds.get(trend.identity.subject, len(_KINDS)))
    chart = chart_of(scenario)
    shown = _shown(history, trends)
    with speaking(drawable()):
        panels = [Panel(title(rows[0].identity), rows) for rows in shown]
        drawn = figure(panels, history.runs)
    glossary = (
        ()
        if drawable() is spoken()
        else tuple((panel.title, title(panel.rows[0].identity)) for panel in panels)
    )
    return Section(
        scenario,
        gettext(chart.title),
        gettext(chart.question),
        inline(drawn, f"{prefix}{scenario}", _alternative(gettext(chart.title), shown)),
        glossary,
    )


def _shown(history: History, trends: Sequence[Trend]) -> list[tuple[Trend, ...]]:
    """What is drawn of a scenario: its main measure of all, and of others that changed some series."""
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

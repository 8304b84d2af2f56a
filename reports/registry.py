"""The charts: one file a scenario in `reports/charts/`, each with a `CHART`; a new chart is one new file."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from matplotlib.figure import Figure

from reports import charts
from reports.fonts import drawable
from reports.languages import gettext, speaking, spoken
from reports.literature import published
from reports.series import Measure, collect, is_measured, measures
from reports.strip import Marks, Panel, by_subject, figure
from reports.units import quantity
from results import Run


@dataclass(frozen=True)
class Chart:
    """How one scenario is shown.

    Args:
        scenario: the scenario's name.
        order: its place in the report.
        title: the section's head.
        question: what the scenario asks.
        method: how it was measured, in a sentence or two.
        draw: the figure of a run that has samples of the scenario.
        threats: what could be wrong with it.

    The texts are English, to be translated where they are shown.
    """

    scenario: str
    order: int
    title: str
    question: str
    method: str
    draw: Callable[[Run], Figure]
    threats: str = ""

    def drawn(self, run: Run) -> Figure:
        """The figure in the spoken language; in English where no font of this host draws that one."""
        with speaking(drawable()):
            return self.draw(run)

    def glossary(self, run: Run) -> tuple[tuple[str, str], ...]:
        """What the figure says in English and the spoken language, where it isn't drawn in that."""
        if drawable() is spoken():
            return ()
        found = measured(run, self.scenario)
        with speaking(drawable()):
            drawn = [measure.title for measure in found]
        return tuple(zip(drawn, (measure.title for measure in found), strict=True))

    def alt(self, run: Run) -> str:
        """The chart's medians in words, for a person who can't see it."""
        told = (_words(run, measure) for measure in measured(run, self.scenario))
        return " ".join((gettext("{title}.").format(title=gettext(self.title)), *told))


@cache
def charts_known() -> tuple[Chart, ...]:
    """All charts, in the order of the report."""
    modules = [
        import_module(f"{charts.__name__}.{entry.name}") for entry in pkgutil.iter_modules(charts.__path__)
    ]
    return tuple(sorted((module.CHART for module in modules), key=lambda chart: chart.order))


def charts_for(run: Run) -> tuple[Chart, ...]:
    """A chart for every scenario of the run: its own, or a plain one for a scenario without a file."""
    scenarios = dict.fromkeys(record.scenario for record in run.records)
    known = [chart for chart in charts_known() if chart.scenario in scenarios]
    named = {chart.scenario for chart in known}
    return (*known, *(_plain(scenario) for scenario in scenarios if scenario not in named))


def chart_of(scenario: str) -> Chart:
    """The chart of a scenario: its own, or a plain one."""
    return next((chart for chart in charts_known() if chart.scenario == scenario), _plain(scenario))


def measured(run: Run, scenario: str) -> tuple[Measure, ...]:
    """The measures of a scenario that have samples."""
    return tuple(measure for measure in measures(run, scenario) if is_measured(run, measure))


def panels(run: Run, scenario: str, columns: int = 1) -> Figure:
    """The usual figure: a panel a measure, a row a subject."""
    return figure([panel(run, measure) for measure in measured(run, scenario)], columns)


def panel(run: Run, measure: Measure) -> Panel:
    """A panel of one measure, with what was published of it."""
    return by_subject(measure.title, collect(run, measure), marks(measure))


def marks(measure: Measure) -> Marks:
    """What was published of a measure, by its number."""
    return tuple(
        (f"[{number}]", figure.value)
        for number, figure in published(measure.scenario)
        if (figure.metric, figure.phase, figure.unit) == (measure.metric, measure.phase, measure.unit)
    )


def _plain(scenario: str) -> Chart:
    title = scenario.replace("-", " ").capitalize()
    return Chart(scenario, 1000, title, "", "", lambda run: panels(run, scenario))


def _words(run: Run, measure: Measure) -> str:
    values = gettext(", ").join(
        f"{series.label} {quantity(series.estimate.value, measure.unit)}"
        for series in collect(run, measure)
        if series.samples
    )
    return gettext("{title}: {text}.").format(title=measure.title, text=values)

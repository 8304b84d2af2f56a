"""Strip charts: a row a subject, every sample a point, the median a tick, its interval a band.

Within its row a sample is the higher, the more samples are smaller: a row is a distribution function.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias, TypeGuard

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from reports.area import Area, Scale
from reports.languages import gettext
from reports.paint import BY_KIND, FAINT
from reports.series import Measure, Series
from reports.sheet import Block, Plot, beside, label, sheet
from reports.units import quantity, scale, with_symbol
from results import Kind

LOG_FROM = 20.0
"""Values further apart than this factor get a logarithmic axis."""
_ROW = 0.27
_BAND = 0.56

Marks = tuple[tuple[str, float], ...]
"""Labels and values."""
_Ends: TypeAlias = tuple[float, float]
"""The lowest and the highest value."""
MARKERS: dict[Kind, str] = {Kind.HOST: "D", Kind.CONTAINER: "o", Kind.VM: "s"}


@dataclass(frozen=True)
class Panel:
    """One plot of a strip chart.

    Args:
        title: what it shows.
        rows: labelled rows of one unit; one without samples says "no data".
        marks: labelled values in the same unit that were published.
    """

    title: str
    rows: tuple[tuple[str, Series | None], ...]
    marks: Marks = ()

    @property
    def series(self) -> tuple[Series, ...]:
        """The rows that have samples."""
        return tuple(series for _, series in self.rows if _has(series))


def by_subject(title: str, series: Sequence[Series], marks: Marks = ()) -> Panel:
    """A panel with a row a subject."""
    return Panel(title, tuple((item.label, item) for item in series), marks)


def aligned(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """The panels with the same rows in each, so that they can share their labels."""
    labels = sorted(
        {label: series for panel in panels for label, series in panel.rows}.items(),
        key=lambda item: list(Kind).index(item[1].subject.kind) if item[1] else 0,
    )
    return tuple(
        replace(panel, rows=tuple((label, dict(panel.rows).get(label)) for label, _ in labels))
        for panel in panels
    )


def figure(panels: Sequence[Panel], columns: int = 1) -> Figure:
    """A figure of panels side by side, sharing row labels when there is more than one column."""
    return sheet(strips(panels, min(columns, len(panels))))


def strips(panels: Sequence[Panel], columns: int = 1) -> Block:
    """The panels as plots in columns, which share their labels, and whose axes can be compared by eye."""
    together = aligned(panels) if columns > 1 else tuple(panels)
    found = _ends(together)
    plots = [
        Plot(
            height=_ROW * len(panel.rows),
            draw=partial(_draw, panel=panel, reach=_reach(panel, found), labelled=index % columns == 0),
            labels=tuple(label for label, _ in panel.rows) if index % columns == 0 else (),
            values=tuple(_told(series) for _, series in panel.rows),
        )
        for index, panel in enumerate(together)
    ]
    empty = [None] * (-len(plots) % columns)
    places = [*plots, *empty]
    return [places[at : at + columns] for at in range(0, len(places), columns)]


def by_part(
    title: str, series: Sequence[tuple[str, Series]], marks: Callable[[Measure], Marks] = lambda _: ()
) -> tuple[Panel, ...]:
    """A panel a subject with a row for each of its parts, named and in order."""
    found: dict[str, list[tuple[str, Series]]] = {}
    for name, item in series:
        if item.samples:
            found.setdefault(item.label, []).append((name, item))
    return tuple(
        Panel(
            f"{title}: {label}", tuple(rows), tuple(mark for _, item in rows for mark in marks(item.measure))
        )
        for label, rows in found.items()
    )


def _ends(panels: Sequence[Panel]) -> dict[str, _Ends]:
    """The lowest and highest sample of each unit, so that panels of it can be compared by eye."""
    found: dict[str, _Ends] = {}
    for series in (series for panel in panels for series in panel.series):
        samples, unit = series.samples, series.measure.unit
        low, high = found.get(unit, (math.inf, -math.inf))
        found[unit] = min(low, *samples), max(high, *samples)
    return found


def _reach(panel: Panel, found: Mapping[str, _Ends]) -> _Ends:
    """What the axis of a panel has to reach: the ends of its units, and what was published."""
    values = [value for series in panel.series for value in found[series.measure.unit]]
    values += [value for _, value in panel.marks]
    return min(values, default=0.0), max(values, default=0.0)


def _draw(area: Area, panel: Panel, reach: _Ends, *, labelled: bool) -> None:
    """Draw one panel over the values it must reach; the medians stand in numbers at its right edge."""
    area.title(panel.title)
    area.y = Scale(len(panel.rows) - 0.5, -0.5)
    if panel.series:
        set_axis(area, panel.series[0].measure.unit, *reach)
    else:
        area.ticks_below(())
    for row, (name, series) in enumerate(panel.rows):
        if labelled:
            label(area, row, name)
        beside(area, row, _told(series), BY_KIND[series.subject.kind] if _has(series) else FAINT)
    alike: dict[tuple[Kind, str | None], list[tuple[int, Series]]] = {}
    for row, (_, series) in enumerate(panel.rows):
        if _has(series):
            alike.setdefault((series.subject.kind, series.accelerator), []).append((row, series))
    for rows in alike.values():
        _rows(area, rows)
    for name, value in panel.marks:
        area.upright(value, color=FAINT.colour, linewidth=0.9, linestyle=":")
        (x,) = area.across(value)
        area.write(x + 2, area.bottom + 2, name, fontsize=6.5, color=FAINT.colour)


def set_axis(area: Area, unit: str, low: float, high: float) -> None:
    """Give a plot its horizontal scale and ticks; it is logarithmic where the values differ a lot."""
    if low > 0 and high / low > LOG_FROM:
        area.x = Scale(low / 1.6, high * 1.6, logarithmic=True)
        ticks = LogLocator(base=2 if unit == "B" else 10, numticks=6)
        found = ticks.tick_values(area.x.first, area.x.last)
        area.ticks_below([(tick, quantity(tick, unit)) for tick in found])
        return
    if unit == "bool":
        area.x = Scale(-0.04, 1.08)
        area.ticks_below([(0, gettext("no")), (1, gettext("yes"))])
        return
    factor, symbol = scale(max(abs(low), abs(high)), unit)
    steps = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10], integer=unit in ("1", "lines"))
    area.x = Scale(min(0, low * 1.08), high * 1.08 if high > 0 else 1)
    found = steps.tick_values(area.x.first / factor, area.x.last / factor)
    area.ticks_below([(tick * factor, with_symbol(f"{tick:g}", symbol)) for tick in found])


def _rows(area: Area, rows: Sequence[tuple[int, Series]]) -> None:
    """Draw series that look alike: as few artists as can be, since each of them takes time."""
    first = rows[0][1]
    colour = BY_KIND[first.subject.kind].colour
    for row, series in rows:
        _interval(area, row, series)
    if not area.x.logarithmic:
        alone = [(row, series) for row, series in rows if len(series.samples) == 1]
        bars = [((0, series.samples[0]), (row, row)) for row, series in alone]
        _segments(area, bars, color=(colour, 0.35), linewidth=4)
    x = [value for _, series in rows for value in sorted(series.samples)]
    y = [place for row, series in rows for place in _ranked(row, len(series.samples))]
    points(area, x, y, first)
    medians = [((series.estimate.value,) * 2, (row - 0.4, row + 0.4)) for row, series in rows]
    _segments(area, medians, color=colour, linewidth=1.8)


def _ranked(row: int, count: int) -> list[float]:
    """Heights within a row of samples in order: what share of them is lower, so that a row is their ECDF."""
    return [row + _BAND * (0.5 - (index + 0.5) / count) for index in range(count)]


def _interval(area: Area, row: int, series: Series) -> None:
    estimate, colour = series.estimate, BY_KIND[series.subject.kind].colour
    if estimate.low is None or estimate.high is None:
        return
    emulated = series.accelerator == "tcg"
    area.rectangle(
        (estimate.low, estimate.high),
        (row - 0.34, row + 0.34),
        facecolor="none" if emulated else (colour, 0.16),
        edgecolor=(colour, 0.75),
        linewidth=0.6,
        hatch="////" if emulated else None,
    )


def _segments(
    area: Area, segments: Sequence[tuple[tuple[float, float], tuple[float, float]]], **look: Any
) -> None:
    """Draw segments, each given by its two x and its two y, as one line with gaps."""
    x = [value for ends, _ in segments for value in (*ends, math.nan)]
    y = [value for _, ends in segments for value in (*ends, math.nan)]
    if segments:
        area.line(x, y, solid_capstyle="butt", **look)


def points(area: Area, x: Sequence[float], y: Sequence[float], series: Series) -> None:
    """Draw samples in the colour and shape of their subject's kind, hollow when emulated."""
    colour = BY_KIND[series.subject.kind].colour
    area.line(
        x,
        y,
        linestyle="none",
        marker=MARKERS[series.subject.kind],
        markersize=3.6,
        markerfacecolor="none" if series.accelerator == "tcg" else (colour, 0.55),
        markeredgecolor=colour,
        markeredgewidth=0.8,
    )


def _has(series: Series | None) -> TypeGuard[Series]:
    return series is not None and bool(series.samples)


def _told(series: Series | None) -> str:
    if not _has(series):
        return gettext("no data")
    return quantity(series.estimate.value, series.measure.unit)

"""What idle instances cost in host memory."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from reports.area import Area, Scale
from reports.languages import gettext
from reports.paint import BY_KIND, FAINT
from reports.registry import Chart, marks, measured, panel
from reports.series import Measure, Series, collect, lookup
from reports.sheet import Block, Plot, sheet
from reports.strip import LOG_FROM, by_part, points, strips
from reports.units import quantity, scale
from results import Run
from results.vocabulary import find

_SLOPES = {"total": "marginal", "memavailable": "slope"}
"""What is measured over a number of instances, and the metric of the slope of the line through it."""
_PARTS = "part"
_LINES_HEIGHT = 2.6
_LINES_FOOT = 0.5
_WIDEST_TICKS = ("1,024 MiB",)
_LABEL_GAP = 14.0
_LABEL_APART = 12.0
_NAME_GAP = 19.0
_MARGIN = 0.05
_Curves: TypeAlias = Mapping[str, Sequence[tuple[int, Series]]]


def _draw(run: Run) -> Figure:
    found = measured(run, "memory")
    whole = [panel(run, each) for each in found if each.metric not in (*_SLOPES, _PARTS)]
    parts = [(each.title, series) for each in found if each.metric == _PARTS for series in collect(run, each)]
    counted = [
        measures
        for metric in _SLOPES
        if (measures := [each for each in found if each.metric == metric and each.phase.isdecimal()])
    ]
    lines = [_density(run, measures) for measures in counted]
    return sheet(strips(whole, 2), strips(by_part(gettext("Parts"), parts, marks)), *lines)


def _density(run: Run, counted: list[Measure]) -> Block:
    """One metric against the number of instances, a line through the medians."""
    curves: dict[str, list[tuple[int, Series]]] = {}
    for measure in sorted(counted, key=lambda measure: int(measure.phase)):
        for series in collect(run, measure):
            if series.samples:
                curves.setdefault(_with_slope(run, series), []).append((int(measure.phase), series))
    draw = partial(_draw_density, curves=curves, counted=counted)
    return [[Plot(_LINES_HEIGHT, draw, _WIDEST_TICKS, tuple(curves), foot=_LINES_FOOT, gap=_LABEL_GAP)]]


def _draw_density(area: Area, curves: _Curves, counted: list[Measure]) -> None:
    entry = find("memory", counted[0].metric)
    area.title(gettext(entry.meaning) if entry else counted[0].metric)
    _counts_axis(area, sorted({int(measure.phase) for measure in counted}))
    _bytes_axis(area, [value for curve in curves.values() for _, series in curve for value in series.samples])
    for curve in curves.values():
        first = curve[0][1]
        area.line(
            [count for count, _ in curve],
            [series.estimate.value for _, series in curve],
            color=BY_KIND[first.subject.kind].colour,
            linewidth=1.2,
            linestyle="--" if first.accelerator == "tcg" else "-",
        )
        for count, series in curve:
            points(area, [count] * len(series.samples), series.samples, series)
    _labels(area, curves)


def _with_slope(run: Run, series: Series) -> str:
    """The subject's name, and what each further instance took by the line through its samples."""
    slope = lookup(run, series.subject.name, "memory", _SLOPES[series.measure.metric])
    if slope is None or not slope.samples:
        return series.label
    each = quantity(slope.estimate.value, "B")
    return gettext("{subject}: {slope} each").format(subject=series.label, slope=each)


def _counts_axis(area: Area, counts: Sequence[int]) -> None:
    margin = _MARGIN * max(counts[-1] - counts[0], 1)
    area.x = Scale(counts[0] - margin, counts[-1] + margin)
    area.ticks_below([(count, str(count)) for count in counts])
    middle = (area.left + area.right) / 2
    area.write(
        middle, area.bottom - _NAME_GAP, gettext("instances"), ha="center", va="top", color=FAINT.colour
    )


def _bytes_axis(area: Area, values: Sequence[float]) -> None:
    low, high = min(values), max(values)
    if low > 0 and high / low > LOG_FROM:
        margin = (high / low) ** _MARGIN
        area.y = Scale(low / margin, high * margin, logarithmic=True)
        ticks = LogLocator(base=2, numticks=7).tick_values(area.y.first, area.y.last)
        area.ticks_beside([(tick, quantity(tick, "B")) for tick in ticks])
        return
    factor, symbol = scale(max(abs(low), abs(high)), "B")
    steps = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10])
    ticks = steps.tick_values(min(0, low) / factor, high / factor)
    margin = _MARGIN * (high - low)
    area.y = Scale(min(low - margin, ticks[0] * factor), max(high + margin, ticks[-1] * factor))
    area.ticks_beside([(tick * factor, f"{tick:g} {symbol}") for tick in ticks])


def _labels(area: Area, curves: _Curves) -> None:
    """Name each curve beside its end, pushed apart where ends are close."""
    ends = {label: (curve[-1][0], curve[-1][1].estimate.value) for label, curve in curves.items()}
    lowest = sorted(ends, key=lambda label: ends[label][1])
    places = _apart([float(area.up(ends[label][1])[0]) for label in lowest], area)
    for label, place in zip(lowest, places, strict=True):
        colour = BY_KIND[curves[label][0][1].subject.kind].colour
        (x,), (y,) = area.across(ends[label][0]), area.up(ends[label][1])
        area.write(area.right + _LABEL_GAP, place, label, va="center", fontsize=7.5, color=colour)
        area.lead((x, y), (area.right + _LABEL_GAP, place), color=colour, linewidth=0.5)


def _apart(places: Sequence[float], area: Area) -> list[float]:
    """The places, the lowest first, as far apart as labels have to be; below the top while there is room."""
    apart = list(places)
    for index in range(1, len(apart)):
        apart[index] = max(apart[index], apart[index - 1] + _LABEL_APART)
    limit = max(area.top, area.bottom + _LABEL_APART * (len(apart) - 1))
    for index in reversed(range(len(apart))):
        apart[index] = min(apart[index], limit)
        limit = apart[index] - _LABEL_APART
    return apart


CHART = Chart(
    scenario="memory",
    order=40,
    title="Memory",
    question="How much of the host's memory does an idle instance take?",
    method=(
        "Proportional set size counts every process that serves the instance, each shared page divided "
        "among its users (proc(5)). The memory of each further instance is the slope of a least-squares line "
        "through the sum over 1, 2, 4 and 8 instances, the kernel's memory charged to them with it; by it so "
        "many would fit into the host's memory. MemAvailable also sees what is charged to nobody, and "
        "whatever else the host did meanwhile."
    ),
    draw=_draw,
    threats=(
        "MemAvailable settles lazily, and whatever else runs on the host moves it. The proportional set "
        "size of a container leaves out kernel memory, which its slopes have."
    ),
)

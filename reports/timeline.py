"""Timelines: a row a subject, the medians of successive moments as the ends of bars on one axis."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

from matplotlib.patches import Patch

from reports.area import Area, Scale
from reports.paint import BY_KIND, INK
from reports.series import Series
from reports.sheet import FOOT, Block, Plot, beside, label
from reports.strip import set_axis
from reports.units import quantity
from results import Kind

_SHADES = (1.0, 0.62, 0.34, 0.14)
_ROW = 0.27
_LEGEND = 0.3
_Moments: TypeAlias = Sequence[tuple[str, Sequence[Series]]]


def timeline(title: str, moments: _Moments) -> Block:
    """How long each subject takes from one moment to the next, as a plot.

    Args:
        title: the plot's head.
        moments: in order, up to four, each with its name and the time since the start of each subject.
    """
    last = {series.label: series for _, group in moments for series in group if series.samples}
    rows = {label: last[label] for label in _rows(moments)}
    told = tuple(quantity(series.estimate.value, "s") for series in rows.values())
    draw = partial(_draw, title=title, moments=moments, rows=rows)
    return [[Plot(_ROW * len(rows), draw, labels=tuple(rows), values=told, foot=FOOT + _LEGEND)]]


def _draw(area: Area, title: str, moments: _Moments, rows: Mapping[str, Series]) -> None:
    """Draw it; `rows` has the last moment of each subject."""
    places = {name: row for row, name in enumerate(rows)}
    values = [series.estimate.value for _, group in moments for series in group if series.samples]
    area.title(title)
    area.y = Scale(len(rows) - 0.5, -0.5)
    set_axis(area, "s", min(values), max(values))
    begins = dict.fromkeys(rows, area.x.first)
    for (_, group), shade in zip(moments, _SHADES, strict=False):
        for series in group:
            if series.samples:
                _bar(area, places[series.label], begins[series.label], series, shade)
                begins[series.label] = series.estimate.value
    for name, series in rows.items():
        label(area, places[name], name)
        beside(area, places[name], quantity(series.estimate.value, "s"), BY_KIND[series.subject.kind])
    area.figure.legend(
        handles=[
            Patch(facecolor=(INK.colour, shade), edgecolor=INK.colour, linewidth=0.6, label=name)
            for (name, _), shade in zip(moments, _SHADES, strict=False)
        ],
        loc="upper left",
        bbox_to_anchor=(area.left, area.bottom),
        bbox_transform=area.points,
        borderaxespad=2.6,
        ncols=len(moments),
        frameon=False,
        fontsize=7,
    )


def _rows(moments: _Moments) -> list[str]:
    found = {series.label: series.subject.kind for _, group in moments for series in group if series.samples}
    return sorted(found, key=lambda label: list(Kind).index(found[label]))


def _bar(area: Area, row: int, begin: float, series: Series, shade: float) -> None:
    colour = BY_KIND[series.subject.kind].colour
    area.rectangle(
        (begin, max(series.estimate.value, begin)),
        (row - 0.31, row + 0.31),
        facecolor=(colour, shade),
        edgecolor=colour,
        linewidth=0.6,
        linestyle="--" if series.accelerator == "tcg" else "-",
    )

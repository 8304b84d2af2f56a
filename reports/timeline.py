"""Timelines: a row a subject, the medians of successive moments as the ends of bars on one axis."""

from collections.abc import Sequence
from typing import TypeAlias

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from reports.paint import BY_KIND, INK
from reports.series import Series
from reports.strip import beside, set_axis
from reports.units import quantity
from results import Kind

_SHADES = (1.0, 0.62, 0.34, 0.14)
_ROW = 0.27
_FRAME = 0.95
_Moments: TypeAlias = Sequence[tuple[str, Sequence[Series]]]


def timeline_height(moments: _Moments) -> float:
    """Height of the plot in inches."""
    return _FRAME + _ROW * len(_rows(moments))


def draw_timeline(axes: Axes, title: str, moments: _Moments) -> None:
    """Draw how long each subject takes from one moment to the next.

    Args:
        axes: where to.
        title: the plot's head.
        moments: in order, up to four, each with its name and the time since the start of each subject.
    """
    rows = _rows(moments)
    places = {label: row for row, label in enumerate(rows)}
    values = [series.estimate.value for _, group in moments for series in group if series.samples]
    axes.set_title(title)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), rows)
    set_axis(axes, "s", min(values), max(values))
    begins = dict.fromkeys(rows, axes.get_xlim()[0])
    last: dict[str, Series] = {}
    for (_, group), shade in zip(moments, _SHADES, strict=False):
        for series in group:
            if series.samples:
                _bar(axes, places[series.label], begins[series.label], series, shade)
                begins[series.label] = series.estimate.value
                last[series.label] = series
    for label, series in last.items():
        beside(axes, places[label], quantity(series.estimate.value, "s"), BY_KIND[series.subject.kind])
    axes.legend(
        handles=[
            Patch(facecolor=(INK.colour, shade), edgecolor=INK.colour, linewidth=0.6, label=name)
            for (name, _), shade in zip(moments, _SHADES, strict=False)
        ],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        borderaxespad=2.6,
        ncols=len(moments),
        frameon=False,
        fontsize=7,
    )


def _rows(moments: _Moments) -> list[str]:
    found = {series.label: series.subject.kind for _, group in moments for series in group if series.samples}
    return sorted(found, key=lambda label: list(Kind).index(found[label]))


def _bar(axes: Axes, row: int, begin: float, series: Series, shade: float) -> None:
    colour = BY_KIND[series.subject.kind].colour
    axes.barh(
        row,
        max(series.estimate.value - begin, 0),
        left=begin,
        height=0.62,
        facecolor=(colour, shade),
        edgecolor=colour,
        linewidth=0.6,
        linestyle="--" if series.accelerator == "tcg" else "-",
    )

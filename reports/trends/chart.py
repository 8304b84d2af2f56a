"""Series over runs: a row a subject, each on a scale of its own, with its levels and the rolling baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.area import POINTS, Area, Scale
from reports.paint import BY_KIND, FAINT, INK, style
from reports.sheet import WIDTH, beside
from reports.sheet import label as named
from reports.trends.changes import Found, label
from reports.units import quantity
from results import Kind
from results.history import Summary
from results.history.trend import Trend

# Laid out by hand, in inches: what matplotlib would do instead takes most of the time.
LEAST = 0.05
"""Half the height of a row as a share of its middle: what varies by less is drawn as small as it is."""
_PERCENTILE = 95
_ROW = 0.42
_HEAD = 0.28
_FRAME = 0.62
_LEFT = 1.3
_RIGHT = 0.75
_REACH = 0.42
_DATES = 6


@dataclass(frozen=True)
class Panel:
    """One plot: the series of one measure, a row each."""

    title: str
    rows: tuple[Trend, ...]


def figure(panels: Sequence[Panel], runs: Sequence[Summary]) -> Figure:
    """A figure of panels below each other, over the same runs, at least one."""
    kinds = {name: kind for run in runs for name, kind in run.kinds.items()}
    height = sum(_FRAME + _ROW * len(panel.rows) for panel in panels)
    with mpl.rc_context(style()):
        drawn = Figure(figsize=(WIDTH, height))
        left, width = _LEFT * POINTS, (WIDTH - _LEFT - _RIGHT) * POINTS
        at = height
        for panel in panels:
            at -= _HEAD + _ROW * len(panel.rows)
            area = Area(drawn, left, at * POINTS, width, _ROW * len(panel.rows) * POINTS)
            _draw(area, panel, runs, kinds)
            at -= _FRAME - _HEAD
        return drawn


def _draw(area: Area, panel: Panel, runs: Sequence[Summary], kinds: Mapping[str, Kind]) -> None:
    area.title(panel.title)
    area.x = Scale(-0.5, len(runs) - 0.5)
    area.y = Scale(len(panel.rows) - 0.5, -0.5)
    dated = sorted({round(place) for place in np.linspace(0, len(runs) - 1, min(len(runs), _DATES))})
    area.ticks_below([(place, runs[place].started[:10]) for place in dated])
    places = {run.id: place for place, run in enumerate(runs)}
    for row, trend in enumerate(panel.rows):
        named(area, row, label(trend.identity))
        _row(area, row, trend, [places[run.id] for run in trend.runs], kinds)


def _row(area: Area, row: int, trend: Trend, places: Sequence[int], kinds: Mapping[str, Kind]) -> None:
    kind = kinds.get(trend.identity.subject)
    paint = BY_KIND[kind] if kind else INK
    scale = _Scale(trend, row)
    if trend.bases:
        low, high = zip(*trend.bases, strict=True)
        around = (*places[1:], *places[:0:-1])
        edges = (*scale.heights(low), *scale.heights(high)[::-1])
        area.shape(around, edges, facecolor=(FAINT.colour, 0.2), linewidth=0)
    heights = scale.heights(trend.values)
    area.line(places, heights, color=(paint.colour, 0.65), linewidth=0.8)
    area.line(places[-1:], heights[-1:], color=paint.colour, marker="o", markersize=3)
    for first, last, level in trend.levels:
        (height,) = scale.heights([level])
        area.line([places[first], places[last]], [height, height], color=paint.colour, linewidth=1.8)
    for change in trend.changes:
        found = Found(trend, change)
        at = (places[change.index - 1] + places[change.index]) / 2
        area.line([at, at], [row - 0.46, row + 0.46], color=INK.colour, linewidth=0.9, linestyle=":")
        (x,), (y,) = area.across(at), area.up(row + (0.46 if change.after > change.before else -0.46))
        area.write(
            x + 2,
            y,
            found.share,
            va="bottom" if change.after > change.before else "top",
            fontsize=6.5,
            fontweight="bold" if found.is_worse else "normal",
            color=INK.colour,
        )
    beside(area, row, quantity(trend.level, trend.identity.unit), paint)


class _Scale:
    """From values to heights in a row, the median in its middle; what is far beyond most is at its edge."""

    def __init__(self, trend: Trend, row: int) -> None:
        values = np.asarray(trend.values)
        self._row = row
        self._middle = float(np.median(values))
        levels = [abs(level - self._middle) for _, _, level in trend.levels]
        usual = float(np.percentile(np.abs(values - self._middle), _PERCENTILE))
        self._reach = max(LEAST * abs(self._middle), usual, 1.2 * max(levels)) or 1.0

    def heights(self, values: Sequence[float]) -> NDArray[np.float64]:
        above = np.clip((np.asarray(values, dtype=np.float64) - self._middle) / self._reach, -1, 1)
        return self._row - _REACH * above

"""Plots under and beside each other on one figure, placed by the room that their texts take.

Matplotlib's own layouts draw everything once more to find that out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from reports.area import POINTS, Area
from reports.fonts import extent, families
from reports.paint import INK, Paint, style

WIDTH = 7.6
"""Width of a figure in inches; its page scales it."""
FOOT = 0.3
"""Height in inches that an axis takes below its plot."""
GAP = 5.0
"""Points between a plot and the texts at its sides."""
_HEAD = 0.33
_LABEL_SIZE = 8.0
_VALUE_SIZE = 7.5


@dataclass(frozen=True)
class Plot:
    """One plot and the room that it takes.

    Args:
        height: in inches, without title and axis.
        draw: draws it.
        labels: the texts at its left.
        values: the texts at its right.
        foot: height in inches of what is below it.
        gap: points between it and the texts at its right.
    """

    height: float
    draw: Callable[[Area], None]
    labels: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    foot: float = FOOT
    gap: float = GAP


Block: TypeAlias = Sequence[Sequence[Plot | None]]
"""Lines of plots side by side, as wide in each line; None is a place left empty."""


def sheet(*blocks: Block) -> Figure:
    """A figure of blocks from top to bottom; the plots of a block have the same margins."""
    lines = [line for block in blocks for line in block]
    height = sum(_HEAD + _tallest(line) + _foot(line) for line in lines)
    with mpl.rc_context(style()):
        figure = Figure(figsize=(WIDTH, height))
        top = height
        for block in filter(None, blocks):
            plots = [plot for line in block for plot in line if plot]
            left = _room((text for plot in plots for text in plot.labels), _LABEL_SIZE, GAP)
            gap = max(plot.gap for plot in plots)
            right = _room((text for plot in plots for text in plot.values), _VALUE_SIZE, gap)
            for line in block:
                tall = _tallest(line)
                width = (WIDTH - left) / len(line) - right
                bottom = top - _HEAD - tall
                for column, plot in enumerate(line):
                    if plot:
                        at = left + column * (width + right)
                        plot.draw(Area(figure, *(POINTS * side for side in (at, bottom, width, tall))))
                top = bottom - _foot(line)
        return figure


def label(area: Area, row: int, text: str) -> None:
    """Write a text at the left edge of a row."""
    _write(area, area.left - GAP, row, text, INK, fontsize=_LABEL_SIZE, ha="right")


def beside(area: Area, row: int, text: str, paint: Paint) -> None:
    """Write a text at the right edge of a row."""
    _write(area, area.right + GAP, row, text, paint, fontsize=_VALUE_SIZE, ha="left")


def _write(area: Area, x: float, row: int, text: str, paint: Paint, **look: Any) -> None:
    (y,) = area.up(row)
    area.write(x, y, text, va="center_baseline", color=paint.colour, **look)


def _tallest(line: Sequence[Plot | None]) -> float:
    return max(plot.height for plot in line if plot)


def _foot(line: Sequence[Plot | None]) -> float:
    return max(plot.foot for plot in line if plot)


def _room(texts: Iterable[str], size: float, gap: float) -> float:
    """Inches that the widest of the texts takes, with the gap before it and as much behind."""
    properties = FontProperties(family=families(), size=size)
    return (max((extent(text, properties)[0] for text in texts), default=0.0) + 2 * gap) / POINTS

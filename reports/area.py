"""The area of a plot on a figure: where values are in it, what is drawn there, and the ticks at its sides.

Matplotlib's axes can be asked for much more, which takes most of the time that a chart does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox
from numpy.typing import ArrayLike, NDArray

from reports.paint import FAINT, GRID, INK

POINTS = 72.0
"""In an inch."""
Ticks: TypeAlias = Sequence[tuple[float, str]]
"""Values and what is written at them."""
_TITLE_SIZE = 8.5
_TITLE_GAP = 6.0
_TICK_SIZE = 7.0
_TICK_GAP = 7.0
_LEAD_GAP = 4.0
_BEYOND = 1e-9
_UNDER_ALL, _OVER_ALL = 0.5, 2.5


@dataclass(frozen=True)
class Scale:
    """Values along a side of an area.

    Args:
        first: the value at its left or bottom.
        last: the value at its right or top.
        logarithmic: whether equal ratios are equally far apart; else equal differences are.
    """

    first: float
    last: float
    logarithmic: bool = False

    def shares(self, values: ArrayLike) -> NDArray[np.float64]:
        """How far along each value is: from 0 at the first to 1 at the last."""
        found = np.asarray([self.first, self.last, *np.ravel(values)], dtype=np.float64)
        if self.logarithmic:
            found = np.log(found)
        shares: NDArray[np.float64] = (found[2:] - found[0]) / (found[1] - found[0])
        return shares


class Area:
    """A rectangle of a figure, given in points. What is drawn in it by values is cut off at its sides.

    `x` and `y` are its scales, to be set before anything is drawn.
    """

    def __init__(self, figure: Figure, left: float, bottom: float, width: float, height: float) -> None:
        self.x = self.y = Scale(0, 1)
        self.left, self.right = left, left + width
        self.bottom, self.top = bottom, bottom + height
        self.figure = figure
        self.points = Affine2D().scale(1 / POINTS) + figure.dpi_scale_trans
        self._box = TransformedBbox(Bbox.from_bounds(left, bottom, width, height), self.points)

    def across(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values are from left to right, in points."""
        return self.left + (self.right - self.left) * self.x.shares(values)

    def up(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values are from bottom to top, in points."""
        return self.bottom + (self.top - self.bottom) * self.y.shares(values)

    def line(self, x: Sequence[float], y: ArrayLike, **look: Any) -> None:
        """Draw a line, with gaps where there is no number, or marks without one."""
        self._add(Line2D(self.across(x), self.up(y), **look), cut=True)

    def shape(self, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
        """Draw a shape with these corners."""
        self._add(Polygon(np.column_stack([self.across(x), self.up(y)]), **look), cut=True)

    def rectangle(self, x: tuple[float, float], y: tuple[float, float], **look: Any) -> None:
        """Draw a rectangle from one x to another and from one y to another."""
        (left, right), (bottom, top) = x, y
        self.shape((left, right, right, left), (bottom, bottom, top, top), **look)

    def upright(self, value: float, **look: Any) -> None:
        """Draw a line from bottom to top."""
        (x,) = self.across(value)
        self._add(Line2D((x, x), (self.bottom, self.top), **look), cut=True)

    def lead(self, start: tuple[float, float], end: tuple[float, float], **look: Any) -> None:
        """Draw a line from one place of the figure in points to another, but for a gap at both ends."""
        gap = _LEAD_GAP / math.dist(start, end)
        ends = np.array([[1 - gap, gap], [gap, 1 - gap]]) @ np.array([start, end])
        self._add(Line2D(*ends.T, **look))

    def write(self, x: float, y: float, text: str, **look: Any) -> None:
        """Write a text at a place of the figure in points."""
        self._add(Text(x, y, text, **look))

    def title(self, text: str) -> None:
        """Write what it shows above it."""
        self.write(
            self.left, self.top + _TITLE_GAP, text, fontsize=_TITLE_SIZE, fontweight="bold", color=INK.colour
        )

    def ticks_below(self, ticks: Ticks) -> None:
        """Draw the lower side, and ticks where they are inside, each with a line up to the top."""
        self._add(
            Line2D(
                (self.left, self.right),
                (self.bottom,) * 2,
                color=GRID.colour,
                linewidth=0.8,
                zorder=_OVER_ALL,
            )
        )
        for text, place in _inside(self.x, ticks):
            x = self.left + (self.right - self.left) * place
            self._grid((x, x), (self.bottom, self.top))
            self.write(
                x,
                self.bottom - _TICK_GAP,
                text,
                ha="center",
                va="top",
                fontsize=_TICK_SIZE,
                color=FAINT.colour,
            )

    def ticks_beside(self, ticks: Ticks) -> None:
        """Draw ticks at the left where they are inside, each with a line to the right."""
        for text, place in _inside(self.y, ticks):
            y = self.bottom + (self.top - self.bottom) * place
            self._grid((self.left, self.right), (y, y))
            self.write(self.left - _TICK_GAP, y, text, ha="right", va="center_baseline", color=INK.colour)

    def _grid(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._add(Line2D(x, y, color=GRID.colour, linewidth=0.6, solid_capstyle="butt", zorder=_UNDER_ALL))

    def _add(self, artist: Artist, *, cut: bool = False) -> None:
        artist.set_transform(self.points)
        self.figure.add_artist(artist)
        if cut:
            artist.set_clip_box(self._box)


def _inside(scale: Scale, ticks: Ticks) -> list[tuple[str, float]]:
    shares = scale.shares([value for value, _ in ticks]).tolist()
    return [
        (text, share)
        for (_, text), share in zip(ticks, shares, strict=True)
        if -_BEYOND <= share <= 1 + _BEYOND
    ]

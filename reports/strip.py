"""Strip charts: a row a subject, every sample a point, the median a tick, its interval a band."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from reports.languages import gettext
from reports.paint import BY_KIND, FAINT, Paint, style
from reports.series import Measure, Series
from reports.units import quantity, scale, with_symbol
from results import Kind

WIDTH = 7.6
"""Width of a figure in inches; its page scales it."""
LOG_FROM = 20.0
"""Values further apart than this factor get a logarithmic axis."""
_ROW = 0.27
_FRAME = 0.62
_GOLDEN = 0.6180339887498949

Marks = tuple[tuple[str, float], ...]
"""Labels and values."""
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
        return tuple(series for _, series in self.rows if series is not None and series.samples)


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
    with mpl.rc_context(style()):
        panels = aligned(panels) if columns > 1 else panels
        columns = min(columns, len(panels))
        lines = -(-len(panels) // columns)
        heights = [height_of(panels[line * columns : (line + 1) * columns]) for line in range(lines)]
        drawn = blank(sum(heights))
        grid = drawn.subplots(lines, columns, squeeze=False, height_ratios=heights)
        for index, axes in enumerate(grid.flat):
            if index < len(panels):
                draw(axes, panels[index], spread(panels, panels[index]), labelled=index % columns == 0)
            else:
                axes.remove()
        return drawn


def sheet(
    blocks: Sequence[tuple[Sequence[Panel], int]], below: Sequence[float] = (), above: Sequence[float] = ()
) -> tuple[Figure, list[Axes]]:
    """A figure of blocks of panels, each over one or two columns, to be used within the style.

    Args:
        blocks: panels that share their labels and axes, and the number of columns they stand in.
        below: heights in inches of further plots, as wide as the figure.
        above: heights of such plots before the blocks.

    Returns:
        The figure, and the further plots from top to bottom, still empty.
    """
    lines = []
    for panels, columns in blocks:
        together = aligned(panels) if columns > 1 else tuple(panels)
        lines += [(together[at : at + columns], columns, together) for at in range(0, len(together), columns)]
    heights = [*above, *(height_of(line) for line, _, _ in lines), *below]
    drawn = blank(sum(heights))
    grid = drawn.add_gridspec(len(heights), 2, height_ratios=heights)
    for row, (line, columns, together) in enumerate(lines, start=len(above)):
        for column, panel in enumerate(line):
            axes = drawn.add_subplot(grid[row, column] if columns > 1 else grid[row, :])
            draw(axes, panel, spread(together, panel), labelled=column == 0)
    empty = (*range(len(above)), *range(len(heights) - len(below), len(heights)))
    return drawn, [drawn.add_subplot(grid[row, :]) for row in empty]


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


def blank(height: float) -> Figure:
    """An empty figure of that height in inches, with room between its panels."""
    return Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.04))


def height_of(panels: Sequence[Panel]) -> float:
    """Height in inches of panels that stand side by side."""
    return _FRAME + _ROW * max((len(panel.rows) for panel in panels), default=0)


def spread(panels: Sequence[Panel], panel: Panel) -> tuple[float, float]:
    """The lowest and highest sample of all panels in the same unit, so that they can be compared by eye."""
    units = {series.measure.unit for series in panel.series}
    found = [series for other in panels for series in other.series if series.measure.unit in units]
    values = [value for series in found for value in series.samples]
    values += [value for _, value in panel.marks]
    return min(values, default=0.0), max(values, default=0.0)


def draw(axes: Axes, panel: Panel, reach: tuple[float, float], *, labelled: bool = True) -> None:
    """Draw one panel over the values it must reach; the medians stand in numbers at its right edge."""
    axes.set_title(panel.title)
    axes.set_ylim(len(panel.rows) - 0.5, -0.5)
    axes.set_yticks(range(len(panel.rows)), [label for label, _ in panel.rows] if labelled else [])
    if panel.series:
        set_axis(axes, panel.series[0].measure.unit, *reach)
    else:
        axes.set_xticks([])
    for row, (_, series) in enumerate(panel.rows):
        if series is not None and series.samples:
            _row(axes, row, series)
        else:
            beside(axes, row, gettext("no data"), FAINT)
    for label, value in panel.marks:
        axes.axvline(value, color=FAINT.colour, linewidth=0.9, linestyle=":")
        axes.annotate(
            label,
            (value, 0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(2, 2),
            textcoords="offset points",
            fontsize=6.5,
            color=FAINT.colour,
        )


def set_axis(axes: Axes, unit: str, low: float, high: float) -> None:
    """Give a horizontal axis its scale and ticks; it is logarithmic where the values differ a lot."""
    if low > 0 and high / low > LOG_FROM:
        base = 2 if unit == "B" else 10
        axes.set_xscale("log", base=base)
        axes.set_xlim(low / 1.6, high * 1.6)
        axes.xaxis.set_major_locator(LogLocator(base=base, numticks=6))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value, unit)))
        return
    if unit == "bool":
        axes.set_xticks([0, 1], [gettext("no"), gettext("yes")])
        axes.set_xlim(-0.04, 1.08)
        return
    factor, symbol = scale(max(abs(low), abs(high)), unit)
    ticks = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10], integer=unit in ("1", "lines"))
    first, last = min(0, low * 1.08), high * 1.08 if high > 0 else 1
    found = (tick * factor for tick in ticks.tick_values(first / factor, last / factor))
    axes.set_xticks([tick for tick in found if first <= tick <= last])
    axes.set_xlim(first, last)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: with_symbol(f"{value / factor:g}", symbol)))


def _row(axes: Axes, row: int, series: Series) -> None:
    kind = series.subject.kind
    colour = BY_KIND[kind].colour
    emulated = series.accelerator == "tcg"
    estimate = series.estimate
    if estimate.low is not None and estimate.high is not None:
        axes.add_patch(
            Rectangle(
                (estimate.low, row - 0.34),
                estimate.high - estimate.low,
                0.68,
                facecolor="none" if emulated else (colour, 0.16),
                edgecolor=(colour, 0.75),
                linewidth=0.6,
                hatch="////" if emulated else None,
            )
        )
    samples = series.samples
    offsets = [
        row + 0.44 * ((index * _GOLDEN) % 1 - 0.5) if len(samples) > 1 else row
        for index in range(len(samples))
    ]
    if len(samples) == 1 and axes.get_xscale() == "linear":
        axes.hlines(row, 0, samples[0], color=(colour, 0.35), linewidth=4)
    points(axes, samples, offsets, series)
    axes.vlines(estimate.value, row - 0.4, row + 0.4, color=colour, linewidth=1.8)
    beside(axes, row, quantity(estimate.value, series.measure.unit), BY_KIND[kind])


def points(axes: Axes, x: Sequence[float], y: Sequence[float], series: Series) -> None:
    """Draw samples in the colour and shape of their subject's kind, hollow when emulated."""
    colour = BY_KIND[series.subject.kind].colour
    axes.plot(
        x,
        y,
        linestyle="none",
        marker=MARKERS[series.subject.kind],
        markersize=3.6,
        markerfacecolor="none" if series.accelerator == "tcg" else (colour, 0.55),
        markeredgecolor=colour,
        markeredgewidth=0.8,
    )


def beside(axes: Axes, row: int, text: str, paint: Paint) -> None:
    """Write a text at the right edge of a row."""
    axes.annotate(
        text,
        (1, row),
        xycoords=axes.get_yaxis_transform(),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
        color=paint.colour,
        annotation_clip=False,
    )

# ruff: noqa: ARG002 - what matplotlib calls has the parameters of its renderers
"""Matplotlib figures as SVG to stand inside a page: no fixed colours, no fixed fonts, no ids that collide.

Matplotlib's own SVG is for images that stand alone; to write it and take it apart again takes twice as long.
"""

from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import weight_dict
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from reports.fonts import extent
from reports.paint import PAINTS, style

_SVG = "http://www.w3.org/2000/svg"
_DOTS_PER_INCH = 72
_HATCH = 72
_COLOURS = {paint.token: paint.css for paint in PAINTS}
_LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "z"}
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}
_NORMAL = 400


def inline(figure: Figure, name: str, label: str) -> str:
    """The figure as an `<svg>` element for a page.

    Args:
        figure: drawn with paints that stand for CSS properties.
        name: prefix of all ids in it; unique in the page.
        label: what a person who can't see it is told.
    """
    figure.set_dpi(_DOTS_PER_INCH)
    width, height = figure.get_size_inches() * _DOTS_PER_INCH
    renderer = _Renderer(width, height, name)
    with mpl.rc_context(style()):
        figure.draw(renderer)
    size = " ".join(map(_number, renderer.get_canvas_width_height()))
    told = f'viewBox="0 0 {size}" role="img" aria-label="{escape(label)}"'
    return "".join((f'<svg xmlns="{_SVG}" {told}>', *renderer.elements, "</svg>"))


class _Renderer(RendererBase):
    """Collects elements, to a tenth of a point."""

    def __init__(self, width: float, height: float, name: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self._size = width, height
        self._name = name
        self._ids: dict[str, str] = {}
        self._down = Affine2D().scale(1, -1).translate(0, height)

    def draw_path(self, gc: GraphicsContextBase, path: Path, transform: Any, face: Any = None) -> None:
        look = self._look(gc, face)
        if look != "fill: none":
            outline = _outline(path, transform + self._down)
            self.elements.append(f'<path d="{outline}"{self._clip(gc)} style="{look}"/>')

    def draw_markers(
        self,
        gc: GraphicsContextBase,
        marker_path: Path,
        marker_trans: Any,
        path: Path,
        trans: Any,
        face: Any = None,
    ) -> None:
        """As one path with a marker at each of its points: most of a chart is marks."""
        shape = _outline(marker_path, marker_trans + Affine2D().scale(1, -1))
        marker = self._defined(
            "marker",
            'markerUnits="userSpaceOnUse" style="overflow: visible"',
            f'<path d="{shape}" style="{self._look(gc, face)}"/>',
        )
        places = (trans + self._down).transform(path.vertices)
        points = _numbers(places[np.isfinite(places).all(axis=1)])
        if points:
            self.elements.append(
                f'<path d="M{points}"{self._clip(gc)} style="marker: {marker}; fill: none"/>'
            )

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        """As text, placed by its own anchor: the reader's font may be narrower or wider."""
        look = {"font-size": f"{_number(prop.get_size_in_points())}px"}
        weight = weight_dict.get(prop.get_weight(), prop.get_weight())
        if weight != _NORMAL:
            look["font-weight"] = str(weight)
        if mtext and not angle:
            x = mtext.get_transform().transform(mtext.get_unitless_position())[0]
            look["text-anchor"] = _ANCHORS[mtext.get_horizontalalignment()]
        look["fill"] = _colour(gc.get_rgb())
        place = f'x="{_number(x)}" y="{_number(y)}"'
        turn = f' transform="rotate({_number(-angle)} {_number(x)} {_number(y)})"' if angle else ""
        self.elements.append(f'<text {place}{turn} style="{_css(look)}">{escape(s, quote=False)}</text>')

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        return extent(s, prop)

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self._size

    def flipy(self) -> bool:
        return True

    def _look(self, gc: GraphicsContextBase, face: Any) -> str:
        """What CSS says of how a shape is filled and drawn."""
        look = {"fill": "none"}
        if gc.get_hatch() is not None:
            look["fill"] = self._hatch(gc)
        elif face is not None and face[3]:
            look["fill"] = _colour(face)
            if face[3] != 1:
                look["fill-opacity"] = f"{face[3]:g}"
        width, colour = gc.get_linewidth(), gc.get_rgb()
        if not width:
            return _css(look)
        look["stroke"] = _colour(colour)
        if colour[3] != 1:
            look["stroke-opacity"] = f"{colour[3]:g}"
        if width != 1:
            look["stroke-width"] = f"{width:g}"
        if (dashes := gc.get_dashes()[1]) is not None:
            look["stroke-dasharray"] = _numbers(dashes)
        if gc.get_joinstyle() != "round":
            look["stroke-linejoin"] = gc.get_joinstyle()
        if gc.get_capstyle() != "butt":
            look["stroke-linecap"] = gc.get_capstyle().replace("projecting", "square")
        return _css(look)

    def _hatch(self, gc: GraphicsContextBase) -> str:
        scaled = Affine2D().scale(_HATCH, -_HATCH).translate(0, _HATCH)
        colour = to_rgba(gc.get_hatch_color())
        look = {"stroke": _colour(colour), "stroke-width": f"{gc.get_hatch_linewidth():g}"}
        if colour[3] != 1:
            look["stroke-opacity"] = f"{colour[3]:g}"
        return self._defined(
            "pattern",
            f'patternUnits="userSpaceOnUse" width="{_HATCH}" height="{_HATCH}"',
            f'<path d="{_outline(gc.get_hatch_path(), scaled)}" style="{_css(look)}"/>',
        )

    def _clip(self, gc: GraphicsContextBase) -> str:
        """An attribute that cuts off what is outside of a plot; nothing for what isn't in one."""
        rectangle = gc.get_clip_rectangle()
        if rectangle is None:
            return ""
        (left, bottom), (right, top) = self._down.transform(rectangle.get_points())
        place = f'x="{_number(left)}" y="{_number(top)}"'
        size = f'width="{_number(right - left)}" height="{_number(bottom - top)}"'
        return f' clip-path="{self._defined("clipPath", "", f"<rect {place} {size}/>")}"'

    def _defined(self, tag: str, attributes: str, content: str) -> str:
        """The reference to an element that others use; it is there once."""
        key = f"{tag} {attributes} {content}"
        if key not in self._ids:
            self._ids[key] = identity = f"{self._name}-{len(self._ids) + 1}"
            self.elements.append(f'<{tag} id="{identity}" {attributes}>{content}</{tag}>')
        return f"url(#{self._ids[key]})"


def _outline(path: Path, transform: Any) -> str:
    segments = path.iter_segments(transform, simplify=False)
    return "".join(
        _LETTERS[code] + (_numbers(points) if code != Path.CLOSEPOLY else "") for points, code in segments
    )


def _numbers(values: Any) -> str:
    return " ".join(map(_number, np.ravel(values).tolist()))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _colour(colour: Any) -> str:
    found = to_hex(colour)
    return _COLOURS.get(found, found)


def _css(look: dict[str, str]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in look.items())

"""Matplotlib figures as SVG to stand inside a page: no fixed colours, no fixed fonts, no ids that collide."""

import io
import re
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font: (?:\d+ )?([\d.]+px) [^;]*")


@dataclass(frozen=True)
class Paint:
    """A colour that a figure draws with and the CSS property that the page gives its meaning."""

    colour: str
    css: str


INK = Paint("#010101", "currentColor")
FAINT = Paint("#020202", "var(--faint)")
GRID = Paint("#030303", "var(--grid)")
HOST = Paint("#040404", "var(--host)")
CONTAINER = Paint("#050505", "var(--container)")
VM = Paint("#060606", "var(--vm)")
_PAINTS = (INK, FAINT, GRID, HOST, CONTAINER, VM)

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tarebench",
    "font.size": 8,
    "text.color": INK.colour,
    "axes.labelcolor": FAINT.colour,
    "axes.edgecolor": GRID.colour,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": GRID.colour,
    "grid.linewidth": 0.6,
    "xtick.color": GRID.colour,
    "xtick.labelcolor": FAINT.colour,
    "xtick.labelsize": 7,
    "ytick.color": GRID.colour,
    "ytick.labelcolor": INK.colour,
    "ytick.left": False,
    "hatch.linewidth": 0.7,
}


def inline(figure: Figure, name: str, label: str) -> str:
    """The figure as an `<svg>` element for a page.

    Args:
        figure: drawn with the colours of this module's paints.
        name: prefix of all ids in it; unique in the page.
        label: what a person who can't see it is told.
    """
    buffer = io.StringIO()
    with mpl.rc_context({key: STYLE[key] for key in ("svg.fonttype", "svg.hashsalt")}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(buffer.getvalue())
    _strip(root)
    for element in root.iter():
        _rename(element, name)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-label", label)
    text = ElementTree.tostring(root, encoding="unicode")
    for paint in _PAINTS:
        text = text.replace(paint.colour, paint.css)
    return text


def _strip(root: ElementTree.Element) -> None:
    """Take out the metadata and the style sheet, whose rules would reach the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)


def _rename(element: ElementTree.Element, name: str) -> None:
    if identity := element.get("id"):
        element.set("id", f"{name}-{identity}")
    if reference := element.attrib.pop(_HREF, None):
        element.set("href", f"#{name}-{reference.removeprefix('#')}")
    for key, value in element.items():
        element.set(key, _FONT.sub(r"font-size: \1", value.replace("url(#", f"url(#{name}-")))

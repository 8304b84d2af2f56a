"""Matplotlib figures as SVG to stand inside a page: no fixed colours, no fixed fonts, no ids that collide."""

import io
import re
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.paint import PAINTS, style

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font: (?:\d+ )?([\d.]+px) [^;]*")
_FAMILY = re.compile(r"font-family: [^;]*;? ?")
_NUMBER = re.compile(r"-?\d+\.\d\d+")
_PLACES = ("d", "x", "y", "transform", "width", "height")


def inline(figure: Figure, name: str, label: str) -> str:
    """The figure as an `<svg>` element for a page.

    Args:
        figure: drawn with paints that stand for CSS properties.
        name: prefix of all ids in it; unique in the page.
        label: what a person who can't see it is told.
    """
    buffer = io.StringIO()
    with mpl.rc_context(style()):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(buffer.getvalue())
    _strip(root)
    _share(root)
    _slim(root)
    for element in root.iter():
        _rename(element, name)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-label", label)
    text = ElementTree.tostring(root, encoding="unicode")
    for paint in PAINTS:
        text = text.replace(paint.token, paint.css)
    return text


def _strip(root: ElementTree.Element) -> None:
    """Take out the metadata and the style sheet, whose rules would reach the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)


def _share(root: ElementTree.Element) -> None:
    """Say the style of many marks once: most of a chart is marks."""
    for group in root.iter(f"{{{_SVG}}}g"):
        marks = group.findall(f"{{{_SVG}}}use")
        styles = {mark.get("style") for mark in marks}
        if len(marks) != len(group) or len(styles) != 1:
            continue
        group.set("style", styles.pop() or "")
        for mark in marks:
            del mark.attrib["style"]


def _slim(root: ElementTree.Element) -> None:
    """Leave out what draws nothing: indentation, ids that nobody names, less than a tenth of a point."""
    text = ElementTree.tostring(root, encoding="unicode")
    named = set(re.findall(r"""(?:href="#|url\(#)([^")]+)""", text))
    for element in root.iter():
        element.tail = None
        if not (element.text or "").strip():
            element.text = None
        if element.get("id") not in named:
            element.attrib.pop("id", None)
        for place in _PLACES:
            if value := element.get(place):
                element.set(place, _NUMBER.sub(lambda found: f"{float(found[0]):.1f}", value))


def _rename(element: ElementTree.Element, name: str) -> None:
    if identity := element.get("id"):
        element.set("id", f"{name}-{identity}")
    if reference := element.attrib.pop(_HREF, None):
        element.set("href", f"#{name}-{reference.removeprefix('#')}")
    for key, value in element.items():
        styled = _FAMILY.sub("", _FONT.sub(r"font-size: \1", value))
        element.set(key, styled.replace("url(#", f"url(#{name}-"))

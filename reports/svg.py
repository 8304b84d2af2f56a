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
_NUMBER = re.compile(r"-?\d+\.\d+")
_COMMAND = re.compile(r"\s*([A-Za-z])\s*")
_SPACE = re.compile(r"\s+")
_NAMED = re.compile(r"""url\(#([^")]+)\)""")
_UPRIGHT = "rotate(-0 "
_PLACES = ("d", "x", "y", "transform", "width", "height")
_INVISIBLE = "fill: none"


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
    _mark(root)
    _slim(root)
    _rename(root, name)
    _unwrap(root)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-label", label)
    text = ElementTree.tostring(root, encoding="unicode")
    for paint in PAINTS:
        text = text.replace(paint.token, paint.css)
    return text


def _strip(root: ElementTree.Element) -> None:
    """Take out what draws nothing, metadata, and the style sheet, whose rules would reach the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (_tag("metadata"), _tag("style")) or child.get("style") == _INVISIBLE:
                parent.remove(child)


def _mark(root: ElementTree.Element) -> None:
    """Draw many marks as one path with a marker at each of its points: most of a chart is marks."""
    shapes = {path.get("id"): path for defs in root.iter(_tag("defs")) for path in defs.iter(_tag("path"))}
    for group in list(root.iter(_tag("g"))):
        marks = group.findall(_tag("use"))
        if not marks or len(marks) != len(group):
            continue
        identity = marks[0].get(_HREF, "").removeprefix("#")
        _marker(shapes[identity], marks[0].get("style", ""))
        group.tag = _tag("path")
        group[:] = []
        group.set("d", " ".join(("M", *(f"{mark.get('x')} {mark.get('y')}" for mark in marks))))
        group.set("style", f"marker: url(#{identity}); fill: none")


def _marker(shape: ElementTree.Element, look: str) -> None:
    """Turn a path that is used into a marker with it inside, once."""
    if shape.tag == _tag("marker"):
        return
    path = ElementTree.Element(_tag("path"), {"d": shape.get("d", ""), "style": look})
    shape.tag = _tag("marker")
    shape.attrib = {"id": shape.get("id", ""), "markerUnits": "userSpaceOnUse", "style": "overflow: visible"}
    shape.append(path)


def _slim(root: ElementTree.Element) -> None:
    """Leave out indentation, turns by nothing, and less than a tenth of a point."""
    for element in root.iter():
        element.tail = None
        if not (element.text or "").strip():
            element.text = None
        if element.get("transform", "").startswith(_UPRIGHT):
            del element.attrib["transform"]
        for place in _PLACES:
            if value := element.get(place):
                rounded = _NUMBER.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), value)
                close = _COMMAND.sub(r"\1", rounded) if place == "d" else rounded
                element.set(place, _SPACE.sub(" ", close).strip())


def _rename(root: ElementTree.Element, name: str) -> None:
    """Give what is named short ids that begin with the chart's name, and nothing else any."""
    text = ElementTree.tostring(root, encoding="unicode")
    names = dict.fromkeys([*_NAMED.findall(text), *re.findall(r'href="#([^"]+)"', text)])
    ids = {old: f"{name}-{number}" for number, old in enumerate(names, start=1)}
    for element in root.iter():
        if (identity := element.attrib.pop("id", "")) in ids:
            element.set("id", ids[identity])
        if reference := element.attrib.pop(_HREF, None):
            element.set("href", f"#{ids[reference.removeprefix('#')]}")
        for key, value in element.items():
            styled = _FAMILY.sub("", _FONT.sub(r"font-size: \1", value))
            element.set(key, _NAMED.sub(lambda found: f"url(#{ids[found[1]]})", styled))


def _unwrap(parent: ElementTree.Element) -> None:
    """Put the children of groups that say nothing in their place."""
    children: list[ElementTree.Element] = []
    for child in parent:
        _unwrap(child)
        if child.tag in (_tag("g"), _tag("defs")) and not len(child) and not child.text:
            continue
        children += child if child.tag == _tag("g") and not child.attrib else [child]
    parent[:] = children


def _tag(name: str) -> str:
    return f"{{{_SVG}}}{name}"

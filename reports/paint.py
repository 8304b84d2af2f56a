"""The colours and type of charts: in a page CSS decides, in an image they are those of a light page."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from reports.fonts import families
from results import Kind

_solid: ContextVar[bool] = ContextVar("solid", default=False)


@dataclass(frozen=True)
class Paint:
    """One colour.

    Args:
        token: drawn with where a page will put its own colour in.
        css: that colour, as CSS.
        light: the same on white.
    """

    token: str
    css: str
    light: str

    @property
    def colour(self) -> str:
        """What to draw with now."""
        return self.light if _solid.get() else self.token


INK = Paint("#010101", "currentColor", "#1b1c1e")
FAINT = Paint("#020202", "var(--faint)", "#5b5e63")
GRID = Paint("#030303", "var(--grid)", "#dadbdd")
HOST = Paint("#040404", "var(--host)", "#55585d")
CONTAINER = Paint("#050505", "var(--container)", "#0072b2")
VM = Paint("#060606", "var(--vm)", "#c75300")
PAINTS = (INK, FAINT, GRID, HOST, CONTAINER, VM)
BY_KIND = {Kind.HOST: HOST, Kind.CONTAINER: CONTAINER, Kind.VM: VM}


@contextmanager
def solid() -> Iterator[None]:
    """Draw in colours meanwhile, for an image that stands alone."""
    token = _solid.set(True)
    try:
        yield
    finally:
        _solid.reset(token)


def style() -> dict[Any, Any]:
    """Matplotlib's settings for every chart."""
    return {
        "figure.facecolor": "none",
        "font.family": families(),
        "font.size": 8,
        "hatch.linewidth": 0.7,
        "text.color": INK.colour,
        "text.parse_math": False,
    }

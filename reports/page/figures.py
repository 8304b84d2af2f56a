"""The charts of a page: drawn in its first language, and what they say in others."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.figure import Figure
from matplotlib.text import Text

from reports.svg import inline

_PLACE = re.compile("<!--chart of ([^>]+)-->")
_STYLE = re.compile(r' style="([^"]*)"')


Drawing: TypeAlias = tuple[str, Figure, str]
"""A scenario, its figure, and what a person who can't see it is told."""


@dataclass(frozen=True)
class Figures:
    """The charts of a page.

    Args:
        charts: by scenario, as `<svg>` elements.
        rules: of a style sheet for their classes.
        texts: what they and their alternative texts say, in an order that is the same in every language.
    """

    charts: dict[str, str]
    rules: str
    texts: tuple[str, ...]

    def put_into(self, page: str) -> str:
        """The page with the charts in the places that are kept for them by `place`."""
        return _PLACE.sub(lambda found: self.charts[found[1]], page)


NONE = Figures({}, "", ())


def place(scenario: str) -> str:
    """What stands in a page for the chart of a scenario until it is put there: a comment."""
    return f"<!--chart of {scenario}-->"


def figures(drawings: Iterable[Drawing]) -> Figures:
    """Figures for a page; what they look like is said once for all of them."""
    classes: dict[str, str] = {}
    charts, texts = {}, []
    for scenario, figure, alt in drawings:
        charts[scenario] = _STYLE.sub(
            lambda found: f' class="{classes.setdefault(found[1], f"c{len(classes)}")}"',
            inline(figure, scenario, alt),
        )
        texts += [alt, *_said(figure)]
    rules = "\n".join(f".{name} {{{look}}}" for look, name in classes.items())
    return Figures(charts, rules, tuple(texts))


def figure_texts(drawings: Iterable[Drawing]) -> tuple[str, ...]:
    """What the same figures say in another language, in which they need not be drawn."""
    return tuple(text for _, figure, alt in drawings for text in (alt, *_said(figure)))


def _said(figure: Figure) -> Iterator[str]:
    return (text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))

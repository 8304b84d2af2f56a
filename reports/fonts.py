"""A font that can draw the texts of a language, for matplotlib to measure and draw them with."""

import logging
from collections.abc import Iterable
from functools import cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from matplotlib.textpath import text_to_path

from reports.languages import ENGLISH, Language, spoken

# A font without a bold face is told of by a warning for each size; its plain one does.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

DEFAULT = "DejaVu Sans"
"""Comes with matplotlib."""
_NOT_PLAIN = ("bold", "italic", "oblique", "light", "thin", "black", "mono", "serif")


def families() -> list[str]:
    """The fonts that draw the spoken language: a character comes from the first one that has it."""
    further = _further(spoken())
    return [DEFAULT, further] if further else [DEFAULT]


@cache
def extent(text: str, properties: font_manager.FontProperties) -> tuple[float, float, float]:
    """Width, height and descent of a line in points."""
    return text_to_path.get_text_width_height_descent(text, properties, ismath=False)


def drawable() -> Language:
    """The language to draw in: the spoken one, or English where this host has no font for it."""
    return spoken() if spoken() is ENGLISH or _further(spoken()) else ENGLISH


def _further(language: Language) -> str | None:
    if language is ENGLISH:
        return None
    return _font_for(frozenset("".join(language.texts.values())))


@cache
def _font_for(characters: frozenset[str]) -> str | None:
    """A family that has the characters that the default one lacks; None where no font has all of them."""
    needed = {ord(character) for character in characters} - set(_characters(font_manager.findfont(DEFAULT)))
    if not needed:
        return DEFAULT
    # Not from the list that matplotlib caches, which doesn't know fonts that were installed since.
    paths = font_manager.findSystemFonts()
    for path in sorted(paths, key=lambda path: (any(word in path.lower() for word in _NOT_PLAIN), path)):
        if needed <= set(_characters(path)):
            font_manager.fontManager.addfont(path)
            return FT2Font(path).family_name
    return None


def _characters(path: str) -> Iterable[int]:
    try:
        return FT2Font(path).get_charmap()
    except (OSError, RuntimeError):
        return ()

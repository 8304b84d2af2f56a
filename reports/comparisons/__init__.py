"""Comparisons of two runs as text: a format a file, which is named after it and has a `render`."""

import pkgutil
from importlib import import_module

from results.comparison import Comparison


def formats() -> tuple[str, ...]:
    """The formats by name."""
    return tuple(entry.name for entry in pkgutil.iter_modules(__path__) if not entry.name.startswith("_"))


def rendered(comparison: Comparison, name: str) -> str:
    """A comparison in one of the formats, without a line end after it."""
    text: str = import_module(f"{__name__}.{name}").render(comparison)
    return text

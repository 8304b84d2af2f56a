"""Pages: index.html, and where there are several runs one more for each."""

from collections.abc import Sequence
from pathlib import Path

from reports.languages import Language
from reports.naming import names
from reports.page import render, several
from reports.source import Source


def write(sources: Sequence[Source], out: Path, languages: Sequence[Language]) -> tuple[Path, ...]:
    """Write the pages, all languages in each."""
    if len(sources) == 1:
        pages = {"index": render(sources[0], languages)}
    else:
        called = [f"run-{name}" for name in names(sources)]
        runs = [(name, source.run) for name, source in zip(called, sources, strict=True)]
        pages = {"index": several.render(runs, languages)}
        pages |= {name: render(source, languages) for name, source in zip(called, sources, strict=True)}
    paths = []
    for name, text in pages.items():
        paths.append(out / f"{name}.html")
        paths[-1].write_text(text, encoding="utf-8")
    return tuple(paths)

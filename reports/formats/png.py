"""Every chart as an image on white, a file a scenario, twice as fine as the page."""

from collections.abc import Sequence
from pathlib import Path

from reports.languages import Language, speaking
from reports.naming import names, suffix
from reports.paint import solid
from reports.registry import charts_for, measured
from reports.source import Source

_DOTS_PER_INCH = 192


def write(sources: Sequence[Source], out: Path, languages: Sequence[Language]) -> tuple[Path, ...]:
    """Write the images; a language that no font of this host draws is drawn in English instead."""
    paths = []
    for name, source in zip(names(sources), sources, strict=True):
        prefix = f"{name}-" if len(sources) > 1 else ""
        for language in languages:
            for chart in charts_for(source.run):
                if not measured(source.run, chart.scenario):
                    continue
                path = out / f"{prefix}{chart.scenario}{suffix(language)}.png"
                with speaking(language), solid():
                    chart.drawn(source.run).savefig(path, dpi=_DOTS_PER_INCH, facecolor="white")
                paths.append(path)
    return tuple(paths)

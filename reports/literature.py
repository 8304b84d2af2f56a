"""Published figures, to be drawn beside our own; they are data, in literature.toml."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Published:
    """One figure of a publication.

    Args:
        scenario: the scenario it belongs beside.
        metric: the metric.
        phase: its phase, or empty.
        value: the figure, in `unit`.
        unit: as in the vocabulary.
        what: what it is a figure of.
        source: authors, title, place, year, and page or section.
    """

    scenario: str
    metric: str
    phase: str
    value: float
    unit: str
    what: str
    source: str


PUBLISHED = tuple(
    Published(**figure)
    for figure in tomllib.loads(files("reports").joinpath("literature.toml").read_text(encoding="utf-8"))[
        "figure"
    ]
)


def published(scenario: str) -> tuple[tuple[int, Published], ...]:
    """The figures that belong to a scenario, with their numbers, from 1."""
    return tuple(enumerate((figure for figure in PUBLISHED if figure.scenario == scenario), start=1))

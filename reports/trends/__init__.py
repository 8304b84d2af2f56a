"""Runs over time as one page: what changed and since when, main metrics drawn, every series in a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reports.languages import ENGLISH, Language
from results import ResultsError
from results.history import Summary
from results.history.trend import Trend

__all__ = ["History", "build"]

_PAGE = "trends.html"


@dataclass(frozen=True)
class History:
    """Runs of one machine and plan, and how to show them.

    Args:
        machine: its id.
        profile: the plan's name.
        runs: at least one, the oldest first.
        trends: their series.
        mains: metric and phase of a scenario's main series, by scenario; its first one where it has none.
    """

    machine: str
    profile: str
    runs: tuple[Summary, ...]
    trends: tuple[Trend, ...]
    mains: Mapping[str, tuple[str, str]]

    def is_main(self, trend: Trend) -> bool:
        """Whether a series is of the metric that its scenario is about."""
        measure = trend.identity
        main = self.mains.get(measure.scenario) or self._first[measure.scenario]
        return main == (measure.metric, measure.phase)

    @cached_property
    def _first(self) -> Mapping[str, tuple[str, str]]:
        return {
            each.identity.scenario: (each.identity.metric, each.identity.phase)
            for each in reversed(self.trends)
        }


def build(history: History, out: Path, languages: Sequence[Language] = (ENGLISH,)) -> Path:
    """Write the page of a history.

    Args:
        history: what it shows.
        out: the directory to write to; made when missing.
        languages: one or more, all in the page.

    Raises:
        ResultsError: the file can't be written.
    """
    # Here, because matplotlib is slow to load.
    from reports.trends.page import render

    path = out / _PAGE
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(render(history, languages), encoding="utf-8")
    except OSError as error:
        raise ResultsError(
            f"report {error.filename} can't be written: {error.strerror}", "give another directory"
        ) from error
    return path

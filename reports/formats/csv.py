"""Every sample of every run: samples.csv, long form, one row a sample."""

from collections.abc import Sequence
from pathlib import Path

from reports.languages import Language
from reports.source import Source
from results.rows import as_csv


def write(sources: Sequence[Source], out: Path, languages: Sequence[Language]) -> tuple[Path, ...]:  # noqa: ARG001
    """Write the samples; columns have the same names in every language."""
    path = out / "samples.csv"
    path.write_text(as_csv(source.run for source in sources), encoding="utf-8")
    return (path,)

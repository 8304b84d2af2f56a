"""Every sample of every run: samples.csv, long form, one row a sample."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from reports.languages import Language
from reports.source import Source
from results.frame import frame


def write(sources: Sequence[Source], out: Path, languages: Sequence[Language]) -> tuple[Path, ...]:  # noqa: ARG001
    """Write the samples; columns have the same names in every language."""
    path = out / "samples.csv"
    pd.concat([frame(source.run) for source in sources]).to_csv(path, index=False)
    return (path,)

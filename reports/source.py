"""A run to report, and where it was read from."""

from dataclasses import dataclass
from pathlib import Path

from results import Run


@dataclass(frozen=True)
class Source:
    """A run, and the file it was read from, offered for download as it is; the run as JSON when None."""

    run: Run
    raw: Path | None = None

"""Table, charts and HTML of a run."""

from pathlib import Path

from results import Run


def build(run: Run, out: Path, raw: Path | None = None) -> Path:
    """Write the report of a run as one self-contained file, `index.html`.

    Args:
        run: what to report.
        out: the directory to write it to; made when missing.
        raw: the file the run was read from, offered for download as it is; the run as JSON when None.

    Returns:
        The file written.

    Raises:
        ResultsError: a file can't be read or written.
    """
    # Here, because matplotlib is slow to load and the terminal table does without it.
    from reports.page import write

    return write(run, out, raw)

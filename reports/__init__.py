"""Tables, charts and pages of runs, in files: a format is one file in `reports/formats/`."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from reports.languages import ENGLISH, Language
from reports.source import Source
from results import ResultsError
from tare.errors import UsageError

__all__ = ["Source", "build", "format_names"]


def build(
    sources: Sequence[Source],
    out: Path,
    forms: Sequence[str] = ("html",),
    languages: Sequence[Language] = (ENGLISH,),
) -> tuple[Path, ...]:
    """Write the report of one or several runs.

    Args:
        sources: the runs.
        out: the directory to write to; made when missing.
        forms: the formats, by their names.
        languages: one or more; what has numbers only is written once.

    Returns:
        The files that were written; of each format the one to begin with is its first.

    Raises:
        ResultsError: a file can't be read or written.
        UsageError: there is no such format.
    """
    for form in forms:
        if form not in format_names():
            raise UsageError(f"there is no format {form!r}", f"choose from {', '.join(format_names())}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Here, because matplotlib is slow to load and the terminal table does without it.
        return tuple(
            path
            for form in forms
            for path in import_module(f"reports.formats.{form}").write(sources, out, languages)
        )
    except OSError as error:
        raise ResultsError(
            f"report {error.filename} can't be written: {error.strerror}", "give another directory"
        ) from error


def format_names() -> tuple[str, ...]:
    """The names of the formats there are."""
    return tuple(entry.name for entry in iter_modules([str(Path(__file__).parent / "formats")]))

"""A run's samples in long form, one row a sample, and as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from results.run import Run

COLUMNS = (
    "run", "subject", "kind", "scenario", "metric", "unit", "better", "phase", "temperature", "pass",
    "sample", "value", "accelerator", "valid", "notes", "warm_up",
)  # fmt: skip


def rows(run: Run) -> Iterator[tuple[Any, ...]]:
    """One row a sample; a record without samples, such as a failed one, is one row with no value.

    Returns:
        Rows with the columns of `COLUMNS`; `sample` counts from 0 within its record, `value` is in `unit`.
    """
    kinds = {subject.name: str(subject.kind) for subject in run.subjects}
    for record in run.records:
        told = record.as_json() | {
            "run": run.id,
            "kind": kinds[record.subject],
            "warm_up": record.warm_up,
        }
        for index, value in enumerate(record.samples or (None,)):
            row = told | {"sample": index, "value": value}
            yield tuple(row[name] for name in COLUMNS)


def as_csv(runs: Iterable[Run]) -> str:
    """The rows of some runs below their columns' names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in runs:
        writer.writerows(rows(run))
    return text.getvalue()

"""A run as a pandas frame in long form."""

import pandas as pd

from results.run import Run

COLUMNS = (
    "run", "subject", "kind", "scenario", "metric", "unit", "better", "phase", "temperature", "pass",
    "sample", "value", "accelerator", "valid", "notes", "warm_up",
)  # fmt: skip


def frame(run: Run) -> pd.DataFrame:
    """One row a sample; a record without samples, such as a failed one, is one row with no value.

    Returns:
        A frame with the columns of `COLUMNS`; `sample` counts from 0 within its record, `value` is in `unit`.
    """
    kinds = {subject.name: str(subject.kind) for subject in run.subjects}
    rows = []
    for record in run.records:
        told = record.as_json() | {
            "warm_up": record.warm_up,
            "run": run.id,
            "kind": kinds[record.subject],
        }
        samples = record.samples or (float("nan"),)
        rows += [{**told, "sample": index, "value": value} for index, value in enumerate(samples)]
    return pd.DataFrame(rows, columns=list(COLUMNS))

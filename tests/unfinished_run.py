"""A run that has just begun, for tests of what is made of runs."""

from dataclasses import replace
from typing import Any

from results import Run
from results.schema import SCHEMA_VERSION

_RUN = Run(
    id="r1",
    schema=SCHEMA_VERSION,
    started="2026-11-24T08:00:00Z",
    finished=None,
    complete=False,
    profile="quick",
    seed=1,
    plan={},
    host={},
    subjects=(),
)


def unfinished_run(**fields: Any) -> Run:
    """With these fields."""
    return replace(_RUN, **fields)

"""pytest-benchmark's own JSON, for its `compare` and for whatever else reads it: all times, one row a series.

The file of a run has those that pytest-benchmark took itself; here each time has its row, grouped by what is
measured. pytest-benchmark knows only seconds, so other units are left out.
Source: pytest-benchmark 5, pytest_benchmark/plugin.py (pytest_benchmark_generate_json), stats.py.
"""

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pytest_benchmark.stats import Stats

from results.errors import ResultsError
from results.export import single
from results.run import Run
from results.series import Series, all_series


def export(runs: Sequence[Run]) -> str:
    """All samples in seconds. Raises: ResultsError: there are none; UsageError: there are several runs."""
    run = single(runs)
    times = [series for series in all_series(run) if series.identity.unit == "s"]
    if not times:
        raise ResultsError(f"the run {run.id} has no times", "export another format, which has other units")
    content = {
        "machine_info": dict(run.host),
        "commit_info": {},
        "benchmarks": [_benchmark(series) for series in times],
        "datetime": run.started,
        "version": version("pytest-benchmark"),
    }
    return json.dumps(content, indent=1) + "\n"


def _benchmark(series: Series) -> dict[str, Any]:
    stats: Any = Stats()  # type: ignore[no-untyped-call]
    for seconds in series.samples:
        stats.update(seconds)
    return {
        "group": series.identity.name,
        "name": str(series.identity),
        "fullname": str(series.identity),
        "params": {"subject": series.identity.subject},
        "param": series.identity.subject,
        "extra_info": {"passes": sorted(series.passes)},
        "options": {},
        "stats": {**stats.as_dict(), "data": list(series.samples), "iterations": 1},
    }

"""What github-action-benchmark calls customSmallerIsBetter and customBiggerIsBetter.

Source: github.com/benchmark-action/github-action-benchmark, README (an array of objects with `name`, `unit`,
`value` and, optional, `range` and `extra`), src/extract.ts.
"""

import json
from collections.abc import Sequence

from results.export import single
from results.run import Run
from results.series import Series, all_series
from tare.errors import UsageError


def export(runs: Sequence[Run]) -> str:
    """The medians of a run. Raises: UsageError: there are several runs, or metrics that improve both ways."""
    found = all_series(single(runs))
    if len({series.identity.better for series in found}) > 1:
        raise UsageError(
            "one file of github-action-benchmark has metrics that improve one way",
            "give --better lower for customSmallerIsBetter or --better higher for customBiggerIsBetter",
        )
    return json.dumps([_entry(series) for series in found], indent=1) + "\n"


def _entry(series: Series) -> dict[str, object]:
    estimate = series.estimate
    entry: dict[str, object] = {
        "name": str(series.identity),
        "unit": series.identity.unit,
        "value": estimate.value,
    }
    words = f"median of {estimate.n}"
    if estimate.low is not None and estimate.high is not None:
        entry["range"] = f"± {(estimate.high - estimate.low) / 2:.3g}"
        words += f", 95 % interval {estimate.low:.6g} to {estimate.high:.6g}"
    return {**entry, "extra": words}

"""Bencher Metric Format, for `bencher run --adapter json`.

Source: bencher.dev/docs/reference/bencher-metric-format: for each benchmark its measures, each with a `value`
and, optional, `lower_value` and `upper_value`. Bencher's own measures are latency (in ns) and throughput
(operations a second). A threshold there is for one measure, so no measure has metrics that improve both ways.
"""

import json
from collections.abc import Sequence

from results.export import single
from results.record import Better
from results.run import Run
from results.series import Series, all_series

_OWN = {("s", Better.LOWER): ("latency", 1e9), ("1/s", Better.HIGHER): ("throughput", 1.0)}
_WORDS = {"s": "seconds", "B": "bytes", "B/s": "bytes-per-second", "1": "count", "%": "percent"}


def export(runs: Sequence[Run]) -> str:
    """The medians of a run with their intervals. Raises: UsageError: there are several runs."""
    benchmarks: dict[str, dict[str, dict[str, float]]] = {}
    for series in all_series(single(runs)):
        measure, factor = _measure(series)
        benchmarks.setdefault(str(series.identity), {})[measure] = _metric(series, factor)
    return json.dumps(benchmarks, indent=1) + "\n"


def _measure(series: Series) -> tuple[str, float]:
    """The measure's name and by what a value in our unit is multiplied."""
    words = _WORDS.get(series.identity.unit, series.identity.unit)
    return _OWN.get(
        (series.identity.unit, series.identity.better), (f"{words}, {series.identity.better} is better", 1.0)
    )


def _metric(series: Series, factor: float) -> dict[str, float]:
    estimate = series.estimate
    metric = {"value": estimate.value * factor}
    if estimate.low is not None and estimate.high is not None:
        metric |= {"lower_value": estimate.low * factor, "upper_value": estimate.high * factor}
    return metric

"""OpenMetrics text, for Prometheus: `promtool tsdb create-blocks-from openmetrics`, or a file that is served.

Source: OpenMetrics 1.0, github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md. Gauges, as
medians of differences may be negative; each has the time at which its run began.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from results.run import Run
from results.series import Series, all_series

_UNITS = {
    "s": "seconds",
    "B": "bytes",
    "1/s": "per_second",
    "B/s": "bytes_per_second",
    "Mbit/s": "megabits_per_second",
    "%": "percent",
    "lines": "lines",
}
"""A unit that isn't here is only said by the label `unit`."""
_STATISTICS: Mapping[str, tuple[str, Callable[[Series], float | None]]] = {
    "median": ("Median of the samples", lambda series: series.estimate.value),
    "low": ("Lower end of the median's 95 % interval", lambda series: series.estimate.low),
    "high": ("Upper end of the median's 95 % interval", lambda series: series.estimate.high),
}


def export(runs: Sequence[Run]) -> str:
    """All series of all runs, told apart by labels."""
    found = [(run, series) for run in runs for series in all_series(run)]
    units = dict.fromkeys(_UNITS.get(series.identity.unit, "") for _, series in found)
    lines = [*_head("tarebench_run", "info", "", "What was run, and where")]
    lines += [f"tarebench_run_info{_labels(_of_run(run))} 1 {_time(run)}" for run in runs]
    for statistic, (meaning, value) in _STATISTICS.items():
        for unit in units:
            group = [(run, series) for run, series in found if _UNITS.get(series.identity.unit, "") == unit]
            lines += _family(f"tarebench_{statistic}", unit, meaning, value, group)
    lines += _family("tarebench_samples", "", "Number of samples", lambda series: series.estimate.n, found)
    return "\n".join([*lines, "# EOF", ""])


def _family(
    stem: str,
    unit: str,
    meaning: str,
    value: Callable[[Series], float | None],
    group: Sequence[tuple[Run, Series]],
) -> Iterator[str]:
    name = f"{stem}_{unit}" if unit else stem
    yield from _head(name, "gauge", unit, meaning)
    for run, series in group:
        number = value(series)
        if number is not None:
            yield f"{name}{_labels(_of_series(run, series))} {number!r} {_time(run)}"


def _head(name: str, kind: str, unit: str, meaning: str) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {meaning}."


def _of_run(run: Run) -> Mapping[str, str]:
    host = {name: str(run.host.get(name, "")) for name in ("machine", "kernel", "cpu")}
    return {"run": run.id, "profile": run.profile, **host}


def _of_series(run: Run, series: Series) -> Mapping[str, str]:
    return {
        "run": run.id,
        "subject": series.identity.subject,
        "scenario": series.identity.scenario,
        "metric": series.identity.metric,
        "phase": series.identity.phase,
        "temperature": str(series.identity.temperature),
        "accelerator": series.identity.accelerator or "",
        "unit": series.identity.unit,
        "better": str(series.identity.better),
    }


def _labels(values: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _time(run: Run) -> str:
    """Seconds since the epoch."""
    return f"{datetime.fromisoformat(run.started).timestamp():.3f}"

"""Every median, interval and ratio with its samples, for programs: report.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.languages import ENGLISH, Language, speaking
from reports.naming import names
from reports.registry import charts_for, measured
from reports.series import Series, collect
from reports.source import Source
from reports.table import Table, comparison
from reports.verdict import sentence
from results import Kind, Run
from results.statistics import Estimate


def write(sources: Sequence[Source], out: Path, languages: Sequence[Language]) -> tuple[Path, ...]:  # noqa: ARG001
    """Write the estimates; their names are the vocabulary's, so that one file serves every language."""
    path = out / "report.json"
    with speaking(ENGLISH):
        runs = [_run(name, source.run) for name, source in zip(names(sources), sources, strict=True)]
    path.write_text(json.dumps({"runs": runs}, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return (path,)


def _run(name: str, run: Run) -> dict[str, Any]:
    table = comparison(run)
    return {
        "name": name,
        "id": run.id,
        "started": run.started,
        "complete": run.complete,
        "profile": run.profile,
        "host": dict(run.host),
        "verdict": sentence(table),
        "comparison": [
            {
                "aspect": row.title,
                "verdict": str(row.verdict),
                "reason": row.reason,
                "ratio": _estimate(row.ratio),
            }
            for row in table.rows
        ],
        "measures": [
            _series(series, group, table)
            for chart in charts_for(run)
            for measure in measured(run, chart.scenario)
            for group in (collect(run, measure),)
            for series in group
            if series.samples
        ],
    }


def _series(series: Series, group: Sequence[Series], table: Table) -> dict[str, Any]:
    measure = series.measure
    host = next((other for other in group if other.subject.kind is Kind.HOST and other.samples), None)
    container = next((other for other in group if other.subject == table.container and other.samples), None)
    return {
        "subject": series.subject.name,
        "kind": str(series.subject.kind),
        "scenario": measure.scenario,
        "metric": measure.metric,
        "phase": measure.phase,
        "temperature": str(measure.temperature),
        "unit": measure.unit,
        "better": str(measure.better),
        "accelerator": series.accelerator,
        "median": _estimate(series.estimate),
        "to_host": _estimate(series.ratio_to(host)) if host else None,
        "to_container": _estimate(series.ratio_to(container)) if container else None,
        "samples": {str(number): list(samples) for number, samples in sorted(series.passes.items())},
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    return dict(vars(estimate)) if estimate else None

"""The report: one HTML file with its style, charts and raw data inside."""

import math
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from reports.page.download import downloads
from reports.page.section import sections
from reports.series import accelerator_of, marked, value
from reports.table import comparison
from reports.units import interval, times, times_interval
from reports.verdict import EMULATED, floor, noise, overhead, precision, sentence
from results import ResultsError, Run
from results.statistics import CONFIDENCE, RESAMPLES, SMALLEST

_BAR_DECADES = 3


def write(run: Run, out: Path, raw: Path | None) -> Path:
    """Write the report to `out`/index.html.

    Raises:
        ResultsError: a file can't be read or written.
    """
    path = out / "index.html"
    text = render(run, raw)
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(
            f"report {path} can't be written: {error.strerror}", "give another directory"
        ) from error
    return path


def render(run: Run, raw: Path | None = None) -> str:
    """The page as text.

    Raises:
        ResultsError: the raw file can't be read.
    """
    table = comparison(run)
    template = _environment().from_string(_text("report.html"))
    return template.render(
        run=run,
        style=_text("report.css"),
        table=table,
        verdict=sentence(table),
        emulated=EMULATED if accelerator_of(run) == "tcg" else "",
        noise=noise(run),
        floor=floor(run),
        precision=precision(run),
        overhead=overhead(run),
        vm=marked(table.vm.name, table.accelerator) if table.vm else "none",
        sections=sections(run, table),
        failures=[record for record in run.records if not record.valid and not record.unsupported],
        host=flattened({name: fact for name, fact in run.host.items() if name != "harness"}),
        plan=flattened(run.plan),
        downloads=downloads(run, raw),
        confidence=round(CONFIDENCE * 100),
        resamples=RESAMPLES,
        smallest=SMALLEST,
    )


def flattened(facts: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested facts as (name, value) lines, such as ("versions qemu", "7.2")."""
    if isinstance(facts, dict):
        lines = [flattened(inner, f"{name} {key}".strip()) for key, inner in facts.items()]
        return [line for part in lines for line in part]
    if isinstance(facts, list | tuple):
        return [(name, ", ".join(str(item) for item in facts))]
    return [(name, str(facts))] if facts not in (None, "") else []


def bar(ratio: float) -> dict[str, float]:
    """Left edge and width in percent of a bar that grows from 1 in the middle, three decades either way."""
    decades = math.log10(ratio) if ratio > 0 else -_BAR_DECADES
    reach = 50 * min(abs(decades) / _BAR_DECADES, 1)
    return {"left": 50 if decades >= 0 else 50 - reach, "width": reach}


def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {
        "bar": bar,
        "value": value,
        "times": times,
        "times_interval": times_interval,
        "interval": interval,
    }
    return environment


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")

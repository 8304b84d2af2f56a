"""The table and every median in Markdown, to paste into an issue or a wiki: report.md."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from reports.languages import Language, gettext, speaking
from reports.naming import names, suffix
from reports.registry import charts_for, measured
from reports.series import Measure, accelerator_of, collect, marked, value
from reports.source import Source
from reports.table import Row, Table, comparison
from reports.units import interval, times, times_interval
from reports.verdict import EMULATED, floor, noise, overhead, precision, sentence
from results import Run
from results.statistics import CONFIDENCE, Estimate


def write(sources: Sequence[Source], out: Path, languages: Sequence[Language]) -> tuple[Path, ...]:
    """Write one file a language, with all runs after each other."""
    paths = []
    for language in languages:
        path = out / f"report{suffix(language)}.md"
        with speaking(language):
            parts = [text(source.run, name) for name, source in zip(names(sources), sources, strict=True)]
        path.write_text("\n".join(parts), encoding="utf-8")
        paths.append(path)
    return tuple(paths)


def text(run: Run, name: str) -> str:
    """A run in Markdown, in the spoken language."""
    return "\n".join(_lines(run, name)) + "\n"


def _lines(run: Run, name: str) -> Iterator[str]:
    table = comparison(run)
    told = [floor(run), precision(run), overhead(run), noise(run)]
    if accelerator_of(run) == "tcg":
        told.insert(0, gettext(EMULATED))
    yield f"# {gettext('Container or virtual machine? Run {run}').format(run=name)}"
    yield f"\n**{sentence(table)}**"
    yield from (f"\n{line}" for line in told if line)
    yield f"\n## {gettext('Comparison')}\n"
    vm = marked(table.vm.name, table.accelerator) if table.vm else gettext("none")
    yield from _head(
        gettext("Aspect"),
        f"{gettext('Container')}: {table.container.name if table.container else gettext('none')}",
        f"{gettext('Virtual machine')}: {vm}",
        gettext("VM ÷ container"),
    )
    for row in table.rows:
        yield from _row(row)
    for chart in charts_for(run):
        found = measured(run, chart.scenario)
        if found:
            yield f"\n## {gettext(chart.title)}"
            yield from (f"\n{line}" for line in (gettext(chart.question),) if line)
        for measure in found:
            yield from _measure(run, table, measure)


def _row(row: Row) -> Iterator[str]:
    yield _cells(f"**{row.title}**", row.container, row.vm, f"**{row.verdict.words}**")
    if row.reason:
        yield _cells("", row.reason, "", "")
    for evidence in row.evidence:
        yield _cells(evidence.title, value(evidence.container), value(evidence.vm), _ratio(evidence.ratio))


def _measure(run: Run, table: Table, measure: Measure) -> Iterator[str]:
    group = [series for series in collect(run, measure) if series.samples]
    base = next((series for series in group if series.subject == table.container), None)
    yield f"\n### {measure.title}\n"
    yield from _head(
        gettext("Subject"),
        gettext("Median"),
        gettext("{confidence} % interval").format(confidence=round(CONFIDENCE * 100)),
        "n",
        f"÷ {table.container.name if table.container else gettext('container')}",
    )
    for series in group:
        ratio = series.ratio_to(base) if base and base is not series else None
        estimate = series.estimate
        yield _cells(
            series.label, value(series), interval(estimate, measure.unit), str(estimate.n), _ratio(ratio)
        )


def _ratio(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    within = times_interval(estimate)
    return f"{times(estimate.value)} ({within})" if within else times(estimate.value)


def _head(*names: str) -> tuple[str, str]:
    return _cells(*names), _cells(*("---" for _ in names))


def _cells(*texts: str) -> str:
    escaped = (text.replace("|", r"\|") for text in texts)
    return f"| {' | '.join(escaped)} |"

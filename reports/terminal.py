"""The comparison for the terminal."""

import os

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from reports.languages import gettext
from reports.series import marked, value
from reports.table import Evidence, Row, Table, Verdict
from reports.units import times, times_interval
from reports.verdict import EMULATED, floor, noise, overhead, precision, sentence
from results import Run

_PLAIN_WIDTH = 120
_STYLES = {
    Verdict.CONTAINER: "bold blue",
    Verdict.VM: "bold yellow",
    Verdict.EVEN: "bold",
    Verdict.DIFFERENT: "bold",
    Verdict.NOT_MEASURED: "dim",
}


def render(table: Table, run: Run) -> str:
    """The table, then the verdict in words and what limits it; styled where stdout is a terminal."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_PLAIN_WIDTH)
    with console.capture() as capture:
        console.print(_content(table, run))
    return capture.get().rstrip("\n")


def _content(table: Table, run: Run) -> Group:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_lines=False)
    grid.add_column("")
    vm = marked(table.vm.name, table.accelerator) if table.vm else ""
    for head, name in (
        (gettext("Container"), table.container.name if table.container else ""),
        (gettext("Virtual machine"), vm),
    ):
        grid.add_column(f"{head}: {name}" if name else head, overflow="fold")
    grid.add_column(gettext("VM ÷ container"), justify="right")
    grid.add_column("")
    for row in table.rows:
        _add(grid, row)
    lines: list[RenderableType] = [grid, Text(sentence(table), style="bold")]
    if table.accelerator == "tcg":
        lines.append(Text(gettext(EMULATED), style="yellow"))
    if told := floor(run):
        lines.append(Text(told, style="dim"))
    if told := precision(run):
        lines.append(Text(told, style="dim"))
    if told := overhead(run):
        lines.append(Text(told, style="dim"))
    if told := noise(run):
        lines.append(Text(told, style="yellow"))
    if not run.complete:
        told = gettext("This run is incomplete: it was ended before its plan was done.")
        lines.append(Text(told, style="yellow"))
    missing = gettext("Not available: {subject}: {reason}")
    lines += [
        Text(missing.format(subject=subject.name, reason=subject.reason), style="dim")
        for subject in run.subjects
        if not subject.available
    ]
    failed = sum(not record.valid and not record.unsupported for record in run.records)
    if failed:
        told = gettext("Failed measurements: {count}; the report lists them.").format(count=failed)
        lines.append(Text(told, style="dim"))
    return Group(*lines)


def _add(grid: Grid, row: Row) -> None:
    style = _STYLES[row.verdict]
    grid.add_row(
        Text(row.title, style="bold"), row.container, row.vm, "", Text(row.verdict.words, style=style)
    )
    if row.reason:
        grid.add_row("", Text(row.reason, style="dim"), "", "", "")
    for evidence in row.evidence:
        grid.add_row(Text(f"  {evidence.title}", style="dim"), *_cells(evidence), "")
    grid.add_section()


def _cells(evidence: Evidence) -> tuple[str, str, str]:
    ratio = evidence.ratio
    text = f"{times(ratio.value)} {_bracketed(times_interval(ratio))}".rstrip() if ratio else ""
    return value(evidence.container), value(evidence.vm), text


def _bracketed(text: str) -> str:
    return f"({text})" if text else ""

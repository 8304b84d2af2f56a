"""The comparison for the terminal."""

import os

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

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
    grid.add_column(f"container: {table.container.name}" if table.container else "container", overflow="fold")
    vm = marked(table.vm.name, table.accelerator) if table.vm else ""
    grid.add_column(f"VM: {vm}" if vm else "VM", overflow="fold")
    grid.add_column("VM ÷ container", justify="right")
    grid.add_column("leads")
    for row in table.rows:
        _add(grid, row)
    lines: list[RenderableType] = [grid, Text(sentence(table), style="bold")]
    if table.accelerator == "tcg":
        lines.append(Text(EMULATED, style="yellow"))
    if told := floor(run):
        lines.append(Text(told, style="dim"))
    if told := precision(run):
        lines.append(Text(told, style="dim"))
    if told := overhead(run):
        lines.append(Text(told, style="dim"))
    if told := noise(run):
        lines.append(Text(told, style="yellow"))
    if not run.complete:
        lines.append(Text("This run is incomplete: it was ended before its plan was done.", style="yellow"))
    lines += [
        Text(f"Not available: {subject.name}: {subject.reason}", style="dim")
        for subject in run.subjects
        if not subject.available
    ]
    failed = sum(not record.valid and not record.unsupported for record in run.records)
    if failed:
        lines.append(Text(f"Failed measurements: {failed}; the report lists them.", style="dim"))
    return Group(*lines)


def _add(grid: Grid, row: Row) -> None:
    style = _STYLES[row.verdict]
    grid.add_row(
        Text(row.title, style="bold"), row.container, row.vm, "", Text(str(row.verdict), style=style)
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

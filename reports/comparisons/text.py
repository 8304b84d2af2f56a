"""For the terminal."""

import os

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from reports.comparisons._words import ALARMS, HEADS, cells, remarks, verdict
from results.comparison import Comparison, Verdict

_PLAIN_WIDTH = 140
_STYLES = {Verdict.REGRESSION: "bold red", Verdict.IMPROVEMENT: "bold green", Verdict.CHANGE: "bold"}
_LEFT = 2


def render(comparison: Comparison) -> str:
    """The alarms as a table, then what came of it; styled where stdout is a terminal."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_PLAIN_WIDTH)
    with console.capture() as capture:
        console.print(_content(comparison))
    lines = capture.get().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def _content(comparison: Comparison) -> Group:
    head = Text(f"{comparison.new.id} compared with {comparison.base.id}", style="bold")
    rest = [Text(remark, style="dim") for remark in remarks(comparison)]
    told = Text(verdict(comparison), style="bold")
    alarms = comparison.having(*ALARMS)
    if not alarms:
        return Group(head, told, *rest)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, title in enumerate(HEADS):
        grid.add_column(title, justify="left" if index < _LEFT or not title else "right", overflow="fold")
    for change in alarms:
        *figures, what = cells(change)
        grid.add_row(*figures, Text(what, style=_STYLES[change.verdict]))
    return Group(head, grid, told, *rest)

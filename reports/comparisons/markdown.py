"""For a comment on a pull request, or the summary of a job (GitHub Flavored Markdown)."""

from collections.abc import Iterable

from reports.comparisons._words import ALARMS, HEADS, cells, remarks, verdict
from results.comparison import Comparison

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|~#"} | {"\n": " ", "\r": " "})


def render(comparison: Comparison) -> str:
    """What came of it, then the alarms as a table, then what else has to be known."""
    parts = [
        f"### {_plain(comparison.new.id)} compared with {_plain(comparison.base.id)}",
        _plain(verdict(comparison)),
    ]
    alarms = comparison.having(*ALARMS)
    if alarms:
        rows = (_row(_plain(cell) for cell in cells(change)) for change in alarms)
        parts.append("\n".join((_row(HEADS), _row(("---", "---", *("---:",) * 5, "---")), *rows)))
    if told := "\n".join(f"- {_plain(remark)}" for remark in remarks(comparison)):
        parts.append(told)
    return "\n\n".join(parts)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    return text.translate(_MARKS)

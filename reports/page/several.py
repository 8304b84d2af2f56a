"""Several runs or hosts side by side: the comparison's measures in each of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.languages import Language, gettext, speaking
from reports.page import Body, body, page
from reports.table import Evidence, Table, comparison
from results import Run


@dataclass(frozen=True)
class Entry:
    """One run of several: what it is called here, and the file with its own page."""

    run: Run
    table: Table
    name: str
    page: str


def render(runs: Sequence[tuple[str, Run]], languages: Sequence[Language]) -> str:
    """The page of several runs, each under a name, as text; each has its own page in NAME.html beside it."""
    return page([_spoken(runs, one) for one in languages])


def _spoken(runs: Sequence[tuple[str, Run]], language: Language) -> Body:
    with speaking(language):
        entries = [Entry(run, comparison(run), name, f"{name}.html") for name, run in runs]
        title = gettext("Container or virtual machine? {count} runs").format(count=len(entries))
        return body("several.html", title, several=entries, measures=_measures(entries))


def _measures(entries: Sequence[Entry]) -> list[tuple[str, list[tuple[Entry, Evidence]]]]:
    found: dict[str, list[tuple[Entry, Evidence]]] = {}
    for entry in entries:
        for row in entry.table.rows:
            for evidence in row.evidence:
                found.setdefault(f"{row.title}: {evidence.title}", []).append((entry, evidence))
    return list(found.items())

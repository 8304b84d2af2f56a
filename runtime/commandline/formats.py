"""Lists as tables, JSON lines or by a template, as Docker's `--format` asks for."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Required, TypedDict, Unpack

from runtime.commandline.template import Template
from runtime.commandline.template_functions import to_json

Row = Mapping[str, Any]
"""A line of a list: values by the names that templates use; functions in it are for templates only."""


class How(TypedDict, total=False):
    """The arguments of `lines`."""

    columns: Required[Mapping[str, str]]
    format: str
    quiet: bool
    no_trunc: bool
    identity: str


_MINIMUM = 10
_GAP = 3
_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])")


def short(identity: str) -> str:
    """The first twelve digits of an id."""
    return identity.rpartition(":")[2][:12]


def cut(text: str, length: int) -> str:
    """At most so many characters, the last one an ellipsis if some are left out."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def show(rows: Iterable[Row], **how: Unpack[How]) -> None:
    """Write a list to standard output; see `lines`."""
    sys.stdout.write("".join(f"{line}\n" for line in lines(rows, **how)))


def lines(
    rows: Iterable[Row],
    *,
    columns: Mapping[str, str],
    format: str = "",
    quiet: bool = False,
    no_trunc: bool = False,
    identity: str = "ID",
) -> list[str]:
    """The lines of a list.

    Args:
        rows: the lines.
        columns: heading by field of what a table has where nothing else is asked for, in order.
        format: `table`, `json`, a template, or `table` and a template whose columns are separated by tabs.
        quiet: whether only ids are wanted.
        no_trunc: whether ids are wanted in full.
        identity: the field that is the id.

    Raises:
        TemplateError: the format is none, or asks for what rows don't have.
    """
    rows = [row if no_trunc or identity != "ID" else _shortened(row) for row in rows]
    if quiet:
        return [str(row[identity]) for row in rows]
    if format == "json":
        return [to_json({key: row[key] for key in sorted(row) if not callable(row[key])}) for row in rows]
    if format in ("", "table") or format.startswith(("table ", "table\t", r"table\t")):
        chosen = format.removeprefix("table").strip() or r"\t".join(f"{{{{.{field}}}}}" for field in columns)
        return table(columns, rows, plain(chosen))
    return list(map(Template(plain(format)).render, rows))


def plain(text: str) -> str:
    """A format with tabs and newlines for what people type for them."""
    return text.replace(r"\t", "\t").replace(r"\n", "\n")


def table(columns: Mapping[str, str], rows: Sequence[Row], template: str) -> list[str]:
    """The lines of a table whose columns are separated by tabs in a template; further headings are made up.

    Raises:
        TemplateError: it is none, or asks for what rows don't have.
    """
    headings = _Headings({field: _Heading(heading) for field, heading in columns.items()})
    first = Template(template, is_heading=True).render(headings)
    body = Template(template)
    return aligned([first.split("\t"), *(body.render(row).split("\t") for row in rows)])


def aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Lines of cells below each other, with Docker's gaps."""
    columns = max((len(line) for line in cells), default=0)
    widths = [
        max((len(line[column]) + _GAP for line in cells if len(line) > column + 1), default=0)
        for column in range(columns)
    ]
    return [
        "".join(cell.ljust(max(_MINIMUM, width)) for cell, width in zip(line[:-1], widths, strict=False))
        + line[-1]
        for line in cells
    ]


def _shortened(row: Row) -> Row:
    return {**row, "ID": short(row["ID"])} if "ID" in row else row


class _Headings(dict[str, "_Heading"]):
    """The heading of every field, as a list without lines doesn't say which there are."""

    def __contains__(self, field: object) -> bool:
        return True

    def __missing__(self, field: str) -> "_Heading":
        return _Heading(_BOUNDARY.sub(" ", field).upper())


class _Heading(str):
    """A heading; that of a function, such as `.Label "role"`, is what it is asked for."""

    __slots__ = ()

    def __call__(self, name: str) -> str:
        return name

"""`tarebox-oci ps`: the processes of a container."""

from __future__ import annotations

import sys

from runtime import light
from runtime.oci import arguments
from runtime.oci.commands import pause
from runtime.oci.errors import OciError
from runtime.oci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runtime.oci.cli import Options


def run(options: Options, words: list[str]) -> int:
    """Print process ids as JSON, or what ps(1) says of them.

    Raises:
        OciError: there is no such container, or ps(1) fails.
    """
    found, rest = arguments.parse(words, values={"format": "format", "f": "format"}, stops=True)
    form = found.get("format", "table")
    if form not in {"table", "json"}:
        raise OciError(f"unknown format {form!r}", "use table or json")
    record = Record.load(options.root, arguments.container(rest[:1]))
    is_stopped = (
        record.require("list the processes of", "running", "created", "paused", "stopped") == "stopped"
    )
    members = [] if is_stopped else pause.groups(record, "list the processes of").processes()
    if form == "json":
        sys.stdout.write(light.dumps(members) + "\n")
    else:
        sys.stdout.writelines(_lines(frozenset(members), rest[1:] or ["-ef"]))
    return 0


def _lines(members: frozenset[int], ps: Sequence[str]) -> Iterator[str]:
    import subprocess

    done = subprocess.run(["ps", *ps], stdout=subprocess.PIPE, text=True, errors="replace", check=False)
    header, *lines = done.stdout.splitlines(keepends=True) or [""]
    if done.returncode or "PID" not in header.split():
        raise OciError(f"ps {' '.join(ps)} prints no process ids", "give options with a column PID")
    column = header.split().index("PID")
    yield header
    yield from (line for line in lines if int(line.split()[column]) in members)

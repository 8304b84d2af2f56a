"""`tarebox top`: the processes of a container."""

import argparse
from collections.abc import Collection, Iterator, Sequence

from tare.errors import TareError
from tare.state import State

SUMMARY = "list the processes of a container"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("container", metavar="CONTAINER", help="name or id")
    parser.add_argument(
        "ps", metavar="OPTION", nargs=argparse.REMAINDER, help="options of ps(1), -ef if there is none"
    )


def run(options: argparse.Namespace, state: State) -> int:
    """List them as the host's ps(1) does."""
    from runtime.commandline.formats import aligned
    from runtime.lifecycle.viewing import Viewing

    containers = Viewing(state)
    pids = {process.pid for process in containers.top(options.container)}
    for line in aligned(list(_of(pids, _listed(options.ps or ["-ef"])))):
        print(line)
    return 0


def _listed(options: Sequence[str]) -> list[str]:
    import subprocess

    try:
        ended = subprocess.run(
            ["ps", *options], capture_output=True, text=True, errors="replace", timeout=60, check=False
        )
    except FileNotFoundError:
        raise TareError("the program ps is missing", "install procps") from None
    lines = ended.stdout.splitlines()
    if ended.returncode or not lines:
        said = ended.stderr.strip().splitlines() or ["nothing"]
        raise TareError(f"ps says: {said[0].removeprefix('error: ')}", "see ps(1) for its options")
    return lines


def _of(pids: Collection[int], lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """The cells of the heading and of the lines of those processes."""
    heading = lines[0].split()
    if "PID" not in heading:
        raise TareError("ps prints no column PID", "add pid to the columns")
    column = heading.index("PID")
    yield heading
    for line in lines[1:]:
        cells = line.split(maxsplit=len(heading) - 1)
        if len(cells) > column and cells[column].isdecimal() and int(cells[column]) in pids:
            yield cells

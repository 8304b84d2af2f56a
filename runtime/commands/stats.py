"""`tarebox stats`: what containers use now."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tare.state import State

if TYPE_CHECKING:
    from runtime.commandline.formats import Row
    from runtime.lifecycle.record import Record
    from runtime.lifecycle.usage import Usage
    from runtime.lifecycle.viewing import Viewing

SUMMARY = "show what containers use, again and again"
_COLUMNS = {
    "ID": "CONTAINER ID",
    "Name": "NAME",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
}
_INTERVAL = 1.0
_HOME, _TO_END_OF_LINE, _TO_END = "\033[H", "\033[K", "\033[J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-a", "--all", action="store_true", help="also those that don't run")
    parser.add_argument("--format", metavar="FORMAT", default="", help="table, json or a template")
    parser.add_argument("--no-stream", action="store_true", help="show it once")
    parser.add_argument("--no-trunc", action="store_true", help="ids in full")
    parser.add_argument(
        "names", metavar="CONTAINER", nargs="*", help="names or ids, all that run if there is none"
    )


def run(options: argparse.Namespace, state: State) -> int:
    """Show it, every second until it is interrupted."""
    from runtime.commandline.formats import lines
    from runtime.lifecycle.viewing import Viewing

    containers = Viewing(state)
    before = _measure(containers, _wanted(containers, options))
    while True:
        # What a processor does can only be seen over some time.
        time.sleep(_INTERVAL)
        records = _wanted(containers, options)
        usages = _measure(containers, records)
        rows = _rows(records, before, usages)
        shown = lines(rows, columns=_COLUMNS, format=options.format, no_trunc=options.no_trunc)
        _print(shown, over=sys.stdout.isatty() and not options.no_stream)
        if options.no_stream:
            return 0
        before = usages


def _print(lines: Sequence[str], *, over: bool) -> None:
    text = "".join(f"{line}{_TO_END_OF_LINE if over else ''}\n" for line in lines)
    sys.stdout.write(f"{_HOME}{text}{_TO_END}" if over else text)
    sys.stdout.flush()


def _wanted(containers: "Viewing", options: argparse.Namespace) -> "list[Record]":
    if options.names:
        return [containers.find(name) for name in options.names]
    return containers.list(every=options.all)


def _measure(containers: "Viewing", records: "Sequence[Record]") -> "dict[str, Usage]":
    """What those that run use, by id."""
    from runtime.lifecycle.errors import NoSuchContainerError, StatusError

    found = {}
    for record in records:
        try:
            found[record.id] = containers.stats(record.id)
        except (NoSuchContainerError, StatusError):
            # It has ended, or doesn't run at all.
            continue
    return found


def _rows(
    records: "Sequence[Record]", before: "dict[str, Usage]", usages: "dict[str, Usage]"
) -> "Iterator[Row]":
    for record in records:
        usage = usages.get(record.id)
        yield {
            "ID": record.id,
            "Container": record.id[:12],
            "Name": record.name,
            **(_cells(before.get(record.id), usage) if usage else _NOTHING),
        }


_NOTHING = {
    "CPUPerc": "0.00%",
    "MemUsage": "0B / 0B",
    "MemPerc": "0.00%",
    "NetIO": "0B / 0B",
    "BlockIO": "0B / 0B",
    "PIDs": "0",
}


def _cells(before: "Usage | None", usage: "Usage") -> "Row":
    from runtime.commandline.units import binary_size, size

    passed = (usage.time - before.time) / 1e9 if before else 0
    cpu = (usage.cpu_seconds - before.cpu_seconds) / passed if before and passed > 0 else 0
    return {
        # It is less than before where the container was started again meanwhile.
        "CPUPerc": f"{max(cpu, 0) * 100:.2f}%",
        "MemUsage": f"{binary_size(usage.memory)} / {binary_size(usage.memory_limit)}",
        "MemPerc": f"{usage.memory / usage.memory_limit * 100:.2f}%",
        "NetIO": f"{size(usage.received_bytes)} / {size(usage.sent_bytes)}",
        "BlockIO": f"{size(usage.read_bytes)} / {size(usage.written_bytes)}",
        "PIDs": str(usage.pids),
    }

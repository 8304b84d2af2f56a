"""`tarevm ps`: lists detached machines."""

import argparse
import json
import time
from typing import TYPE_CHECKING

from tare.errors import ExitCode
from tare.state import State

if TYPE_CHECKING:
    from vm_baseline.record import Record

SUMMARY = "list machines"
FAILURE = ExitCode.FAILED
_HEADS = ("NAME", "IMAGE", "COMMAND", "CREATED", "STATUS", "DOMAIN")
_COMMAND = 20
_UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-a", "--all", action="store_true", help="those that have ended, too")
    parser.add_argument("-q", "--quiet", action="store_true", help="names alone")


def run(options: argparse.Namespace, state: State) -> int:
    """Print a line for each, the newest first."""
    from vm_baseline import detached

    found = [record for record in detached.machines(state) if options.all or record.status is None]
    if options.quiet:
        for record in found:
            print(record.name)
        return ExitCode.OK
    rows = [_HEADS, *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return ExitCode.OK


def _row(record: "Record") -> tuple[str, ...]:
    command = " ".join(record.command)
    short = command if len(command) <= _COMMAND else command[: _COMMAND - 1] + "…"
    now = time.time()
    status = f"Up {_span(now - record.created)}"
    if record.status is not None:
        status = f"Exited ({record.status}) {_span(now - (record.ended or now))} ago"
    image, created = record.image, f"{_span(now - record.created)} ago"
    return record.name, image, json.dumps(short, ensure_ascii=False), created, status, record.domain


def _span(seconds: float) -> str:
    """The largest unit of which there are at least two, as Docker writes it."""
    size, unit = next((one for one in _UNITS if seconds >= 2 * one[0]), _UNITS[-1])
    count = max(int(seconds // size), 0)
    return f"{count} {unit}" if count != 1 else "1 second"

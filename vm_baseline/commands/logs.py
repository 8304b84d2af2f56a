"""`tarevm logs`: prints what a detached machine's program wrote."""

import argparse
import sys

from tare.errors import ExitCode, UsageError
from tare.state import State

SUMMARY = "print what a machine's program wrote"
FAILURE = ExitCode.FAILED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    add("-f", "--follow", action="store_true", help="wait for more until it ends")
    add("-n", "--tail", metavar="N", default="all", help="lines of the end, all if not given")
    add("name", metavar="MACHINE", help="name")


def run(options: argparse.Namespace, state: State) -> int:
    """Print standard output there, and standard error likewise."""
    from vm_baseline import detached, log
    from vm_baseline.frames import Kind

    place, record = detached.find(state, options.name)
    lives = (lambda: place.is_held) if options.follow and record.status is None else None
    skip = _lines_before(log.lines(place.data), options.tail)
    for frame in log.entries(place.data, lives):
        stream = sys.stderr if frame.kind == Kind.ERRORS else sys.stdout
        data = frame.body
        while skip and data:
            _, newline, data = data.partition(b"\n")
            skip -= bool(newline)
        stream.buffer.write(data)
        stream.flush()
    return ExitCode.OK


def _lines_before(total: int, tail: str) -> int:
    if tail == "all" or tail.startswith("-"):
        return 0
    if not (tail.isascii() and tail.isdigit()):
        raise UsageError(f"--tail {tail!r} is no number", "write one such as 10, or all")
    return max(total - int(tail), 0)

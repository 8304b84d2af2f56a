"""`tarebox logs`: prints what a container wrote."""

import argparse
import sys

from tare.errors import UsageError
from tare.state import State

SUMMARY = "print what a container wrote"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    add("-f", "--follow", action="store_true", help="wait for more until it ends")
    add("-n", "--tail", metavar="N", default="all", help="lines of the end, all if not given")
    add("--since", metavar="TIME", default="", help="such as 2026-01-02T15:04:05 or 10m for ten minutes ago")
    add("--until", metavar="TIME", default="", help="likewise")
    add("-t", "--timestamps", action="store_true", help="begin each line with its time")
    add("name", metavar="CONTAINER", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print standard output there, and standard error likewise."""
    from runtime.commandline.units import parse_time
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        entries = containers.logs(
            options.name,
            follow=options.follow,
            tail=_lines(options.tail),
            since=parse_time(options.since) if options.since else 0,
            until=parse_time(options.until) if options.until else None,
        )
        for entry in entries:
            stream = sys.stderr if entry.stream == "stderr" else sys.stdout
            stream.write(f"{entry.time} {entry.text}" if options.timestamps else entry.text)
            stream.flush()
    return 0


def _lines(text: str) -> int | None:
    if text == "all" or text.startswith("-"):
        return None
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"--tail {text!r} is no number", "write one such as 10, or all")
    return int(text)

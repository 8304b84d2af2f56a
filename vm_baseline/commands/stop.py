"""`tarevm stop`: asks detached machines to end."""

import argparse

from tare.errors import ExitCode
from tare.state import State

SUMMARY = "ask machines to end, and kill them when they don't"
FAILURE = ExitCode.FAILED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        "-t", "--time", "--timeout", metavar="SECONDS", type=int, default=10,
        help="before it is killed, -1 for no end",
    )  # fmt: skip
    parser.add_argument("names", metavar="MACHINE", nargs="+", help="name")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that has ended."""
    from tare.each import each
    from vm_baseline import detached
    from vm_baseline.messages import complain

    limit = None if options.time < 0 else options.time

    def stop(name: str) -> None:
        detached.ended(state, name, lambda machine: machine.stop(limit))

    return each(options.names, stop, complain, at_once=True)

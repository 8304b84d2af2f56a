"""`tarevm wait`: waits for the end of detached machines."""

import argparse

from tare.errors import ExitCode
from tare.state import State

SUMMARY = "wait for the end of machines and print their exit status"
FAILURE = ExitCode.FAILED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("names", metavar="MACHINE", nargs="+", help="name")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the exit status of each, one a line."""
    from tare.each import each
    from vm_baseline import detached
    from vm_baseline.messages import complain

    def wait(name: str) -> None:
        print(detached.ended(state, name, detached.Detached.wait), flush=True)

    return each(options.names, wait, complain, show=False)

"""`tarevm rm`: removes detached machines."""

import argparse

from tare.errors import ExitCode
from tare.state import State

SUMMARY = "remove machines that have ended"
FAILURE = ExitCode.FAILED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-f", "--force", action="store_true", help="end those that run")
    parser.add_argument("names", metavar="MACHINE", nargs="+", help="name")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that is gone."""
    from tare.each import each
    from vm_baseline import detached
    from vm_baseline.messages import complain

    return each(options.names, lambda name: detached.remove(state, name, force=options.force), complain)

"""`tarevm kill`: sends a signal to the payloads of detached machines."""

import argparse

from tare.errors import ExitCode
from tare.state import State

SUMMARY = "send a signal to machines' programs"
FAILURE = ExitCode.FAILED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        "-s", "--signal", metavar="SIGNAL", default="KILL", help="name or number, KILL if not given"
    )
    parser.add_argument("names", metavar="MACHINE", nargs="+", help="name")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that was sent it."""
    from tare.each import each
    from tare.signals import signal_number
    from vm_baseline import detached
    from vm_baseline.messages import complain

    number = signal_number(options.signal)

    def kill(name: str) -> None:
        with detached.adopt(state, name) as machine:
            machine.kill(number)

    return each(options.names, kill, complain)

"""`tarevm kill`: sends a signal to the payloads of detached machines."""

import argparse
import signal
import subprocess

from tare.errors import ExitCode
from tare.state import State

SUMMARY = "send a signal to machines' programs"
FAILURE = ExitCode.FAILED
_LIMIT = 10.0
"""Seconds after which a machine that takes no signal is taken for stalled."""


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
    from vm_baseline.errors import HypervisorError
    from vm_baseline.messages import complain

    number = signal_number(options.signal)

    def kill(name: str) -> None:
        with detached.adopt(state, name) as machine:
            try:
                machine.kill(number, _LIMIT)
            except subprocess.TimeoutExpired:
                if number != signal.SIGKILL:
                    raise HypervisorError(f"the machine {name} takes no signal", "use KILL") from None
                machine.destroy()

    return each(options.names, kill, complain)

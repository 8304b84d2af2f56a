"""`tarebox kill`: sends a signal to containers."""

import argparse

from tare.state import State

SUMMARY = "send a signal to containers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        "-s", "--signal", metavar="SIGNAL", default="KILL", help="name or number, KILL if not given"
    )
    parser.add_argument("names", metavar="CONTAINER", nargs="+", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that was sent it."""
    from runtime.commandline.each import each
    from runtime.lifecycle.containers import Containers
    from tare.signals import signal_number

    number = signal_number(options.signal)
    with Containers(state) as containers:
        return each(options.names, lambda name: containers.kill(name, number))

"""`tarebox stop`: asks containers to end."""

import argparse

from tare.state import State

SUMMARY = "ask containers to end, and kill them when they don't"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        "-t", "--time", "--timeout", metavar="SECONDS", type=int, help="before it is killed, -1 for no end"
    )
    parser.add_argument("-s", "--signal", metavar="SIGNAL", default="", help="name or number of what asks it")
    parser.add_argument("names", metavar="CONTAINER", nargs="+", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that has ended."""
    from runtime.commandline.each import each
    from runtime.lifecycle.containers import Containers
    from tare.signals import signal_number

    number = signal_number(options.signal) if options.signal else None
    with Containers(state) as containers:
        return each(
            options.names,
            lambda name: containers.stop(name, timeout=options.time, number=number),
            at_once=True,
        )

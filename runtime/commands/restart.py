"""`tarebox restart`: stops containers and starts them again."""

import argparse

from tare.state import State

SUMMARY = "stop containers, and start them again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        "-t", "--time", "--timeout", metavar="SECONDS", type=int, help="before it is killed, -1 for no end"
    )
    parser.add_argument("names", metavar="CONTAINER", nargs="+", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that runs again."""
    from runtime.commandline.each import each
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        return each(options.names, lambda name: containers.restart(name, timeout=options.time), at_once=True)

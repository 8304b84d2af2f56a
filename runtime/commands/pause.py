"""`tarebox pause`: freezes all processes of containers."""

import argparse

from tare.state import State

SUMMARY = "stop all processes of containers for a while"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("names", metavar="CONTAINER", nargs="+", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that is frozen."""
    from runtime.commandline.each import each
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        return each(options.names, containers.pause)

"""`tarebox unpause`: thaws all processes of containers."""

import argparse

from tare.state import State

SUMMARY = "let the processes of paused containers go on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("names", metavar="CONTAINER", nargs="+", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the name of each that goes on."""
    from runtime.commandline.each import each
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        return each(options.names, containers.unpause)

"""`tarebox wait`: waits for the end of containers."""

import argparse

from tare.state import State

SUMMARY = "wait for the end of containers and print their exit status"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("names", metavar="CONTAINER", nargs="+", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print the exit status of each, one a line."""
    from runtime.commandline.each import each
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        return each(options.names, lambda name: print(containers.wait(name), flush=True), show=False)

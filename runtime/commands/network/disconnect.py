"""`tarebox network disconnect`: takes a container off a network."""

import argparse

from tare.state import State

SUMMARY = "take a container off a network"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-f", "--force", action="store_true", help="accepted, as it makes no difference")
    parser.add_argument("network", metavar="NETWORK", help="name or id")
    parser.add_argument("container", metavar="CONTAINER", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Take it off, at once where it runs."""
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        containers.disconnect(options.network, options.container)
    return 0

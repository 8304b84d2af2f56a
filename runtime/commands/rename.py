"""`tarebox rename`: gives a container another name."""

import argparse

from tare.state import State

SUMMARY = "give a container another name"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("name", metavar="CONTAINER", help="name or id")
    parser.add_argument("new", metavar="NAME", help="what it is called from now on")


def run(options: argparse.Namespace, state: State) -> int:
    """Print nothing."""
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        containers.rename(options.name, options.new)
    return 0

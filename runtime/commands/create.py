"""`tarebox create`: a container that doesn't run yet."""

import argparse

from runtime.commandline import creation_options
from tare.state import State

SUMMARY = "make a container without starting it"
FAILURE = 125


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    creation_options.add_arguments(parser)


def run(options: argparse.Namespace, state: State) -> int:
    """Print its id."""
    from runtime.commandline import creation
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        print(creation.create(options, containers, creation.make(options, state, containers)))
    return 0

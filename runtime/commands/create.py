"""`tarebox create`: a container that doesn't run yet."""

import argparse
from contextlib import ExitStack

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

    with Containers(state) as containers, ExitStack() as until_made:
        settings = creation.make(options, state, containers, until_made)
        print(creation.create(options, containers, settings))
    return 0

"""`tarebox diff`: what a container changed."""

import argparse

from tare.state import State

SUMMARY = "say which files a container added, changed or deleted"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("name", metavar="CONTAINER", help="a name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Print A, C or D and the path of each."""
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        driver, identity = containers.root(options.name)
        for change in driver.changes(identity):
            print(change.kind, change.path)
    return 0

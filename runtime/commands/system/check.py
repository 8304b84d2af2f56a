"""`tarebox system check`: whether all that is kept is whole."""

import argparse

from tare.state import State

SUMMARY = "look for damage in images, layers, containers, networks and volumes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--quick", action="store_true", help="don't read all content to verify its digest")


def run(options: argparse.Namespace, state: State) -> int:
    """Print what is wrong, a line each; the status is 1 when something is."""
    from runtime.consistency import problems

    found = False
    for line in problems(state, deep=not options.quick):
        print(line)
        found = True
    return int(found)

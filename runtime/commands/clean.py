"""`tarebox clean`: ends and removes all that runs."""

import argparse

from tare.state import State

SUMMARY = "end all containers and remove what they left in the kernel"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_: argparse.Namespace, state: State) -> int:
    """Print what is removed, a line each."""
    from runtime.clean import clean

    for line in clean(state):
        print(f"removed {line}")
    return 0

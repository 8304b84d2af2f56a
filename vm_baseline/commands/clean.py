"""`tarevm clean`: removes what machines left behind."""

import argparse

from tare.errors import ExitCode
from tare.state import State

SUMMARY = "remove what machines left behind"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, state: State) -> int:
    """Print a line for each thing that is removed."""
    from vm_baseline import clean

    for line in clean(state):
        print(line)
    return ExitCode.OK

"""`tarevm doctor`: what this host can do."""

import argparse

from tare.errors import ExitCode
from tare.state import State

SUMMARY = "say what this host can do"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, state: State) -> int:
    """Print a line for each thing that is looked at."""
    from vm_baseline import doctor

    checks = doctor(state)
    for name, ok, line in checks:
        print(f"{'ok' if ok else 'no':<3} {name:<14} {line}")
    return ExitCode.OK if all(ok for _, ok, _ in checks) else ExitCode.FAILED

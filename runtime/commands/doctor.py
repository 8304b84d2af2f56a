"""`tarebox doctor`: what this host can and cannot do."""

import argparse

from tare.state import State

SUMMARY = "say what this host can and cannot do"
ON_HOST = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_: argparse.Namespace, state: State) -> int:
    """Print a line a check; 1 when one failed."""
    import os

    from runtime.doctor import doctor, of_user

    checks = doctor(state) if os.geteuid() == 0 else of_user(state)
    for check in checks:
        print(f"{'ok' if check.ok else 'no':3} {check.name}: {check.line}")
    return 0 if all(check.ok for check in checks) else 1

"""Asks before much is removed."""

import sys

from tare.errors import UsageError


def confirmed(warning: str) -> bool:
    """Whether the person at the terminal says yes.

    Args:
        warning: what would be done, in full sentences.

    Raises:
        UsageError: there is no terminal to ask at.
    """
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", "add --force to remove without a question")
    print(f"WARNING! {warning}")
    print("Are you sure you want to continue? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")

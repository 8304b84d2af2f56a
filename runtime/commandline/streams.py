"""Files that a command line names, where nothing or `-` stands for standard input or output."""

import sys
from pathlib import Path
from typing import BinaryIO

from tare.errors import UsageError


def source(name: str, hint: str) -> Path | BinaryIO:
    """A path, or standard input.

    Args:
        name: as on the command line.
        hint: how to name a file.

    Raises:
        UsageError: a person would have to type it.
    """
    return stdin(hint) if name in ("", "-") else Path(name)


def target(name: str, hint: str) -> Path | BinaryIO:
    """A path, or standard output.

    Raises:
        UsageError: a terminal would show what is written.
    """
    return stdout(hint) if name in ("", "-") else Path(name)


def stdin(hint: str) -> BinaryIO:
    """Standard input.

    Raises:
        UsageError: a person would have to type it.
    """
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal", hint)
    return sys.stdin.buffer


def stdout(hint: str) -> BinaryIO:
    """Standard output.

    Raises:
        UsageError: a terminal would show what is written.
    """
    if sys.stdout.isatty():
        raise UsageError("standard output is a terminal", hint)
    sys.stdout.flush()
    return sys.stdout.buffer

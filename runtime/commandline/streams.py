"""Files that a command line names, where nothing or `-` stands for standard input or output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tare.errors import ImageError, UsageError


def source(name: str, hint: str) -> Path | BinaryIO:
    """A path, or standard input.

    Args:
        name: as on the command line.
        hint: how to name a file.

    Raises:
        UsageError: a person would have to type it.
    """
    return stdin(hint) if name in ("", "-") else Path(name)


@contextmanager
def named(action: str, name: str) -> Iterator[None]:
    """Say in a fault which file it was that could not be used.

    Args:
        action: what was to be done with it.
        name: as on the command line.

    Raises:
        ImageError: it could not be, for the reason that was raised.
    """
    called = "standard input" if name in ("", "-") else name
    try:
        yield
    except ImageError as error:
        raise ImageError(f"can't {action} {called}: {error.what}", error.hint) from error
    except OSError as error:
        raise ImageError(f"can't {action} {called}: {error.strerror}", "check the path") from error


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

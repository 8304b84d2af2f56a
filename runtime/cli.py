"""The command `tarebox`: containers from the command line, with Docker's habits."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from runtime.commandline.dispatch import dispatch
from runtime.commandline.output import accept_everything


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, this process's own when None; returns the exit status."""
    accept_everything()
    return dispatch(sys.argv[1:] if arguments is None else arguments)


def program() -> NoReturn:
    """Run this process's own command line and end with its exit status."""
    try:
        status = main()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0
    # What can't be written was complained of.
    with suppress(OSError):
        sys.stdout.flush()
    # The interpreter's own farewell takes several milliseconds and frees what the kernel frees anyway.
    os._exit(status)

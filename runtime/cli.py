"""The command `tarebox`: containers from the command line, with Docker's habits."""

import sys
from collections.abc import Sequence

from runtime.commandline.dispatch import dispatch
from runtime.commandline.output import accept_everything


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, this process's own when None; returns the exit status."""
    accept_everything()
    return dispatch(sys.argv[1:] if arguments is None else arguments)

"""`tarevm cp`: copies between a detached machine and the host."""

import argparse

from tare.errors import ExitCode, UsageError
from tare.state import State

SUMMARY = "copy files between a machine and the host"
FAILURE = ExitCode.FAILED
_HINT = "write one of the two as MACHINE:PATH"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-a", "--archive", action="store_true", help="keep the owners")
    parser.add_argument("-q", "--quiet", action="store_true", help="as without, as there is nothing to say")
    parser.add_argument("source", metavar="SOURCE", help="MACHINE:PATH, or a path")
    parser.add_argument("target", metavar="TARGET", help="MACHINE:PATH, or a path")


def run(options: argparse.Namespace, state: State) -> int:
    """Copy."""
    from vm_baseline import detached

    (origin, source), (goal, target) = _place(options.source), _place(options.target)
    if bool(origin) == bool(goal):
        raise UsageError("one of the two places has to be in a machine", _HINT)
    with detached.adopt(state, origin or goal) as machine:
        if origin:
            machine.copy_out(source, target, archive=options.archive)
        else:
            machine.copy_in(source, target, archive=options.archive)
    return ExitCode.OK


def _place(text: str) -> tuple[str, str]:
    """Machine and path; what is before a colon is a machine, unless a path begins so (`docker cp`)."""
    name, colon, path = text.partition(":")
    if not colon or text.startswith(("/", ".")):
        return "", text
    if not name or not path:
        raise UsageError(f"{text!r} names no path in a machine", _HINT)
    return name, path

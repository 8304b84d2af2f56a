"""`tarevm attach`: brings a detached machine's program to the foreground."""

import argparse
from contextlib import closing

from tare.detaching import DETACH_KEYS, DetachKeys
from tare.errors import ExitCode
from tare.state import State

SUMMARY = "bring a machine's program to the foreground"
FAILURE = ExitCode.FAILED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    add = parser.add_argument
    add("--no-stdin", action="store_true", help="keep our input")
    add("--detach-keys", metavar="KEYS", default=DETACH_KEYS, help=f"on a terminal, default: {DETACH_KEYS}")
    add("name", metavar="MACHINE", help="name")


def run(options: argparse.Namespace, state: State) -> int:
    """Copy its output from now on, and our input and signals to it; the exit status is its own."""
    from vm_baseline import detached
    from vm_baseline.attachment import Attachment
    from vm_baseline.foreground import Foreground

    keys = DetachKeys(options.detach_keys)
    with detached.adopt(state, options.name) as machine:
        has_terminal, has_input = machine.record.terminal, machine.record.has_input
        with Foreground(tty=has_terminal, interactive=has_input and not options.no_stdin) as ours, \
                closing(Attachment(machine, ours.output, ours.errors, keys if has_terminal else None)) \
                as attachment:  # fmt: skip
            if ours.size is not None:
                machine.resize(*ours.size)
            return ours.follow(lambda: attachment)

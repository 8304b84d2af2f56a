"""`tarebox network prune`: removes the networks nobody is on."""

import argparse

from tare.state import State

SUMMARY = "remove all networks nobody is on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-f", "--force", action="store_true", help="don't ask")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print what they were called."""
    from runtime.commandline.confirmation import confirmed
    from runtime.network.networks import Networks

    if options.force or confirmed("This will remove all custom networks not used by at least one container."):
        if names := Networks(state).prune():
            print("Deleted Networks:", *names, sep="\n")
        return 0
    return 1

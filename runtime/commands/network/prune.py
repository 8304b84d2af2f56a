"""`tarebox network prune`: removes the networks nobody is on."""

import argparse

from runtime.commandline import filters, pruning
from tare.state import State

SUMMARY = "remove all networks nobody is on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    pruning.add_arguments(parser, "until", "label", "label!")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print what they were called."""
    from runtime.commandline.confirmation import confirmed
    from runtime.network.networks import Networks

    chosen = pruning.networks(filters.parse(options.filter))
    if options.force or confirmed("This will remove all custom networks not used by at least one container."):
        if names := Networks(state).prune(chosen):
            print("Deleted Networks:", *names, sep="\n")
        return 0
    return 1

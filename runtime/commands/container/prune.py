"""`tarebox container prune`: removes the containers that don't run."""

import argparse

from runtime.commandline import filters, pruning
from tare.state import State

SUMMARY = "remove all stopped containers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    pruning.add_arguments(parser, "until", "label", "label!")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print their ids and how much space that gave."""
    from runtime.commandline.confirmation import confirmed
    from runtime.commandline.units import size

    chosen = pruning.containers(filters.parse(options.filter))
    if not options.force and not confirmed("This will remove all stopped containers."):
        return 1
    removed = pruning.prune_containers(state, chosen)
    pruning.tell("Containers", removed)
    print(f"Total reclaimed space: {size(sum(removed.values()))}")
    return 0

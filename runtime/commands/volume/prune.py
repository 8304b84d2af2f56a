"""`tarebox volume prune`: removes the volumes no container has."""

import argparse

from runtime.commandline import filters, pruning
from tare.state import State

SUMMARY = "remove all anonymous volumes no container has"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-a", "--all", action="store_true", help="also those that have a name")
    pruning.add_arguments(parser, "label", "label!")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print their names and how much space that gave."""
    from runtime.commandline.confirmation import confirmed
    from runtime.commandline.units import size

    kind = "local" if options.all else "anonymous local"
    chosen = pruning.volumes(filters.parse(options.filter))
    if not options.force and not confirmed(
        f"This will remove {kind} volumes not used by at least one container."
    ):
        return 1
    removed = pruning.prune_volumes(state, chosen, every=options.all)
    pruning.tell("Volumes", removed)
    print(f"Total reclaimed space: {size(sum(removed.values()))}")
    return 0

"""`tarebox image prune`: removes the images nobody needs."""

import argparse

from runtime.commandline import filters, pruning
from tare.state import State

SUMMARY = "remove all images without a name"
_WITHOUT_NAME = "This will remove all dangling images."
_UNUSED = "This will remove all images without at least one container associated to them."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "-a", "--all", action="store_true", help="also those with a name that no container is of"
    )
    pruning.add_arguments(parser, "until", "label", "label!")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print what went."""
    from runtime.commandline.confirmation import confirmed
    from runtime.commandline.images import removal, tell_removed
    from runtime.commandline.units import size

    chosen = pruning.images(filters.parse(options.filter))
    if not options.force and not confirmed(_UNUSED if options.all else _WITHOUT_NAME):
        return 1
    removed = removal(state).prune(chosen, every=options.all)
    if removed.names or removed.images or removed.layers:
        print("Deleted Images:")
        tell_removed(removed)
        print()
    print(f"Total reclaimed space: {size(removed.freed)}")
    return 0

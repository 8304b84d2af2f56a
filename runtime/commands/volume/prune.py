"""`tarebox volume prune`: removes the volumes no container has."""

import argparse
from typing import TYPE_CHECKING

from runtime.commandline import filters
from tare.state import State

if TYPE_CHECKING:
    from runtime.volumes.volume import Volume

SUMMARY = "remove all anonymous volumes no container has"
_FILTERS: filters.Filters["Volume"] = {
    "label": lambda volume, value: filters.has_label(volume.labels, value),
    "label!": lambda volume, value: not filters.has_label(volume.labels, value),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-a", "--all", action="store_true", help="also those that have a name")
    parser.add_argument("-f", "--force", action="store_true", help="don't ask")
    parser.add_argument(
        "--filter",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help=f"only those of which it is true; keys: {', '.join(_FILTERS)}",
    )


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print their names and how much space that gave."""
    from runtime.commandline.confirmation import confirmed
    from runtime.commandline.pruning import prune_volumes, tell
    from runtime.commandline.units import size

    kind = "local" if options.all else "anonymous local"
    wanted = filters.parse(options.filter)
    filters.select([], _FILTERS, wanted)
    if not options.force and not confirmed(
        f"This will remove {kind} volumes not used by at least one container."
    ):
        return 1
    removed = prune_volumes(
        state, lambda volume: bool(filters.select([volume], _FILTERS, wanted)), every=options.all
    )
    tell("Volumes", removed)
    print(f"Total reclaimed space: {size(sum(removed.values()))}")
    return 0

"""`tarebox container prune`: removes the containers that don't run."""

import argparse
from typing import TYPE_CHECKING

from runtime.commandline import filters
from tare.state import State

if TYPE_CHECKING:
    from runtime.lifecycle.record import Record

SUMMARY = "remove all stopped containers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-f", "--force", action="store_true", help="don't ask")
    parser.add_argument(
        "--filter",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="only those of which it is true; keys: until, label, label!",
    )


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print their ids and how much space that gave."""
    from runtime.commandline.confirmation import confirmed
    from runtime.commandline.pruning import prune_containers, tell
    from runtime.commandline.units import parse_time, size

    wanted = filters.parse(options.filter)
    known: filters.Filters[Record] = {
        "until": lambda record, value: record.values["created_at"] < parse_time(value),
        "label": lambda record, value: filters.has_label(record.settings.labels, value),
        "label!": lambda record, value: not filters.has_label(record.settings.labels, value),
    }
    filters.select([], known, wanted)
    if not options.force and not confirmed("This will remove all stopped containers."):
        return 1
    removed = prune_containers(state, lambda record: bool(filters.select([record], known, wanted)))
    tell("Containers", removed)
    print(f"Total reclaimed space: {size(sum(removed.values()))}")
    return 0

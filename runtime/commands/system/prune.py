"""`tarebox system prune`: removes all that nobody needs."""

import argparse

from runtime.commandline import filters, pruning
from tare.errors import UsageError
from tare.state import State

SUMMARY = "remove stopped containers, unused networks and dangling images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "-a",
        "--all",
        action="store_true",
        help="all images that no container is of, not only those without a name",
    )
    parser.add_argument(
        "--volumes", action="store_true", help="also volumes nobody named and no container has"
    )
    pruning.add_arguments(parser, "until", "label", "label!")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print what went, and how much space that gave."""
    from runtime.commandline.confirmation import confirmed
    from runtime.commandline.images import removal, tell_removed
    from runtime.commandline.units import size
    from runtime.network.networks import Networks
    from runtime.storage.clean import sweep

    wanted = filters.parse(options.filter)
    if options.volumes and "until" in wanted:
        raise UsageError(
            "the filter 'until' has no meaning for volumes", "leave out --volumes, or prune twice"
        )
    of_containers, of_networks = pruning.containers(wanted), pruning.networks(wanted)
    of_volumes = pruning.volumes({key: values for key, values in wanted.items() if key != "until"})
    of_images = pruning.images(wanted)
    if not options.force and not confirmed(_warning(options)):
        return 1
    containers = pruning.prune_containers(state, of_containers)
    pruning.tell("Containers", containers)
    pruning.tell("Networks", Networks(state).prune(of_networks))
    volumes = pruning.prune_volumes(state, of_volumes) if options.volumes else {}
    pruning.tell("Volumes", volumes)
    images = removal(state).prune(of_images, every=options.all)
    if images.names or images.images or images.layers:
        print("Deleted Images:")
        tell_removed(images)
        print()
    sweep(state)
    freed = sum(containers.values()) + sum(volumes.values()) + images.freed
    print(f"Total reclaimed space: {size(freed)}")
    return 0


def _warning(options: argparse.Namespace) -> str:
    lines = [
        "all stopped containers",
        "all networks not used by at least one container",
        *(["all anonymous volumes not used by at least one container"] if options.volumes else []),
        "all images without at least one container associated to them"
        if options.all
        else "all dangling images",
    ]
    text = "This will remove:\n" + "\n".join(f"  - {line}" for line in lines) + "\n"
    if options.filter:
        text += "\n  Items to be pruned will be filtered with:\n"
        text += "\n".join(f"  - {given}" for given in options.filter) + "\n"
    return text

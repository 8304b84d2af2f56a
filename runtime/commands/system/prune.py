"""`tarebox system prune`: removes all that nobody needs."""

import argparse

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
    parser.add_argument("-f", "--force", action="store_true", help="don't ask")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print what went, and how much space that gave."""
    from runtime.commandline.confirmation import confirmed
    from runtime.commandline.images import removal, tell_removed
    from runtime.commandline.pruning import prune_containers, prune_volumes, tell
    from runtime.commandline.units import size
    from runtime.network.networks import Networks
    from runtime.storage.clean import sweep

    if not options.force and not confirmed(_warning(options)):
        return 1
    containers = prune_containers(state)
    tell("Containers", containers)
    tell("Networks", Networks(state).prune())
    volumes = prune_volumes(state) if options.volumes else {}
    tell("Volumes", volumes)
    images = removal(state).prune(lambda _: True, every=options.all)
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
    return "This will remove:\n" + "\n".join(f"  - {line}" for line in lines) + "\n"

"""`tarebox image bootstrap`: an image made from this host."""

import argparse

from tare.state import State

SUMMARY = "make an image from this host, without a registry"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        "--include",
        metavar="PACKAGE[,PACKAGE]",
        action="append",
        default=[],
        help="debian: packages beside the essential ones and apt",
    )
    parser.add_argument(
        "--suite", metavar="NAME", default="", help="debian: the release; the host's own if not given"
    )
    parser.add_argument(
        "name",
        metavar="busybox|debian",
        choices=["busybox", "debian"],
        help="the host's static busybox, or what mmdebstrap makes of its distribution",
    )


def run(options: argparse.Namespace, state: State) -> int:
    """Make it, unpack its layer and print its id."""
    from runtime.image.bootstrap_busybox import bootstrap_busybox
    from runtime.image.bootstrap_debian import bootstrap_debian
    from runtime.image.layers import unpack_layers
    from runtime.image.store import ImageStore
    from runtime.storage import registry
    from tare.errors import UsageError

    store, name = ImageStore(state), f"{options.name}:latest"
    if options.name == "debian":
        image = bootstrap_debian(store, name, suite=options.suite, include=options.include)
    elif options.include or options.suite:
        raise UsageError("busybox has no packages and no releases", "bootstrap debian")
    else:
        image = bootstrap_busybox(store, name)
    with store.content.adding():
        unpack_layers(store.content, store.get(image.id), registry.driver(state))
    print(image.id)
    return 0

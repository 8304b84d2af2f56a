"""`tarebox load`: brings in images that were saved."""

import argparse

from tare.state import State

SUMMARY = "bring in images from an archive or directory"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        *("-i", "--input"),
        metavar="PATH",
        default="",
        help="an archive, packed or not, or a directory; else standard input",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="as without, as no progress is shown")


def run(options: argparse.Namespace, state: State) -> int:
    """Load them, unpack their layers and print what they are called."""
    from runtime.commandline import streams
    from runtime.image.layers import unpack_layers
    from runtime.image.saving import load
    from runtime.image.store import ImageStore
    from runtime.storage import registry

    store, driver = ImageStore(state), registry.driver(state)
    source = streams.source(options.input, "name a file with --input")
    with streams.named("load", options.input):
        loaded = load(store, source, unpack=lambda image: unpack_layers(store.content, image, driver))
    for image in loaded:
        for name in image.names:
            print(f"Loaded image: {name}")
        if not image.names:
            print(f"Loaded image ID: {image.id}")
    return 0

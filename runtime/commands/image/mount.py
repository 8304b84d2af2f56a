"""`tarebox image mount`: an image's files where others can read them."""

import argparse

from tare.state import State

SUMMARY = "print a directory with an image's files, to be read only"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("image", metavar="IMAGE", help="a name, or an id")


def run(options: argparse.Namespace, state: State) -> int:
    """Unpack it and print the directory, one layer's own or one with all layers' files."""
    from runtime.image.store import ImageStore
    from runtime.rootfs import flatten

    print(flatten(state, ImageStore(state).get(options.image)))
    return 0

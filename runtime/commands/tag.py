"""`tarebox tag`: gives an image one more name."""

import argparse

from tare.state import State

SUMMARY = "give an image one more name"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("image", metavar="IMAGE", help="a name or id")
    parser.add_argument("name", metavar="NAME[:TAG]", help="the new name, which another image loses")


def run(options: argparse.Namespace, state: State) -> int:
    """Name it."""
    from runtime.image.store import ImageStore

    ImageStore(state).tag(options.image, options.name)
    return 0

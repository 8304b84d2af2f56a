"""`tarebox rmi`: removes images."""

import argparse

from runtime.commandline.each import each
from tare.state import State

SUMMARY = "remove images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument(
        *("-f", "--force"), action="store_true", help="also of containers that don't run, and with all names"
    )
    parser.add_argument("--no-prune", action="store_true", help="keep the layers for another image")
    parser.add_argument("names", metavar="IMAGE", nargs="+", help="names or ids")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print what went."""
    from runtime.commandline.images import removal, tell_removed

    images = removal(state)
    return each(
        options.names,
        lambda name: tell_removed(images.remove(name, force=options.force, keep=options.no_prune)),
        show=False,
    )

"""`tarebox volume rm`: removes volumes."""

import argparse

from runtime.commandline.each import each
from tare.state import State

SUMMARY = "remove volumes no container has"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-f", "--force", action="store_true", help="one that isn't there is no fault")
    parser.add_argument("names", metavar="VOLUME", nargs="+", help="names")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print their names."""
    from runtime.volumes.volumes import Volumes

    volumes = Volumes(state)
    return each(options.names, lambda name: volumes.remove(name, force=options.force))

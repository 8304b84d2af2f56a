"""`tarebox network rm`: removes networks."""

import argparse
from typing import TYPE_CHECKING

from runtime.commandline.each import each
from tare.errors import NetworkError
from tare.state import State

if TYPE_CHECKING:
    from runtime.network.networks import Networks

SUMMARY = "remove networks nobody is on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-f", "--force", action="store_true", help="one that isn't there is no fault")
    parser.add_argument("names", metavar="NETWORK", nargs="+", help="names or ids")


def run(options: argparse.Namespace, state: State) -> int:
    """Remove them and print what they were called."""
    from runtime.network.networks import Networks

    networks = Networks(state)

    def remove(name: str) -> None:
        if options.force and not _exists(networks, name):
            return
        networks.remove(name)

    return each(options.names, remove)


def _exists(networks: "Networks", name: str) -> bool:
    try:
        networks.get(name)
    except NetworkError:
        return False
    return True

"""`tarebox volume create`: makes a volume."""

import argparse

from tare.errors import UsageError
from tare.state import State

SUMMARY = "make a volume"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-d", "--driver", metavar="local", default="local", help="local is all there is")
    parser.add_argument(
        "--label", metavar="KEY=VALUE", action="append", default=[], help="free text by a name"
    )
    parser.add_argument(
        *("-o", "--opt"),
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="type=none, o=bind and device=DIRECTORY make it a directory of the host",
    )
    parser.add_argument("name", metavar="VOLUME", nargs="?", default="", help="its name, made up if left out")


def run(options: argparse.Namespace, state: State) -> int:
    """Make it, unless it is there, and print its name."""
    from runtime.commandline.labels import labels
    from runtime.volumes.volumes import Volumes

    if options.driver != "local":
        raise UsageError(f"there is no volume driver {options.driver}", "use local")
    print(Volumes(state).create(options.name, labels(options.label), labels(options.opt)).name)
    return 0

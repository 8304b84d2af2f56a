"""`tarebox image inspect`: all that is known of images."""

import argparse

from runtime.commandline import inspecting
from tare.state import State

SUMMARY = "say all that is known of images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    inspecting.add_argument(parser)
    parser.add_argument("names", metavar="IMAGE", nargs="+", help="names or ids")


def run(options: argparse.Namespace, state: State) -> int:
    """Print them."""
    from runtime.image.inspection import inspect
    from runtime.image.store import ImageStore
    from runtime.storage import registry

    store, driver = ImageStore(state), registry.driver(state)
    return inspecting.inspect(options.names, lambda name: inspect(store, driver, name), options.format)

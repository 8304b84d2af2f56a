"""`tarebox volume inspect`: all that is known of volumes."""

import argparse

from runtime.commandline import inspecting
from tare.state import State

SUMMARY = "say all that is known of volumes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    inspecting.add_argument(parser)
    parser.add_argument("names", metavar="VOLUME", nargs="+", help="names")


def run(options: argparse.Namespace, state: State) -> int:
    """Print it."""
    from runtime.volumes.volumes import Volumes

    return inspecting.inspect(options.names, Volumes(state).inspect, options.format)

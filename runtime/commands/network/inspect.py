"""`tarebox network inspect`: all that is known of networks."""

import argparse

from runtime.commandline import inspecting
from tare.state import State

SUMMARY = "say all that is known of networks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    inspecting.add_argument(parser)
    parser.add_argument("names", metavar="NETWORK", nargs="+", help="names or ids")


def run(options: argparse.Namespace, state: State) -> int:
    """Print them."""
    from runtime.network.networks import Networks

    return inspecting.inspect(options.names, Networks(state).inspect, options.format)

"""`tarebox network connect`: connects a container to one more network."""

import argparse

from tare.errors import UsageError
from tare.state import State

SUMMARY = "connect a container to a network"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("--ip", metavar="ADDRESS", default="", help="its IPv4 address there")
    parser.add_argument("--ip6", metavar="ADDRESS", default="", help="its IPv6 address there")
    parser.add_argument("--mac-address", metavar="MAC", default="", help="its hardware address there")
    parser.add_argument(
        "--alias", metavar="NAME", action="append", default=[], help="a further name by which others know it"
    )
    parser.add_argument("network", metavar="NETWORK", help="name or id")
    parser.add_argument("container", metavar="CONTAINER", help="name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Connect it, at once where it runs."""
    from ipaddress import IPv4Address, IPv6Address

    from runtime.lifecycle.containers import Containers
    from runtime.network.model import Connection

    try:
        address = IPv4Address(options.ip) if options.ip else None
        address6 = IPv6Address(options.ip6) if options.ip6 else None
    except ValueError as error:
        raise UsageError(str(error), "write an address such as 10.5.0.2") from None
    connection = Connection(options.network, address, address6, options.mac_address, tuple(options.alias))
    with Containers(state) as containers:
        containers.connect(options.network, options.container, connection)
    return 0

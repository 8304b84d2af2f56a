"""`tarebox network create`: defines a network."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from tare.errors import UsageError
from tare.state import State

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from runtime.network.registry import Settings

_Kind = TypeVar("_Kind")

SUMMARY = "define a network"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    many: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("-d", "--driver", metavar="bridge", default="bridge", help="bridge is all there is")
    parser.add_argument(
        "--subnet", metavar="CIDR", **many, help="one of IPv4, one of IPv6; free ones are found otherwise"
    )
    parser.add_argument(
        "--gateway", metavar="ADDRESS", **many, help="the host's, the subnet's first otherwise"
    )
    parser.add_argument("--ip-range", metavar="CIDR", **many, help="the part that addresses are taken from")
    parser.add_argument("--ipv6", action="store_true", help="give out IPv6 addresses too")
    parser.add_argument("--internal", action="store_true", help="let no traffic out")
    parser.add_argument("--attachable", action="store_true", help="all networks are")
    parser.add_argument("--label", metavar="KEY=VALUE", **many, help="free text by a name")
    parser.add_argument("-o", "--opt", metavar="KEY=VALUE", **many, help="an option by Docker's name")
    parser.add_argument("name", metavar="NETWORK", help="its name")


def run(options: argparse.Namespace, state: State) -> int:
    """Define it and print its id."""
    from runtime.network.networks import Networks

    if options.driver != "bridge":
        raise UsageError(f"there is no network driver {options.driver}", "use bridge")
    print(Networks(state).create(options.name, **_settings(options)).id)
    return 0


def _settings(options: argparse.Namespace) -> "Settings":
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from runtime.commandline.labels import labels
    from runtime.network.registry import parse_subnet

    subnets = [parse_subnet(text) for text in options.subnet]
    ranges = [parse_subnet(text) for text in options.ip_range]
    gateways = [_address(text) for text in options.gateway]
    if any(isinstance(each, IPv6Network) for each in ranges):
        raise UsageError("--ip-range is for IPv4 only", "leave it out for IPv6")
    return {
        "subnet": _only(subnets, IPv4Network, "--subnet"),
        "subnet6": _only(subnets, IPv6Network, "--subnet"),
        "gateway": _only(gateways, IPv4Address, "--gateway"),
        "gateway6": _only(gateways, IPv6Address, "--gateway"),
        "ip_range": _only(ranges, IPv4Network, "--ip-range"),
        "ipv6": options.ipv6,
        "internal": options.internal,
        "labels": labels(options.label),
        "options": labels(options.opt),
    }


def _only(things: Sequence[object], kind: type[_Kind], option: str) -> _Kind | None:
    found = [thing for thing in things if isinstance(thing, kind)]
    if len(found) > 1:
        raise UsageError(f"{option} is given twice for one version of IP", "give one of each")
    return found[0] if found else None


def _address(text: str) -> "IPv4Address | IPv6Address":
    from ipaddress import ip_address

    try:
        return ip_address(text)
    except ValueError:
        raise UsageError(f"{text!r} is no address", "write one such as 10.5.0.1") from None

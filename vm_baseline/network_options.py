"""Options about the network of the commands that boot a machine."""

import argparse
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING

from tare import ports
from tare.errors import UsageError
from tare.network import Wish
from tare.resolver import Alias, Resolver, resolv_conf

if TYPE_CHECKING:
    from vm_baseline.networking import Network
    from vm_baseline.spec import Tap

_NONE, _USER = "none", "user"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    add = parser.add_argument_group("network").add_argument
    add("--network", "--net", metavar="NETWORK", help="none, user, one of tarebox's, or a bridge")
    add("-p", "--publish", metavar="PORT:PORT", action="append", default=[], help="a port for the host")
    add("--ip", metavar="ADDRESS", help="on a network of tarebox's, any if not given")
    add("--network-alias", "--net-alias", metavar="NAME", action="append", default=[], help="one more name")
    add("--address", metavar="ADDRESS/PREFIX", help="on a bridge")
    add("--gateway", metavar="ADDRESS", help="on a bridge")
    add("--dns", metavar="ADDRESS", action="append", default=[], help="a resolver")
    add("--dns-search", metavar="DOMAIN", action="append", default=[], help="a domain that is searched")
    add("--dns-option", "--dns-opt", metavar="OPTION", action="append", default=[], help="see resolv.conf(5)")
    add("--add-host", metavar="NAME:ADDRESS", action="append", default=[], help="a line of /etc/hosts")


def network(options: argparse.Namespace, hostname: str = "") -> "Network":
    """What is asked for.

    Args:
        options: of the command line.
        hostname: of the machine.

    Raises:
        UsageError: options that have no meaning, or not together.
    """
    from vm_baseline.networking import Network

    wanted = ports.published(options.publish)
    name = options.network or (_USER if wanted else _NONE)
    is_leased = name not in (_NONE, _USER) and not options.address
    if wanted and not is_leased and name != _USER:
        raise UsageError(f"--network {name} has no ports to publish", "leave -p out, or choose user")
    if (options.ip or options.network_alias) and not is_leased:
        raise UsageError("--ip and --network-alias are for a network of tarebox's", "name it with --network")
    resolver = Resolver(tuple(options.dns), tuple(options.dns_search), tuple(options.dns_option))
    resolv_conf(resolver, "")  # refuses what is no address
    names = Network(resolver=resolver, hosts=tuple(map(Alias.parse, options.add_host)))
    if name in (_NONE, _USER):
        if options.address or options.gateway:
            raise UsageError("--address and --gateway are for a bridge", "name it with --network")
        return replace(names, is_user=name == _USER, ports=wanted)
    if not is_leased:
        return replace(names, tap=_tap(name, options))
    aliases = tuple(options.network_alias)
    wish = Wish(name, hostname, _address(options.ip), aliases, wanted, names.resolver, names.hosts)
    return replace(names, wish=wish)


def _address(text: str | None) -> IPv4Address | None:
    try:
        return IPv4Address(text) if text else None
    except ValueError:
        raise UsageError(f"--ip {text!r} is no IPv4 address", "write one such as 10.0.0.2") from None


def _tap(bridge: str, options: argparse.Namespace) -> "Tap":
    from vm_baseline.spec import Tap

    if not Path("/sys/class/net", bridge, "bridge").is_dir():
        raise UsageError(f"there is no bridge {bridge!r}", "choose one, or none or user")
    try:
        gateway = IPv4Address(options.gateway) if options.gateway else None
        return Tap(bridge, IPv4Interface(options.address), gateway)
    except ValueError as error:
        raise UsageError(str(error), "write it as 10.0.0.2/24, the gateway as 10.0.0.1") from None

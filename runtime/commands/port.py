"""`tarebox port`: lists the published ports of a container."""

import argparse

from tare.errors import TareError
from tare.state import State

SUMMARY = "list the published ports of a container"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("name", metavar="CONTAINER", help="name or id")
    parser.add_argument(
        "port", metavar="PORT[/PROTOCOL]", nargs="?", default="", help="only where this one leads from"
    )


def run(options: argparse.Namespace, state: State) -> int:
    """Print one a line."""
    from runtime.lifecycle.containers import Containers

    with Containers(state) as containers:
        ports = containers.inspect(options.name)["NetworkSettings"]["Ports"]
    wanted = options.port if "/" in options.port or not options.port else f"{options.port}/tcp"
    if wanted and not ports.get(wanted):
        raise TareError(f"no public port {wanted!r} published for {options.name}", "see `tarebox port NAME`")
    for inside, places in sorted(ports.items(), key=_order):
        for place in places or ():
            host = f"[{place['HostIp']}]" if ":" in place["HostIp"] else place["HostIp"]
            outside = f"{host}:{place['HostPort']}"
            if not wanted:
                print(f"{inside} -> {outside}")
            elif inside == wanted:
                print(outside)
    return 0


def _order(port: tuple[str, object]) -> tuple[int, str]:
    number, _, protocol = port[0].partition("/")
    return int(number), protocol

"""`tarebox network ls`: the networks there are."""

import argparse
from typing import TYPE_CHECKING

from runtime.commandline import filters
from tare.state import State

if TYPE_CHECKING:
    from runtime.commandline.formats import Row
    from runtime.network.model import Network

SUMMARY = "list networks"
_COLUMNS = {"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE"}
_FILTERS: filters.Filters["Network"] = {
    "driver": lambda _, value: value == "bridge",
    "scope": lambda _, value: value == "local",
    "id": lambda network, value: network.id.startswith(value),
    "name": lambda network, value: value in network.name,
    "label": lambda network, value: filters.has_label(network.labels, value),
    "type": lambda network, value: value == ("builtin" if network.name == "bridge" else "custom"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    filters.add_argument(parser, (*_FILTERS, "dangling"))
    parser.add_argument("-q", "--quiet", action="store_true", help="ids only")
    parser.add_argument("--no-trunc", action="store_true", help="ids in full")
    parser.add_argument("--format", metavar="FORMAT", default="", help="table, json or a template")


def run(options: argparse.Namespace, state: State) -> int:
    """List them."""
    from runtime.commandline.formats import show
    from runtime.network.networks import Networks

    networks = Networks(state)
    known: filters.Filters[Network] = {
        **_FILTERS,
        "dangling": lambda network, value: filters.is_true(value) != bool(networks.containers(network)),
    }
    found = filters.select(networks.list(), known, filters.parse(options.filter))
    show(
        map(_row, found),
        columns=_COLUMNS,
        format=options.format,
        quiet=options.quiet,
        no_trunc=options.no_trunc,
    )
    return 0


def _row(network: "Network") -> "Row":
    return {
        "ID": network.id,
        "Name": network.name,
        "Driver": "bridge",
        "Scope": "local",
        "IPv6": str(network.subnet6 is not None).lower(),
        "Internal": str(network.internal).lower(),
        "Labels": ",".join(f"{key}={value}" for key, value in network.labels.items()),
        "CreatedAt": network.created,
        "Label": lambda name: network.labels.get(name, ""),
    }

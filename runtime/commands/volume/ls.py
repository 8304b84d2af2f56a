"""`tarebox volume ls`: the volumes there are."""

import argparse
from typing import TYPE_CHECKING

from runtime.commandline import filters
from tare.state import State

if TYPE_CHECKING:
    from runtime.commandline.formats import Row
    from runtime.volumes.volume import Volume
    from runtime.volumes.volumes import Volumes

SUMMARY = "list volumes"
_COLUMNS = {"Driver": "DRIVER", "Name": "VOLUME NAME"}
_FILTERS: filters.Filters["Volume"] = {
    "driver": lambda _, value: value == "local",
    "name": lambda volume, value: value in volume.name,
    "label": lambda volume, value: filters.has_label(volume.labels, value),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    filters.add_argument(parser, (*_FILTERS, "dangling"))
    parser.add_argument("-q", "--quiet", action="store_true", help="names only")
    parser.add_argument("--format", metavar="FORMAT", default="", help="table, json or a template")


def run(options: argparse.Namespace, state: State) -> int:
    """List them."""
    from runtime.commandline.formats import show
    from runtime.volumes.volumes import Volumes

    volumes = Volumes(state)
    known: filters.Filters[Volume] = {
        **_FILTERS,
        "dangling": lambda volume, value: filters.is_true(value) != bool(volumes.users(volume.name)),
    }
    found = filters.select(volumes.list(), known, filters.parse(options.filter))
    show(
        (_row(volumes, volume) for volume in found),
        columns=_COLUMNS,
        format=options.format,
        quiet=options.quiet,
        identity="Name",
    )
    return 0


def _row(volumes: "Volumes", volume: "Volume") -> "Row":
    return {
        "Driver": "local",
        "Name": volume.name,
        "Mountpoint": str(volumes.path(volume.name)),
        "Scope": "local",
        "Labels": ",".join(f"{key}={value}" for key, value in volume.labels.items()),
        "Label": lambda name: volume.labels.get(name, ""),
    }

"""`tarebox system df`: what takes how much of the disk."""

import argparse
from typing import TYPE_CHECKING, Any

from tare.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runtime.commandline.disk import Disk
    from runtime.commandline.formats import Row

SUMMARY = "say what takes how much of the disk"
_EXPLAINED = """\
Images are counted as they are unpacked, which containers run on. Packed Images are the same as they came and
as they are pushed and saved: layers, configurations and manifests, each counted once, of which what no image
refers to can be reclaimed.
"""
_COLUMNS = {
    "Type": "TYPE",
    "TotalCount": "TOTAL",
    "Active": "ACTIVE",
    "Size": "SIZE",
    "Reclaimable": "RECLAIMABLE",
}
_IMAGES = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "ID": "IMAGE ID",
    "CreatedSince": "CREATED",
    "Size": "SIZE",
    "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
    "Containers": "CONTAINERS",
}
_LAYERS = {"Layer": "LAYER", "Size": "SIZE", "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE"}
_CONTAINERS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Size": "SIZE",
    "SharedSize": "SHARED SIZE",
    "Status": "STATUS",
    "Names": "NAMES",
}
_VOLUMES = {"Name": "VOLUME NAME", "Links": "LINKS", "Size": "SIZE"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.epilog = _EXPLAINED
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="each image, layer, container and volume"
    )
    parser.add_argument("--format", metavar="FORMAT", default="", help="table, json or a template")


def run(options: argparse.Namespace, state: State) -> int:
    """Print it."""
    from runtime.commandline.disk import measured
    from runtime.commandline.formats import show
    from tare.errors import UsageError

    disk = measured(state)
    if not options.verbose:
        show(_totals(disk), columns=_COLUMNS, format=options.format)
        return 0
    if options.format:
        raise UsageError("there is no format for all that is said of each", "leave out --format or --verbose")
    _section("Images", _images(disk), _IMAGES)
    _section("Layers", _layers(disk), _LAYERS)
    _section("Containers", _containers(disk), _CONTAINERS)
    _section("Local Volumes", _volumes(disk), _VOLUMES)
    return 0


def _section(title: str, rows: "Sequence[Row]", columns: dict[str, str]) -> None:
    from runtime.commandline.formats import show

    print(f"{title} space usage:\n")
    show(rows, columns=columns)
    print()


def _totals(disk: "Disk") -> "list[Row]":
    return [
        _total("Images", len(disk.images), len(disk.active), disk.images_size, disk.images_reclaimable),
        _total(
            "Packed Images",
            len(disk.content),
            len(disk.wanted & disk.content.keys()),
            sum(disk.content.values()),
            disk.content_reclaimable,
        ),
        _total(
            "Containers",
            len(disk.containers),
            sum(container.is_running for container in disk.containers),
            sum(container.usage.unique for container in disk.containers),
            sum(container.usage.unique for container in disk.containers if not container.is_running),
        ),
        _total(
            "Local Volumes",
            len(disk.volumes),
            sum(bool(volume.users) for volume in disk.volumes),
            sum(volume.size for volume in disk.volumes),
            sum(volume.size for volume in disk.volumes if not volume.users),
        ),
    ]


def _total(kind: str, count: int, active: int, total: int, reclaimable: int) -> "Row":
    from runtime.commandline.units import size

    share = f" ({reclaimable * 100 // total}%)" if total else ""
    return {
        "Type": kind,
        "TotalCount": str(count),
        "Active": str(active),
        "Size": size(total),
        "Reclaimable": f"{size(reclaimable)}{share}",
    }


def _images(disk: "Disk") -> "list[Row]":
    from runtime.commandline.images import created_since, split_name

    return [
        {
            **dict(zip(("Repository", "Tag"), split_name(name), strict=True)),
            "ID": image.id,
            "CreatedSince": created_since(image.created),
            **_usage(disk.usage.images[image.root.digest]),
            "Containers": str(len(disk.users.get(image.id, ()))),
        }
        for image in disk.images
        for name in image.names or ("",)
    ]


def _layers(disk: "Disk") -> "list[Row]":
    return [
        {"Layer": chain.partition(":")[2][:12], **_usage(usage)} for chain, usage in disk.usage.layers.items()
    ]


def _containers(disk: "Disk") -> "list[Row]":
    from runtime.commandline.units import size

    return [
        {
            "ID": container.id,
            "Image": container.image,
            "Size": size(container.usage.unique),
            "SharedSize": size(container.usage.shared),
            "Status": container.status,
            "Names": container.name,
        }
        for container in disk.containers
    ]


def _volumes(disk: "Disk") -> "list[Row]":
    from runtime.commandline.units import size

    return [
        {"Name": volume.name, "Links": str(volume.users), "Size": size(volume.size)}
        for volume in disk.volumes
    ]


def _usage(usage: Any) -> dict[str, str]:
    from runtime.commandline.units import size

    return {
        "Size": size(usage.unique + usage.shared),
        "SharedSize": size(usage.shared),
        "UniqueSize": size(usage.unique),
    }

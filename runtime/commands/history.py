"""`tarebox history`: how an image came to be."""

import argparse
from typing import TYPE_CHECKING

from tare.state import State

if TYPE_CHECKING:
    from runtime.commandline.formats import Row
    from runtime.image.history import Step

SUMMARY = "say how an image came to be"
_MISSING = "<missing>"
_LONGEST = 45


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-H", "--human", action="store_true", default=True, help="for people, as without")
    parser.add_argument("-q", "--quiet", action="store_true", help="ids only")
    parser.add_argument("--no-trunc", action="store_true", help="nothing is cut off")
    parser.add_argument("--format", metavar="FORMAT", default="", help="table, json or a template")
    parser.add_argument("name", metavar="IMAGE", help="a name or id")


def run(options: argparse.Namespace, state: State) -> int:
    """Show it, the newest step first."""
    from runtime.commandline.formats import show
    from runtime.image.history import history
    from runtime.image.store import ImageStore
    from runtime.storage import registry

    image, driver = ImageStore(state).get(options.name), registry.driver(state)
    chains = dict(zip(image.manifest.layers, image.layers, strict=True))
    rows: list[Row] = []
    for step in history(image.manifest, image.config):
        is_unpacked = step.layer is not None and driver.has_layer(chains[step.layer])
        size = driver.layer_bytes(chains[step.layer]) if step.layer and is_unpacked else step.size
        identity = _MISSING if rows else image.id
        rows.append(_row(step, size, identity, is_human=options.human, is_whole=options.no_trunc))
    time = "CreatedSince" if options.human else "CreatedAt"
    columns = {
        "ID": "IMAGE",
        time: "CREATED",
        "CreatedBy": "CREATED BY",
        "Size": "SIZE",
        "Comment": "COMMENT",
    }
    show(rows, columns=columns, format=options.format, quiet=options.quiet, no_trunc=options.no_trunc)
    return 0


def _row(step: "Step", size: int, identity: str, *, is_human: bool, is_whole: bool) -> "Row":
    from runtime.commandline import units
    from runtime.commandline.formats import cut
    from runtime.commandline.images import created_since

    created_by = " ".join(step.created_by.split())
    return {
        "ID": identity,
        "CreatedSince": created_since(step.created),
        "CreatedAt": step.created,
        "CreatedBy": created_by if is_whole else cut(created_by, _LONGEST),
        "Size": units.size(size) if is_human else str(size),
        "Comment": step.comment,
    }

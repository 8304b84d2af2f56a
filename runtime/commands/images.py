"""`tarebox images`: the images there are."""

import argparse
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from runtime.commandline import filters
from runtime.commandline.images import NONE, created_at, created_since, made_at, split_name
from tare.state import State

if TYPE_CHECKING:
    from runtime.commandline.formats import Row
    from runtime.image.store import ImageStore, StoredImage
    from runtime.storage.protocol import Driver

SUMMARY = "list images"
_COLUMNS = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "ID": "IMAGE ID",
    "CreatedSince": "CREATED",
    "Size": "SIZE",
}
_DIGESTS = {"Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", **_COLUMNS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options and arguments."""
    parser.add_argument("-a", "--all", action="store_true", help="as without, as none are hidden")
    parser.add_argument("-q", "--quiet", action="store_true", help="ids only")
    parser.add_argument("--digests", action="store_true", help="also the digest a name refers to")
    parser.add_argument("--no-trunc", action="store_true", help="ids in full")
    parser.add_argument("--format", metavar="FORMAT", default="", help="table, json or a template")
    filters.add_argument(parser, ("dangling", "reference", "label", "before", "since"))
    parser.add_argument(
        "name", metavar="REPOSITORY[:TAG]", nargs="?", default="", help="only those called so"
    )


def run(options: argparse.Namespace, state: State) -> int:
    """List them."""
    from runtime.commandline.formats import show
    from runtime.image.store import ImageStore
    from runtime.storage import registry

    store, driver = ImageStore(state), registry.driver(state)
    wanted = filters.parse(options.filter)
    found = filters.select(store.list(), _filters(store), wanted)
    patterns = [*wanted.get("reference", ()), *([options.name] if options.name else [])]
    show(
        (row for image in found for row in _rows(image, driver, patterns)),
        columns=_DIGESTS if options.digests else _COLUMNS,
        format=options.format,
        quiet=options.quiet,
        no_trunc=options.no_trunc,
    )
    return 0


def _filters(store: "ImageStore") -> "filters.Filters[StoredImage]":
    return {
        "dangling": lambda image, value: filters.is_true(value) != bool(image.names),
        "reference": lambda image, value: any(_matches(name, value) for name in image.names),
        "label": lambda image, value: filters.has_label(image.config.labels, value),
        "before": lambda image, value: _age(image) < _age(store.get(value)),
        "since": lambda image, value: _age(image) > _age(store.get(value)),
    }


def _age(image: "StoredImage") -> int:
    return made_at(image.created) or 0


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern is a name's, with or without its tag; a star is no slash."""
    from runtime.image.reference import Reference

    reference = Reference.parse(name)
    return any(
        text.count("/") == pattern.count("/") and fnmatchcase(text, pattern)
        for text in (name, reference.name)
    )


def _rows(image: "StoredImage", driver: "Driver", patterns: list[str]) -> "Iterator[Row]":
    from runtime.commandline.units import size
    from runtime.image import inspection

    wanted = [name for name in image.names if not patterns or any(_matches(name, each) for each in patterns)]
    for name in wanted or ([""] if not patterns else []):
        repository, tag = split_name(name)
        yield {
            "ID": image.id,
            "Repository": repository,
            "Tag": tag,
            "Digest": image.root.digest if name else NONE,
            "CreatedSince": created_since(image.created),
            "CreatedAt": created_at(image.created),
            "Size": size(inspection.size(image, driver)),
            "Containers": "N/A",
        }

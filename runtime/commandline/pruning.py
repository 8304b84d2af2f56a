"""What `prune` removes, and how it is asked which: all that nobody needs."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from runtime.commandline import filters
from tare.state import State

if TYPE_CHECKING:
    from runtime.image.store import StoredImage
    from runtime.lifecycle.record import Record
    from runtime.network.model import Network
    from runtime.volumes.volume import Volume

Removed = dict[str, int]
"""Bytes that were freed, by name or id."""
Wanted = Mapping[str, Sequence[str]]
"""Values of filters by key."""
_Thing = TypeVar("_Thing")


def add_arguments(parser: argparse.ArgumentParser, *keys: str) -> None:
    """The options of every prune.

    Args:
        parser: gets them.
        keys: of its filters.
    """
    parser.add_argument("-f", "--force", action="store_true", help="don't ask")
    parser.add_argument(
        "--filter",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help=f"only those of which it is true; keys: {', '.join(keys)}",
    )


def containers(wanted: Wanted) -> "Callable[[Record], bool]":
    """Whether filters ask for a container.

    Raises:
        UsageError: a filter isn't known, or has no meaning.
    """
    return _chosen(wanted, lambda record: record.settings.labels, lambda record: record.values["created_at"])


def images(wanted: Wanted) -> "Callable[[StoredImage], bool]":
    """Whether filters ask for an image.

    Raises:
        UsageError: a filter isn't known, or has no meaning.
    """
    return _chosen(wanted, lambda image: image.config.labels, lambda image: _moment(image.created))


def networks(wanted: Wanted) -> "Callable[[Network], bool]":
    """Whether filters ask for a network.

    Raises:
        UsageError: a filter isn't known, or has no meaning.
    """
    return _chosen(wanted, lambda network: network.labels, lambda network: _moment(network.created))


def volumes(wanted: Wanted) -> "Callable[[Volume], bool]":
    """Whether filters ask for a volume; there is none by time.

    Raises:
        UsageError: a filter isn't known.
    """
    return _chosen(wanted, lambda volume: volume.labels, None)


def _moment(text: str) -> int:
    from runtime.commandline.images import made_at

    return made_at(text) or 0


def _chosen(
    wanted: Wanted, labels: Callable[[_Thing], Mapping[str, str]], created: Callable[[_Thing], int] | None
) -> Callable[[_Thing], bool]:
    from runtime.commandline.units import parse_time

    known: dict[str, Callable[[_Thing, str], bool]] = {
        "label": lambda thing, value: filters.has_label(labels(thing), value),
        "label!": lambda thing, value: not filters.has_label(labels(thing), value),
    }
    if created:
        known["until"] = lambda thing, value: created(thing) < parse_time(value)
        for value in wanted.get("until", ()):
            parse_time(value)
    filters.select([], known, wanted)
    return lambda thing: bool(filters.select([thing], known, wanted))


def prune_containers(state: State, chosen: "Callable[[Record], bool]") -> Removed:
    """Remove containers that don't run."""
    from runtime.lifecycle.containers import Containers
    from runtime.lifecycle.errors import NoSuchContainerError, StatusError

    removed = {}
    with Containers(state) as found:
        for record in filter(chosen, found.list(every=True)):
            # Another process may start or remove it meanwhile.
            with suppress(NoSuchContainerError, StatusError):
                record.require("remove", "created", "exited")
                taken = 0
                if record.settings.chain:
                    driver, name = found.root(record.id)
                    taken = driver.container_bytes(name)
                found.remove(record.id)
                removed[record.id] = taken
    return removed


def prune_volumes(state: State, chosen: "Callable[[Volume], bool]", *, every: bool = False) -> Removed:
    """Remove volumes that no container has.

    Args:
        state: where they are.
        chosen: which ones.
        every: whether those with a name as well.
    """
    from runtime.storage.store import measure
    from runtime.volumes.volume import VolumeError
    from runtime.volumes.volumes import Volumes

    known = Volumes(state)
    removed = {}
    for volume in filter(chosen, known.list()):
        if (volume.is_anonymous or every) and not known.users(volume.name):
            # A container may come to it meanwhile, or somebody else be faster.
            with suppress(VolumeError):
                taken = 0 if volume.options else measure(known.path(volume.name))
                known.remove(volume.name)
                removed[volume.name] = taken
    return removed


def tell(kind: str, names: Iterable[str]) -> None:
    """Print what went, if anything did."""
    if names := list(names):
        print(f"Deleted {kind}:", *names, "", sep="\n")

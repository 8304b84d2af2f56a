"""What `prune` removes: containers and volumes that nobody needs."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from tare.state import State

if TYPE_CHECKING:
    from runtime.lifecycle.record import Record
    from runtime.volumes.volume import Volume

Removed = dict[str, int]
"""Bytes that were freed, by name or id."""


def prune_containers(state: State, chosen: "Callable[[Record], bool]" = lambda _: True) -> Removed:
    """Remove containers that don't run."""
    from runtime.lifecycle.containers import Containers
    from runtime.lifecycle.errors import NoSuchContainerError, StatusError

    removed = {}
    with Containers(state) as containers:
        for record in filter(chosen, containers.list(every=True)):
            # Another process may start or remove it meanwhile.
            with suppress(NoSuchContainerError, StatusError):
                record.require("remove", "created", "exited")
                taken = 0
                if record.settings.chain:
                    driver, name = containers.root(record.id)
                    taken = driver.container_bytes(name)
                containers.remove(record.id)
                removed[record.id] = taken
    return removed


def prune_volumes(
    state: State, chosen: "Callable[[Volume], bool]" = lambda _: True, *, every: bool = False
) -> Removed:
    """Remove volumes that no container has.

    Args:
        state: where they are.
        chosen: which ones.
        every: whether those with a name as well.
    """
    from runtime.storage.store import measure
    from runtime.volumes.volume import VolumeError
    from runtime.volumes.volumes import Volumes

    volumes = Volumes(state)
    removed = {}
    for volume in filter(chosen, volumes.list()):
        if (volume.is_anonymous or every) and not volumes.users(volume.name):
            # A container may come to it meanwhile, or somebody else be faster.
            with suppress(VolumeError):
                taken = 0 if volume.options else measure(volumes.path(volume.name))
                volumes.remove(volume.name)
                removed[volume.name] = taken
    return removed


def tell(kind: str, names: Iterable[str]) -> None:
    """Print what went, if anything did."""
    if names := list(names):
        print(f"Deleted {kind}:", *names, "", sep="\n")

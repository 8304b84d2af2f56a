"""A container's mounts by its settings: volumes that are made with it, paths of the host, memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.lifecycle.settings import Mount, Settings
from runtime.spec import Bind, ContainerSpec, Tmpfs
from tare.errors import UsageError
from tare.state import State

if TYPE_CHECKING:
    from runtime.lifecycle.record import Record
    from runtime.lifecycle.roots import Roots


@contextmanager
def volumes_made(state: State, settings: Settings) -> Iterator[Settings]:
    """The settings with a volume for each mount of one, which stays while a container is put on record.

    Raises:
        UsageError: a volume can't have its name.
    """
    if not any(mount.kind == "volume" for mount in settings.mounts):
        yield settings
        return
    from runtime.volumes.volumes import Volumes

    volumes = Volumes(state)
    with volumes.locked():
        yield replace(
            settings,
            mounts=tuple(
                replace(mount, source=volumes.create(mount.source).name) if mount.kind == "volume" else mount
                for mount in settings.mounts
            ),
        )


def fill(state: State, roots: "Roots", record: "Record") -> None:
    """Give a new container's empty volumes what its image has at their places.

    Raises:
        VolumeError: the disk is full.
        ImageError: the image's layers aren't there.
    """
    wanted = [mount for mount in record.settings.mounts if mount.kind == "volume" and mount.copy]
    if not wanted:
        return
    from runtime.volumes.volumes import Volumes

    volumes = Volumes(state)
    empty = [mount for mount in wanted if volumes.is_empty(mount.source)]
    if empty:
        with roots.opened(record) as root:
            for mount in empty:
                volumes.fill(mount.source, root, mount.target)


def apply(state: State, mounts: tuple[Mount, ...], spec: ContainerSpec) -> ContainerSpec:
    """The specification with a container's mounts.

    Raises:
        UsageError: a path of the host isn't there.
        VolumeError: a volume isn't.
    """
    binds, tmpfs = [], []
    for mount in mounts:
        if mount.kind == "tmpfs":
            options = (*mount.options, "ro") if mount.read_only else mount.options
            tmpfs.append(Tmpfs(mount.target, options))
        else:
            binds.append(
                Bind(
                    _source(state, mount),
                    mount.target,
                    mount.read_only,
                    is_recursive="nonrecursive" not in mount.options,
                    has_writable="writable" in mount.options,
                    propagation=mount.propagation,
                )
            )
    return replace(spec, binds=(*spec.binds, *binds), tmpfs=(*spec.tmpfs, *tmpfs))


def remove_anonymous(state: State, settings: Settings) -> None:
    """Remove a removed container's volumes that nobody named, unless another container has them."""
    sources = [mount.source for mount in settings.mounts if mount.kind == "volume"]
    if not sources:
        return
    from runtime.volumes.volumes import Volumes

    Volumes(state).remove_anonymous(sources)


def _source(state: State, mount: Mount) -> Path:
    if mount.kind == "volume":
        from runtime.volumes.volumes import Volumes

        source = Volumes(state).path(mount.source)
    else:
        source = Path(mount.source)
    if not source.exists():
        if mount.create:
            source.mkdir(parents=True, exist_ok=True)
            return source
        raise UsageError(f"there is no {source} to mount at {mount.target}", "make it first")
    return source

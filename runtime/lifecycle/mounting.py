"""A container's mounts by its settings: volumes that are made with it, paths of the host, memory."""

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


def named(settings: Settings) -> Settings:
    """The settings with a name for each volume; once they are on disk, nobody else removes it.

    Raises:
        UsageError: a volume can't have its name.
    """
    return replace(settings, mounts=tuple(map(_named, settings.mounts)))


def _named(mount: Mount) -> Mount:
    if mount.kind != "volume":
        return mount
    from runtime.volumes.volume import anonymous_name, check_name

    return replace(mount, source=check_name(mount.source) if mount.source else anonymous_name())


def make(state: State, roots: "Roots", record: "Record", *, is_new: bool) -> None:
    """Make a container's volumes that aren't there, with what its image has at their places.

    Args:
        state: where they are.
        roots: of the containers.
        record: the container.
        is_new: whether empty ones that are there get that, too.

    Raises:
        VolumeError: the disk is full.
        ImageError: the image's layers aren't there.
    """
    mounts = [mount for mount in record.settings.mounts if mount.kind == "volume"]
    if not mounts:
        return
    from runtime.volumes.volumes import Volumes

    volumes = Volumes(state)
    made = [mount.source for mount in mounts if not volumes.has(mount.source)]
    for name in made:
        volumes.create(name)
    empty = [
        mount
        for mount in mounts
        if mount.copy and (is_new or mount.source in made) and volumes.is_empty(mount.source)
    ]
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

"""What images, containers and volumes of a state take of the disk."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.commandline.images import users
from runtime.image.graph import walk
from runtime.image.removal import User
from runtime.image.store import ImageStore, StoredImage
from runtime.storage import registry
from runtime.storage.protocol import Usage
from runtime.storage.usage import DiskUsage, disk_usage
from tare.errors import ImageError
from tare.state import State

if TYPE_CHECKING:
    from runtime.lifecycle.containers import Containers
    from runtime.lifecycle.record import Record


@dataclass(frozen=True)
class ContainerUse:
    """A container; unique is what it changed, shared its image."""

    id: str
    name: str
    image: str
    status: str
    is_running: bool
    usage: Usage


@dataclass(frozen=True)
class VolumeUse:
    """A volume, with the number of containers that have it."""

    name: str
    users: int
    size: int


@dataclass(frozen=True)
class Disk:
    """All of it, in bytes.

    Args:
        images: the images there are.
        users: the containers of each image, by its id.
        usage: layers by chain id, and images by the digest of their roots.
        containers: the containers there are.
        volumes: the volumes there are.
        content: sizes of packed layers and documents by digest.
        wanted: digests of what images refer to.
    """

    images: Sequence[StoredImage]
    users: Mapping[str, Sequence[User]]
    usage: DiskUsage
    containers: Sequence[ContainerUse]
    volumes: Sequence[VolumeUse]
    content: Mapping[str, int]
    wanted: frozenset[str]

    @property
    def active(self) -> Sequence[StoredImage]:
        """Images that a container is of."""
        return [image for image in self.images if image.id in self.users]

    @property
    def images_size(self) -> int:
        """All unpacked layers."""
        return sum(usage.unique + usage.shared for usage in self.usage.layers.values())

    @property
    def images_reclaimable(self) -> int:
        """Unpacked layers that no container is on."""
        used = {chain for image in self.active for chain in image.layers}
        return sum(
            usage.unique + usage.shared for chain, usage in self.usage.layers.items() if chain not in used
        )

    @property
    def content_reclaimable(self) -> int:
        """Content that no image refers to."""
        return sum(size for digest, size in self.content.items() if digest not in self.wanted)


def measured(state: State) -> Disk:
    """What is on the disk now.

    Raises:
        TareError: something is too broken to be measured.
    """
    from runtime.lifecycle.containers import Containers

    store, driver = ImageStore(state), registry.driver(state)
    images = store.list()
    layers = {image.id: image.layers for image in images}
    content = {}
    for digest in store.content.digests():
        # It may be removed meanwhile.
        with suppress(ImageError):
            content[digest] = store.content.size(digest)
    with Containers(state) as containers:
        found = [
            _container(containers, record, layers.get(record.settings.image_id, ()))
            for record in containers.list(every=True)
        ]
    return Disk(
        images,
        users(state),
        disk_usage(driver, {image.root.digest: image.layers for image in images}, {}),
        found,
        _volumes(state),
        content,
        frozenset(part.digest for image in images for part in walk(store.content, image.root)),
    )


def _container(containers: "Containers", record: "Record", layers: Iterable[str]) -> ContainerUse:
    settings, status = record.settings, record.status()
    usage = Usage(0)
    if settings.chain:
        driver, name = containers.root(record.id)
        usage = Usage(driver.container_bytes(name), sum(map(driver.layer_bytes, layers)))
    return ContainerUse(
        record.id,
        record.name,
        settings.image,
        status,
        status in ("running", "paused", "restarting"),
        usage,
    )


def _volumes(state: State) -> list[VolumeUse]:
    from runtime.storage.store import measure
    from runtime.volumes.volumes import Volumes

    volumes = Volumes(state)
    return [
        VolumeUse(
            volume.name,
            len(volumes.users(volume.name)),
            0 if volume.options else measure(volumes.path(volume.name)),
        )
        for volume in volumes.list()
    ]

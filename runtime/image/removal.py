"""Images go, with the content and the unpacked layers that nothing else uses."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass

from runtime import rootfs
from runtime.image.store import ImageStore, StoredImage
from runtime.storage import registry
from runtime.storage.protocol import Driver
from tare.errors import ImageError
from tare.state import State

Users = Callable[[], Mapping[str, Iterable["User"]]]
"""Says which containers there are of an image, by its id."""


@dataclass(frozen=True)
class User:
    """A container of an image.

    Args:
        name: what people call it.
        is_running: whether it runs or is paused.
    """

    name: str
    is_running: bool


@dataclass(frozen=True)
class Removed:
    """What went.

    Args:
        names: of images that are still here, or not.
        images: ids.
        layers: chain ids.
        freed: bytes, packed and unpacked.
    """

    names: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    freed: int = 0


class Removal:
    """Removes images; who adds or uses one meanwhile holds Content.adding, and is waited for.

    Args:
        state: where they are, and their layers, whichever drivers unpacked them.
        users: the containers there are.
    """

    def __init__(self, state: State, users: Users) -> None:
        self._state = state
        self._store = ImageStore(state)
        self._users = users

    def remove(self, name: str, *, force: bool = False, keep: bool = False) -> Removed:
        """Remove a name, and with its last one the image.

        Args:
            name: a name, an id or its beginning.
            force: whether containers that don't run may lose their image, and an id all its names.
            keep: whether layers and content stay, for an image that needs them soon.

        Raises:
            ImageError: there is none, it has several names, or containers use it.
        """
        with self._store.content.collecting():
            image = self._store.get(name)
            if image.called(name) not in image.names or len(image.names) == 1:
                self._refuse_used(name, image, force=force)
            gone = self._store.remove(name, force=force)
            if image.root.digest not in gone:
                return Removed(names=gone)
            names = tuple(text for text in gone if text != image.root.digest)
            if keep:
                return Removed(names, (image.id,))
            return self._drop(names, [image])

    def prune(self, chosen: Callable[[StoredImage], bool], *, every: bool = False) -> Removed:
        """Remove the images that no container uses, and what killed processes left of others.

        Args:
            chosen: which ones.
            every: whether those with a name as well.

        Raises:
            ImageError: an image is too broken to know what it refers to.
        """
        with self._store.content.collecting():
            used = {identity for identity, users in self._users().items() if any(True for _ in users)}
            doomed = [
                image
                for image in self._store.list()
                if image.id not in used and (every or not image.names) and chosen(image)
            ]
            return self._drop(self._store.forget(doomed), doomed)

    def _refuse_used(self, name: str, image: StoredImage, *, force: bool) -> None:
        for user in self._users().get(image.id, ()):
            if user.is_running:
                raise ImageError(f"the image {name} is used by the running container {user.name}", "stop it")
            if not force:
                raise ImageError(
                    f"the image {name} is used by the container {user.name}", "remove it, or use --force"
                )

    def _drop(self, names: tuple[str, ...], images: list[StoredImage]) -> Removed:
        freed = self._store.drop_unused()
        kept = self._store.chains()
        # From the top, as a layer that others are based on stays.
        chains = [chain for image in images for chain in reversed(image.layers)]
        layers: dict[str, None] = {}
        for driver in registry.existing(self._state):
            gone, size = _remove_layers(driver, chains, kept)
            layers |= dict.fromkeys(gone)
            freed += size
        freed += rootfs.prune(self._state, kept)
        return Removed(names, tuple(image.id for image in images), tuple(layers), freed)


def _remove_layers(driver: Driver, chains: Iterable[str], kept: Container[str]) -> tuple[list[str], int]:
    """Remove the layers that nothing is based on, in some order; those that took bytes, and how many."""
    doomed = [chain for chain in dict.fromkeys((*chains, *driver.layers())) if chain not in kept]
    layers, freed = [], 0
    while doomed:
        sizes = {chain: driver.layer_bytes(chain) for chain in doomed}
        gone = [chain for chain in doomed if _remove_layer(driver, chain)]
        freed += sum(sizes[chain] for chain in gone)
        layers += [chain for chain in gone if sizes[chain]]
        if not gone:
            break
        doomed = [chain for chain in doomed if chain not in gone]
    driver.sweep()
    return layers, freed


def _remove_layer(driver: Driver, chain: str) -> bool:
    try:
        driver.remove_layer(chain)
    except ImageError:
        return False
    return True

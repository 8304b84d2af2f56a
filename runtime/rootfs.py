"""An image's files as one plain directory, for those who mount no layers: machines, OCI bundles, chroot."""

from collections.abc import Callable, Container
from pathlib import Path

from runtime.storage.protocol import Driver
from tare.errors import ImageError
from tare.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.image.store import StoredImage

_UNPRIVILEGED, _FILES = "unprivileged", "fs"


def flatten(state: State, image: "StoredImage") -> Path:
    """The directory of an image's files, not to be written to; made once, unless a layer is it already.

    An ordinary user's shares nothing with containers, whose layers only a user namespace shows as they are.
    Its files are that user's, and `tare.owners` knows whose they are in the image.

    Args:
        state: where the image's content and layers are.
        image: whose files.

    Raises:
        ImageError: the image is broken or has no layers, or the disk is full.
    """
    import os

    from runtime.image.content import Content
    from runtime.image.layers import unpack_layers
    from runtime.storage.registry import driver

    if not image.layers:
        raise ImageError(f"the image {', '.join(image.names) or image.id} has no files", "choose another one")
    chain = image.layers[-1]
    content = Content(state.directory("content"))
    with content.adding():
        if os.geteuid() != 0:
            from runtime.image import unprivileged

            place = _kept(
                state,
                f"{_name(chain)}-{_UNPRIVILEGED}",
                lambda new: unprivileged.unpack(content, image, new / _FILES),
            )
            return place / _FILES
        storage = driver(state)
        unpack_layers(content, image, storage)
        lowers = storage.image(chain).lowers
        if len(lowers) == 1:
            return lowers[0]
        return _kept(state, _name(chain), lambda new: _join(storage, chain, new))


def prune(state: State, kept: Container[str]) -> int:
    """Remove the directories made of layers that no image has any more.

    Args:
        state: where they are.
        kept: chain ids of the images' layers.

    Returns:
        Bytes that were freed.
    """
    from runtime import teardown
    from runtime.storage.locks import Locks
    from runtime.storage.store import measure

    directory = state.data / "cache/rootfs"
    freed = 0
    for place in sorted(directory.glob("[!.]*")):
        if f"sha256:{place.name.partition('-')[0]}" not in kept:
            with Locks(directory / ".lock").held(place.name):
                freed += measure(place)
                old = _unfinished(place)
                # One that was killed may have left it.
                teardown.remove_tree(str(old))
                # Under its name only a whole one may be.
                place.rename(old)
                teardown.remove_tree(str(old))
    return freed


def bootstrap_busybox(state: State) -> Path:
    """The directory of the image `busybox`, which is made from the host's static busybox when missing.

    Raises:
        ImageError: the host has none.
    """
    from runtime.image import bootstrap_busybox
    from runtime.image.store import ImageStore

    store = ImageStore(state)
    try:
        image = store.get("busybox")
    except ImageError:
        image = bootstrap_busybox.bootstrap_busybox(store)
    return flatten(state, image)


def _kept(state: State, name: str, fill: Callable[[Path], None]) -> Path:
    """The directory of that name, filled first when it is not there yet."""
    from runtime import teardown
    from runtime.storage.locks import Locks

    directory = state.directory("cache", "rootfs")
    place = directory / name
    with Locks(directory / ".lock").held(name):
        if place.is_dir():
            return place
        new = _unfinished(place)
        # One that was killed may have left it.
        teardown.remove_tree(str(new))
        try:
            new.mkdir()
            fill(new)
            new.rename(place)
        except OSError as error:
            raise ImageError(f"can't make {place}: {error.strerror}", "check the disk") from error
        finally:
            teardown.remove_tree(str(new))
    return place


def _join(storage: Driver, chain: str, new: Path) -> None:
    """Put the files of all layers into a new directory."""
    from runtime.storage import tree
    from runtime.storage.store import like, opened

    container = f"rootfs-{_name(chain)[:12]}"
    # One that was killed may have left it.
    storage.remove(container)
    storage.create(container, chain)
    try:
        with storage.opened(container) as source, opened(new) as target:
            tree.copy(source, target)
            like(new, Path(f"/proc/self/fd/{source}"))
    finally:
        storage.remove(container)


def _name(chain: str) -> str:
    return chain.removeprefix("sha256:")


def _unfinished(place: Path) -> Path:
    return place.with_name(f".new-{place.name}")

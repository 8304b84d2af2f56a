"""An image's files as one plain directory, for those who mount no layers: machines, OCI bundles, chroot."""

from collections.abc import Container
from pathlib import Path

from runtime.storage.protocol import Driver
from tare.errors import ImageError
from tare.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.image.store import StoredImage


def flatten(state: State, image: "StoredImage") -> Path:
    """The directory of an image's files, not to be written to; made once, unless a layer is it already.

    Args:
        state: where the image's content and layers are.
        image: whose files.

    Raises:
        ImageError: the image is broken or has no layers, or the disk is full.
    """
    import os

    from runtime.image.content import Content
    from runtime.image.layers import unpack_layers
    from runtime.storage.locks import Locks
    from runtime.storage.registry import driver

    storage = driver(state)
    content = Content(state.directory("content"))
    with content.adding():
        chain = unpack_layers(content, image, storage, owners=os.geteuid() == 0)
        if chain is None:
            raise ImageError(
                f"the image {', '.join(image.names) or image.id} has no files", "choose another one"
            )
        lowers = storage.image(chain).lowers
        if len(lowers) == 1:
            return lowers[0]
        directory = state.directory("cache", "rootfs")
        place = directory / chain.removeprefix("sha256:")
        with Locks(directory / ".lock").held(place.name):
            if not place.is_dir():
                _join(storage, chain, place)
    return place


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
        if f"sha256:{place.name}" not in kept:
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


def _join(storage: Driver, chain: str, place: Path) -> None:
    """Put the files of all layers into a new directory."""
    from runtime import teardown
    from runtime.storage import tree
    from runtime.storage.store import like, opened

    new = _unfinished(place)
    container = f"rootfs-{place.name[:12]}"
    # One that was killed may have left these.
    teardown.remove_tree(str(new))
    storage.remove(container)
    storage.create(container, chain)
    try:
        new.mkdir()
        with storage.opened(container) as source, opened(new) as target:
            tree.copy(source, target)
            like(new, Path(f"/proc/self/fd/{source}"))
        new.rename(place)
    except OSError as error:
        raise ImageError(f"can't make {place}: {error.strerror}", "check the disk") from error
    finally:
        storage.remove(container)
        teardown.remove_tree(str(new))


def _unfinished(place: Path) -> Path:
    return place.with_name(f".new-{place.name}")

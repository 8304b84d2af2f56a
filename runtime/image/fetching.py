"""An image comes from a registry into the store, its layers unpacked, so that its first start is fast."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from runtime.image.model import Descriptor
from runtime.image.platform import Platform
from runtime.image.reference import Reference
from runtime.image.registry import Session
from runtime.image.store import ImageStore, StoredImage
from runtime.image.transfer import pull
from tare.errors import ImageError, UsageError


@dataclass(frozen=True)
class Fetched:
    """What came of it.

    Args:
        image: the image under its name.
        is_new: whether the name referred to something else before, or to nothing.
    """

    image: StoredImage
    is_new: bool


def fetch(
    store: ImageStore,
    unpack: Callable[[StoredImage], object],
    name: str,
    *,
    session: Session | None = None,
    platform: Platform | None = None,
    progress: Callable[[Descriptor, int], None] = lambda *_: None,
) -> Fetched:
    """Pull an image and make it known; several processes may pull the same one.

    Args:
        store: where to.
        unpack: unpacks its layers.
        name: with a tag, `latest` when there is none, or a digest.
        session: connections to registries; ones of its own when None.
        platform: the one wanted of an index; this host's when None.
        progress: see runtime.image.transfer.

    Raises:
        RegistryError: the registry fails or lies.
        ImageError: the image is broken or not for the platform, or the disk is full.
        UsageError: the name has no meaning, or no registry is known for it.
    """
    if session is None:
        with Session() as opened:
            return fetch(store, unpack, name, session=opened, platform=platform, progress=progress)
    reference = Reference.parse(name).tagged()
    if reference.digest:
        reference = replace(reference, tag="")
    with store.content.adding():
        pulled = pull(
            session,
            reference.host,
            reference.path,
            reference.digest or reference.tag,
            store.content,
            platform=platform,
            progress=progress,
        )
        before = _root(store, str(reference))
        # Only what can be unpacked gets a name.
        image = store.read(pulled.root, platform)
        unpack(image)
        store.add(pulled.root, [str(reference)])
        return Fetched(store.get(str(reference), platform), before != pulled.root)


def _root(store: ImageStore, name: str) -> Descriptor | None:
    try:
        return store.get(name).root
    except (ImageError, UsageError):
        return None

"""The image that is named, brought from a registry if it is to be, as `docker run --pull` has it."""

from collections.abc import Callable

from runtime.image.platform import Platform
from runtime.image.reference import Reference
from runtime.image.store import ImageStore, StoredImage
from tare.errors import ImageError, UsageError


def find(
    store: ImageStore, name: str, *, platform: Platform | None, pull: str, fetch: Callable[[], StoredImage]
) -> StoredImage:
    """The stored image of that name, or what a registry has.

    Args:
        store: where to look.
        name: any of its names.
        platform: the one wanted; the host's, or the only one there is, when None.
        pull: `always`, `missing` or `never`.
        fetch: brings it from its registry.

    Raises:
        ImageError: there is none, or for another platform.
        RegistryError: the registry fails or has none.
    """
    if pull != "always":
        try:
            return _checked(store.get(name, platform), platform)
        except ImageError:
            if pull == "never" or not _has_registry(name):
                raise
    return fetch()


def _checked(image: StoredImage, platform: Platform | None) -> StoredImage:
    """The image, which a platform that is asked for has to be that of."""
    config = image.config
    if platform and (platform.os, platform.architecture) != (config.os, config.architecture):
        raise ImageError(
            f"image {image.names[0] if image.names else image.id} is for {config.os}/{config.architecture}",
            f"pull it for {platform.os}/{platform.architecture}, or leave --platform out",
        )
    return image


def _has_registry(image: str) -> bool:
    from runtime.image.registry_config import Registries

    try:
        return bool(Reference.parse(image).host or Registries.load().default)
    except UsageError:
        return False

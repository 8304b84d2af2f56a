"""What is known of an image, in the form of `docker image inspect`."""

from typing import Any

from runtime.image.reference import Reference
from runtime.image.store import ImageStore, StoredImage
from runtime.storage.protocol import Driver


def inspect(store: ImageStore, driver: Driver, name: str) -> dict[str, Any]:
    """All that is known of an image.

    Args:
        store: where it is.
        driver: where its layers are unpacked.
        name: a name, an id or its beginning.

    Raises:
        ImageError: there is none, or it is broken.
    """
    image = store.get(name)
    config = image.config
    latest = next((step for step in reversed(config.history) if step.comment), None)
    return {
        "Id": image.id,
        "RepoTags": [name for name in image.names if "@" not in name],
        "RepoDigests": digests(image),
        "Parent": "",
        "Comment": latest.comment if latest else "",
        "Created": config.created,
        "Author": str(config.other.get("author", "")),
        "Config": config.config_fields(),
        "Architecture": config.architecture,
        "Variant": str(config.other.get("variant", "")),
        "Os": config.os,
        "Size": size(image, driver),
        "GraphDriver": {"Name": driver.name, "Data": _places(image, driver)},
        "RootFS": {"Type": "layers", "Layers": list(config.diff_ids)},
        "Descriptor": image.root.fields(),
    }


def digests(image: StoredImage) -> list[str]:
    """Its names with the digest of what they refer to."""
    repositories = dict.fromkeys(Reference.parse(name).name for name in image.names)
    return [f"{repository}@{image.root.digest}" for repository in repositories]


def size(image: StoredImage, driver: Driver) -> int:
    """Bytes of an image's layers on the disk; those that aren't unpacked yet count as they are packed."""
    layers = zip(image.layers, image.manifest.layers, strict=True)
    return sum(
        driver.layer_bytes(chain) if driver.has_layer(chain) else packed.size for chain, packed in layers
    )


def _places(image: StoredImage, driver: Driver) -> dict[str, str]:
    if not image.layers or not driver.has_layer(image.layers[-1]):
        return {}
    top, *lower = (str(path) for path in driver.image(image.layers[-1]).lowers)
    return {"UpperDir": top, **({"LowerDir": ":".join(lower)} if lower else {})}

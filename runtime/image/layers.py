"""An image's layers in the storage driver: each unpacked once, whichever images share it."""

from functools import partial
from pathlib import Path
from typing import Any

from runtime.image.content import Content
from runtime.image.model import Descriptor
from runtime.image.store import StoredImage
from runtime.image.unpack import unpack
from runtime.rootless import userns
from runtime.storage.protocol import Driver
from tare.errors import ImageError


def unpack_layers(content: Content, image: StoredImage, driver: Driver) -> str | None:
    """Make sure that all layers of an image are unpacked.

    Args:
        content: where the packed layers are.
        image: whose layers.
        driver: where they are unpacked.

    Returns:
        The chain id of all of them, for Driver.create; None for an image without layers.

    Raises:
        ImageError: a layer is missing, broken or hostile, or the disk is full.
    """
    user_namespace = not userns.is_initial()
    owners = userns.has_range()
    below: str | None = None
    layers = zip(image.layers, image.manifest.layers, image.config.diff_ids, strict=True)
    for chain_id, layer, diff_id in layers:
        if not driver.has_layer(chain_id):
            unpacked = partial(
                fill,
                content,
                layer,
                diff_id=diff_id,
                lower=driver.image(below).lowers if below else (),
                user_namespace=user_namespace,
                owners=owners,
            )
            driver.add_layer(chain_id, below, unpacked)
        below = chain_id
    return below


def fill(content: Content, layer: Descriptor, directory: Path, **options: Any) -> None:
    """Unpack a layer into an empty directory.

    Args:
        content: where it is.
        layer: which.
        directory: where to.
        options: of runtime.image.unpack.

    Raises:
        ImageError: it is missing, broken or hostile, or the disk is full.
    """
    with content.open(layer.digest) as file:
        try:
            unpack(file, directory, **options)
        except ImageError as error:
            raise ImageError(f"layer {layer.digest[:19]}: {error.what}", error.hint) from error

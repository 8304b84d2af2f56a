"""How much of the disk a container takes."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runtime.image.store import ImageStore
    from runtime.lifecycle.record import Record
    from runtime.lifecycle.viewing import Viewing


class Size(NamedTuple):
    """Bytes: `own` is what it changed, `virtual` that and its image."""

    own: int
    virtual: int


def size(containers: "Viewing", images: "ImageStore", record: "Record") -> Size:
    """What a container takes; 0 for a part that is gone."""
    from tare.errors import ImageError

    settings = record.settings
    if not settings.chain:
        return Size(0, 0)
    driver, name = containers.root(record.id)
    own = driver.container_bytes(name)
    try:
        layers = images.get(settings.image_id).layers
    except ImageError:
        layers = (settings.chain,)
    return Size(own, own + sum(map(driver.layer_bytes, layers)))

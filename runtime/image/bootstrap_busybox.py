"""An image of the host's static busybox."""

from pathlib import Path

from runtime.image.bootstrap import image_config, source_date_epoch
from runtime.image.making import make_image
from runtime.image.pack import pack
from runtime.image.store import ImageStore, StoredImage


def bootstrap_busybox(store: ImageStore, name: str = "busybox:latest") -> StoredImage:
    """Make the image; the same busybox gives the same digest.

    Args:
        store: where it goes.
        name: how it is called then.

    Raises:
        ImageError: the host has no static busybox, or the disk is full.
        UsageError: the name is none.
    """
    import tempfile

    from runtime.busybox import populate

    epoch = source_date_epoch()
    with tempfile.TemporaryDirectory(prefix="tare-busybox-") as directory, store.content.adding():
        root = Path(directory, "rootfs")
        populate(root)
        layer = pack(root, store.content, epoch=epoch)
        config = image_config("sh", "tarebox image bootstrap busybox", epoch)
        return store.add(make_image(store.content, [layer], config), [name])

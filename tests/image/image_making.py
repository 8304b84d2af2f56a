"""Small images in a store of the test's own."""

from pathlib import Path

from runtime.image.config import History, ImageConfig
from runtime.image.making import make_image
from runtime.image.pack import pack
from runtime.image.platform import Platform
from runtime.image.store import ImageStore, StoredImage


def add_image(
    store: ImageStore, scratch: Path, *names: str, text: str = "hello", layers: int = 2
) -> StoredImage:
    """An image whose layers have a file each."""
    packed = []
    with store.content.adding():
        for number in range(layers):
            root = scratch / f"{text}-{number}"
            root.mkdir(exist_ok=True)
            (root / f"file{number}").write_text(text)
            packed.append(pack(root, store.content, epoch=0))
        host = Platform.host()
        config = ImageConfig(
            host.architecture,
            host.os,
            created="2026-01-02T03:04:05Z",
            cmd=("/bin/sh",),
            env=("PATH=/bin",),
            labels={"text": text},
            history=(History(created_by="first"), History(created_by="none", empty_layer=True), History()),
        )
        return store.add(make_image(store.content, packed, config), names)

"""Small images in a store of the test's own."""

import json
import tarfile
from pathlib import Path
from typing import Any

from layer_archive import diff_id, layer, member

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


def docker_archive(
    target: Path, layers: dict[str, bytes], config: Any = None, links: dict[str, str] | None = None
) -> None:
    """As docker before version 25 wrote it."""
    described = config or {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [diff_id(data) for data in layers.values()]},
        "unknown": [1, 2],
    }
    manifest = [{"Config": "conf.json", "RepoTags": ["old:1"], "Layers": [*layers, *(links or {})]}]
    files = {
        "manifest.json": json.dumps(manifest).encode(),
        "conf.json": json.dumps(described).encode(),
        **layers,
    }
    members = [member(name, data=data) for name, data in files.items()]
    members += [member(name, "symlink", linkname=link) for name, link in (links or {}).items()]
    target.write_bytes(layer(*members, form=tarfile.USTAR_FORMAT))

"""Bytes of an image as containers ship it."""

import functools
import os
import tempfile
from pathlib import Path

from bench.subject import Image
from runtime.layer import write_layer


@functools.cache
def container_sizes(image: Image) -> dict[str, int]:
    """`files`: bytes allocated by the tree, each inode once; `oci-layer`: the gzip-compressed layer."""
    with tempfile.TemporaryDirectory(prefix="tare-") as scratch:
        layer = Path(scratch) / "layer.tar.gz"
        write_layer(image.rootfs, layer)
        return {"files": tree_bytes(image.rootfs), "oci-layer": layer.stat().st_size}


def tree_bytes(root: Path) -> int:
    """Bytes allocated below a directory (st_blocks of stat(2)), each inode once."""
    seen: dict[tuple[int, int], int] = {}
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            status = (Path(directory) / name).lstat()
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())

"""Bytes of an image as containers ship it."""

import functools
import os
import tempfile
from pathlib import Path

from bench.subject import Image
from runtime.image.content import Content
from runtime.image.pack import pack


@functools.cache
def container_sizes(image: Image) -> dict[str, int]:
    """`files`: bytes allocated by the tree, each inode once; `oci-layer`: its layers as they are shipped.

    A mere directory is packed for that, into one layer.
    """
    if image.stored:
        packed = image.stored.size
    else:
        with tempfile.TemporaryDirectory(prefix="tare-") as scratch:
            packed = pack(image.rootfs, Content(Path(scratch))).descriptor.size
    return {"files": tree_bytes(image.rootfs), "oci-layer": packed}


def tree_bytes(root: Path) -> int:
    """Bytes allocated below a directory (st_blocks of stat(2)), each inode once."""
    seen: dict[tuple[int, int], int] = {}
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            status = (Path(directory) / name).lstat()
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())

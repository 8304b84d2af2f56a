"""Bytes of an image as containers ship it."""

import functools
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from bench.subject import Image
from runtime.image.content import Content
from runtime.image.pack import pack


@functools.cache
def container_sizes(image: Image, scratch: Path) -> dict[str, int]:
    """`files`: bytes allocated by the tree, each inode once; `oci-layer`: its layers as they are shipped.

    A mere directory is packed for that, into one layer; `oci-layer-zstd` is one of all files. `base` is
    what all instances of the image share.

    Args:
        image: of which.
        scratch: a directory with room for two of its layers.
    """
    files = tree_bytes(image.rootfs)
    with tempfile.TemporaryDirectory(prefix="tare-", dir=scratch) as name:
        content = Content(Path(name))
        zstd = pack(image.rootfs, content, compression="zstd").descriptor.size
        packed = image.stored.size if image.stored else pack(image.rootfs, content).descriptor.size
    return {"files": files, "oci-layer": packed, "oci-layer-zstd": zstd, "base": files}


def tree_bytes(root: Path) -> int:
    """Bytes allocated below a directory (st_blocks of stat(2)), each inode once."""
    seen: dict[tuple[int, int], int] = {}
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            # A daemon may be tidying up.
            with suppress(FileNotFoundError):
                status = (Path(directory) / name).lstat()
                seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())

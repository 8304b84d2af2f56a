"""A second image on the base of another: the same files, and a file more in a layer of its own."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.file_copy import copy_files
from bench.imported import new_name
from bench.subject import MIB, Image
from runtime.commandline.images import removal
from runtime.image.config import History
from runtime.image.making import extend_image
from runtime.image.pack import pack
from runtime.image.store import ImageStore
from tare.errors import ImageError
from tare.state import State

SIZE = MIB
"""Bytes of the file, which can't be compressed."""
_FILE = "tarebench-second"


@dataclass(frozen=True)
class SecondImage:
    """A second image.

    Args:
        image: with all its files; in the store, where the first is.
        layer: a directory with the files of its own layer alone.
    """

    image: Image
    layer: Path


@contextmanager
def second_image(state: State, base: Image, directory: Path) -> Iterator[SecondImage]:
    """Make one below an empty directory; what of it is in the store goes when the block ends.

    Raises:
        ImageError: the base is broken, or the disk is full.
    """
    name = new_name()
    layer = directory / "layer"
    layer.mkdir()
    (layer / _FILE).write_bytes(os.urandom(SIZE))
    rootfs = copy_files(base.rootfs, directory / "rootfs")
    shutil.copy2(layer / _FILE, rootfs)
    if base.stored is None:
        yield SecondImage(Image(name, rootfs), layer)
        return
    store, stored = ImageStore(state), base.stored
    with store.content.adding():
        history = History(comment="one file more")
        root = extend_image(
            store.content, stored.manifest, stored.config, pack(layer, store.content), history
        )
        extended = store.add(root, [name])
    try:
        yield SecondImage(Image(name, rootfs, extended), layer)
    finally:
        # Whoever discards all images of ours may have come before.
        with suppress(ImageError):
            removal(state).remove(name, force=True)

"""Snapshots of btrfs: a layer and a container are subvolumes that share what they have not changed.

The ioctls and their structures are those of linux/btrfs.h.
"""

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

from runtime import syscalls, teardown
from runtime.storage.store import like, opened
from runtime.storage.whole import Whole

_SUPER_MAGIC = 0x9123683E
_FIRST_FREE_OBJECT = 256
"""The inode number of every subvolume's root."""
_SUBVOL_CREATE = 0x5000940E
_SNAP_DESTROY = 0x5000940F
_SNAP_CREATE_V2 = 0x50009417


class Btrfs(Whole):
    """See Driver."""

    name = "btrfs"
    preference = 2

    @staticmethod
    def unusable(directory: Path) -> str:
        """See Driver."""
        with opened(directory) as descriptor:
            if syscalls.filesystem_type(descriptor) != _SUPER_MAGIC:
                return f"{directory} is not on btrfs"
        try:
            import tempfile

            with tempfile.TemporaryDirectory(dir=directory, prefix=".probe-") as place:
                _create(Path(place, "subvolume"))
                _destroy(Path(place, "subvolume"))
        except OSError as error:
            return f"no subvolume can be made in {directory}: {error.strerror}"
        return ""

    def _grow(self, fs: Path, origin: Path | None) -> None:
        if origin is None or origin.stat().st_ino != _FIRST_FREE_OBJECT:
            _create(fs)
            like(fs, origin)
        else:
            _snapshot(origin, fs)

    def _delete(self, path: Path) -> None:
        # What holds subvolumes of its own is left to the slower way.
        with suppress(OSError):
            _destroy(path / "fs")
        teardown.remove_tree(str(path))


def _create(path: Path) -> None:
    with opened(path.parent) as parent:
        fcntl.ioctl(parent, _SUBVOL_CREATE, _arguments(path))


def _snapshot(origin: Path, path: Path) -> None:
    with opened(origin) as source, opened(path.parent) as parent:
        arguments = struct.pack("qQQ32x4040s", source, 0, 0, os.fsencode(path.name))
        fcntl.ioctl(parent, _SNAP_CREATE_V2, bytearray(arguments))


def _destroy(path: Path) -> None:
    with opened(path.parent) as parent:
        if not path.is_dir() or path.stat().st_ino != _FIRST_FREE_OBJECT:
            return
        fcntl.ioctl(parent, _SNAP_DESTROY, _arguments(path))


def _arguments(path: Path) -> bytearray:
    """A struct btrfs_ioctl_vol_args; fcntl takes more than 1024 bytes only where it may write."""
    return bytearray(struct.pack("q4088s", 0, os.fsencode(path.name)))


DRIVER = Btrfs

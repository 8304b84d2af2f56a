"""ext4: what most guests have; can be written."""

import os
import stat
import uuid
from pathlib import Path

from tare.errors import ImageError, UsageError
from vm_baseline.cpio import walk
from vm_baseline.errors import HypervisorError
from vm_baseline.filesystem import EPOCH, FileSystem
from vm_baseline.tools import run

_ROOM = 64 << 20
_GROWTH = 1.25
_GRAIN = 1 << 20
_INODE_BYTES = 512
_NAMESPACE = uuid.UUID("5d3a5b0e-36c5-4f0c-9d0b-7461726520bb")


def _make(rootfs: Path, dest: Path, size: int | None) -> None:
    needed, inodes = _needed(rootfs)
    total = size or needed
    with dest.open("wb") as image:
        image.truncate(total)
    try:
        populate(rootfs, dest, total, inodes)
    except HypervisorError as error:
        if size and size < needed:
            raise UsageError(
                f"{size >> 20} MiB are too few for the files of {rootfs}",
                f"give at least {-(-needed >> 20)} MiB or leave --size away",
            ) from error
        raise


def populate(rootfs: Path, image: Path, size: int, inodes: int, *, offset: int = 0, label: str = "") -> None:
    """Write the file system into a part of an image file.

    Args:
        rootfs: the files to put in.
        image: the file, which is there already.
        size: bytes of the file system.
        inodes: how many it shall have.
        offset: where in the file it begins, in bytes.
        label: its name, at most 16 bytes.

    Raises:
        HypervisorError: mke2fs is missing or fails.
    """
    name = str(uuid.uuid5(_NAMESPACE, f"{size} {inodes}"))
    run(
        "mke2fs", "-q", "-F", "-t", "ext4", "-d", str(rootfs), "-m", "0", "-U", name, "-L", label,
        "-N", str(inodes), "-E", f"offset={offset},hash_seed={name},root_owner=0:0,lazy_itable_init=1,"
        "lazy_journal_init=1,nodiscard", str(image), f"{size >> 10}K",
        package="e2fsprogs", environment={"E2FSPROGS_FAKE_TIME": EPOCH}, tree=rootfs,
    )  # fmt: skip


def _needed(rootfs: Path) -> tuple[int, int]:
    """Bytes and inodes of a file system with room for the tree and some more."""
    total, count = 0, 0
    try:
        for path in walk(str(rootfs)):
            about = os.lstat(path)
            total += -(-about.st_size // 4096) * 4096 if stat.S_ISREG(about.st_mode) else 4096
            count += 1
    except OSError as error:
        raise ImageError(
            f"can't read the image {rootfs}: {error.strerror}", "name a root directory"
        ) from error
    inodes = count + 4096
    size = int(total * _GROWTH) + inodes * _INODE_BYTES + _ROOM
    return -(-size // _GRAIN) * _GRAIN, inodes


FILE_SYSTEM = FileSystem("ext4", ("ext4",), _make, has_size=True)

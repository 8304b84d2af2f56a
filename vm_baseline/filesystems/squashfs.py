"""SquashFS: read-only and compressed, the smallest image; what a guest writes is kept in its memory."""

from pathlib import Path

from vm_baseline.filesystem import EPOCH, FileSystem
from vm_baseline.tools import run


def _make(rootfs: Path, dest: Path, _size: int | None) -> None:
    run(
        "mksquashfs", str(rootfs), str(dest), "-noappend", "-quiet", "-no-progress", "-mkfs-time", EPOCH,
        package="squashfs-tools", tree=rootfs,
    )  # fmt: skip


FILE_SYSTEM = FileSystem("squashfs", ("squashfs", "overlay"), _make)

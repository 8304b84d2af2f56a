"""EROFS: read-only and uncompressed; what a guest writes is kept in its memory."""

import uuid
from pathlib import Path

from vm_baseline.filesystem import EPOCH, FileSystem
from vm_baseline.tools import run

_NAME = str(uuid.UUID("5d3a5b0e-36c5-4f0c-9d0b-7461726520ec"))


def _make(rootfs: Path, dest: Path, _size: int | None) -> None:
    run(
        "mkfs.erofs", "--quiet", "-T", EPOCH, "-U", _NAME, str(dest), str(rootfs),
        package="erofs-utils", tree=rootfs,
    )  # fmt: skip


FILE_SYSTEM = FileSystem("erofs", ("erofs", "overlay"), _make)

"""An image as an OCI layer, the same bytes for the same tree (OCI image specification, layer.md)."""

import gzip
import hashlib
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from tare.errors import ImageError

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class Layer:
    """A layer as written.

    Args:
        size: bytes of the file.
        digest: `sha256:` and its hex digest.
        files: how many entries it has.
    """

    size: int
    digest: str
    files: int


def write_layer(rootfs: Path, destination: Path, compression: Literal["gzip", "none"] = "gzip") -> Layer:
    """Write the tree as a layer, entries in order of their names, without user names or the time of writing.

    Raises:
        ImageError: the tree can't be read or the layer not written.
    """
    try:
        with destination.open("w+b") as file:
            if compression == "gzip":
                with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                    count = _write_tar(rootfs, packed)
            else:
                count = _write_tar(rootfs, file)
            size = file.tell()
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(
            f"can't make a layer of {rootfs}: {error}", "check the image and the disk"
        ) from error
    return Layer(size, f"sha256:{digest}", count)


def _write_tar(rootfs: Path, sink: IO[bytes] | gzip.GzipFile) -> int:
    count = 0
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in _sorted(rootfs):
            member = archive.gettarinfo(path, str(path.relative_to(rootfs)))
            if member is None:
                continue
            member.uname = member.gname = ""
            member.mtime = int(member.mtime)
            member.pax_headers = _extended_attributes(path)
            if member.isreg():
                with path.open("rb") as content:
                    archive.addfile(member, content)
            else:
                archive.addfile(member)
            count += 1
    return count


def _sorted(rootfs: Path) -> list[Path]:
    return sorted(
        Path(directory, name) for directory, names, files in os.walk(rootfs) for name in (*names, *files)
    )


def _extended_attributes(path: Path) -> dict[str, str]:
    return {
        f"SCHILY.xattr.{name}": os.getxattr(path, name, follow_symlinks=False).decode(
            "utf-8", "surrogateescape"
        )
        for name in os.listxattr(path, follow_symlinks=False)
        if name.startswith(("security.capability", "user."))
    }

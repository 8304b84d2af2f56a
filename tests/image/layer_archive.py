"""Layers made by hand, as builders and attackers make them."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

from runtime.image.unpack import Unpacked, unpack

KINDS = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "link": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}


def member(name: str, kind: str = "file", data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """One member; `fields` are attributes of TarInfo."""
    info = tarfile.TarInfo(name)
    info.type = KINDS[kind]
    info.size = len(data)
    info.mode = 0o755 if kind == "dir" else 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def layer(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of these members."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return file.getvalue()


def unpacked(directory: Path, *members: tuple[tarfile.TarInfo, bytes], **options: Any) -> Unpacked:
    """Unpack members into a directory, made when missing."""
    return unpack_bytes(directory, layer(*members), **options)


def unpack_bytes(directory: Path, data: bytes, **options: Any) -> Unpacked:
    """Unpack an archive into a directory, made when missing."""
    directory.mkdir(exist_ok=True)
    return unpack(io.BytesIO(data), directory, **options)


def diff_id(data: bytes) -> str:
    """The digest of an uncompressed layer."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def zipped(data: bytes) -> bytes:
    """As gzip."""
    return gzip.compress(data, 1)

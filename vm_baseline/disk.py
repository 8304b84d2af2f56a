"""Disk images of a root directory, in the formats hypervisors use."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tare.errors import ImageError
from tare.state import State
from vm_baseline.cache import cached
from vm_baseline.cpio import walk
from vm_baseline.errors import HypervisorError

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_ROOM = 64 << 20
_GROWTH = 1.25
_GRAIN = 1 << 20
_INODE_BYTES = 512
_EPOCH = "1"
_NAMESPACE = uuid.UUID("5d3a5b0e-36c5-4f0c-9d0b-7461726520bb")


class Format(StrEnum):
    """Formats of disk images; the values are qemu-img's names."""

    RAW = "raw"
    QCOW2 = "qcow2"
    VMDK = "vmdk"
    VDI = "vdi"


@dataclass(frozen=True)
class Disk:
    """A disk image.

    Args:
        path: of the file.
        format: of the file.
        virtual: bytes the guest sees.
        allocated: bytes the file takes on the host.
    """

    path: Path
    format: Format
    virtual: int
    allocated: int


def fingerprint(rootfs: Path) -> str:
    """Sixteen hex digits that change when anything below the directory does, judged by stat(2) alone.

    Raises:
        ImageError: there is no such directory, or it can't be read.
    """
    digest = hashlib.sha256()
    try:
        for path in walk(str(rootfs)):
            about = os.lstat(path)
            fields = (
                path,
                about.st_mode,
                about.st_uid,
                about.st_gid,
                about.st_size,
                about.st_ctime_ns,
                about.st_ino,
            )
            digest.update(repr(fields).encode())
    except OSError as error:
        raise ImageError(
            f"can't read the image {rootfs}: {error.strerror}", "name a root directory or an imported image"
        ) from error
    return digest.hexdigest()[:16]


def build_disk(rootfs: Path, dest: Path, format: Format = Format.RAW) -> Disk:
    """Write a disk image with one ext4 file system that holds the directory.

    Args:
        rootfs: the root directory.
        dest: the file to write; an existing one is replaced.
        format: of the image.

    Raises:
        ImageError: the directory can't be read.
        HypervisorError: mke2fs or qemu-img is missing or fails.
    """
    raw = dest if format is Format.RAW else dest.with_name(dest.name + ".raw")
    try:
        _make_ext4(rootfs, raw)
        if format is not Format.RAW:
            run(
                "qemu-img",
                "convert",
                "-f",
                "raw",
                "-O",
                format.value,
                str(raw),
                str(dest),
                package="qemu-utils",
            )
    finally:
        if raw != dest:
            raw.unlink(missing_ok=True)
    return describe(dest)


def describe(path: Path) -> Disk:
    """Format and sizes of an image file.

    Raises:
        HypervisorError: qemu-img is missing or doesn't know the file.
    """
    about = json.loads(run("qemu-img", "info", "-U", "--output=json", str(path), package="qemu-utils"))
    return Disk(path, Format(about["format"]), about["virtual-size"], path.stat().st_blocks * 512)


def base_disk(state: State, rootfs: Path, mark: str) -> Path:
    """The raw image of a directory with that fingerprint, cached."""
    return cached(cached_disk(state, mark), lambda product: _make_ext4(rootfs, product))


def cached_disk(state: State, mark: str) -> Path:
    """Where that image is, or would be."""
    return state.data / "disks" / f"{mark}.raw"


def overlay(base: Path, dest: Path) -> None:
    """A qcow2 image that reads from the base and keeps what is written, so that instances share the base."""
    run(
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-F",
        "raw",
        "-b",
        str(base),
        str(dest),
        package="qemu-utils",
    )


def run(tool: str, *arguments: str, package: str, environment: dict[str, str] | None = None) -> str:
    """Run a tool for its output.

    Raises:
        HypervisorError: it is missing or fails.
    """
    done = subprocess.run(
        [require(tool, package), *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": _PATH, "LC_ALL": "C", **(environment or {})},
    )  # fmt: skip
    if done.returncode:
        message = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise HypervisorError(f"{tool} failed: {message}")
    return done.stdout


def require(tool: str, package: str) -> str:
    """Where a tool is.

    Raises:
        HypervisorError: it is missing.
    """
    if (found := shutil.which(tool, path=_PATH)) is None:
        raise HypervisorError(f"{tool} is missing", f"install the package {package} or run tools/setup")
    return found


def _make_ext4(rootfs: Path, dest: Path) -> None:
    size, inodes = _needed(rootfs)
    dest.unlink(missing_ok=True)
    with dest.open("wb") as image:
        image.truncate(size)
    name = str(uuid.uuid5(_NAMESPACE, f"{size} {inodes}"))
    run(
        "mke2fs", "-q", "-F", "-t", "ext4", "-d", str(rootfs), "-m", "0", "-U", name, "-N", str(inodes),
        "-E", f"hash_seed={name},root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1,nodiscard", str(dest),
        package="e2fsprogs", environment={"E2FSPROGS_FAKE_TIME": _EPOCH},
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

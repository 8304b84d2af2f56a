"""Disk images with the files of a root directory, made without mounting anything."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tare.errors import ImageError, UsageError
from tare.state import State
from vm_baseline.cache import UNFINISHED, cached, products
from vm_baseline.cpio import walk
from vm_baseline.errors import HypervisorError
from vm_baseline.filesystem import filesystem
from vm_baseline.format import format_named
from vm_baseline.tools import run


@dataclass(frozen=True)
class DiskSpec:
    """What a disk image is to be.

    Args:
        format: of the file, a name of `vm_baseline.format`.
        filesystem: on it, a name of `vm_baseline.filesystem`.
        size: bytes the guest sees; None for as many as the files need and some room.
    """

    format: str = "raw"
    filesystem: str = "ext4"
    size: int | None = None


USUAL = DiskSpec()
_FEW = 1 << 20


@dataclass(frozen=True)
class Disk:
    """A disk image.

    Args:
        path: of the file.
        format: of the file, by its name.
        virtual: bytes the guest sees.
        allocated: bytes the file takes on the host.
    """

    path: Path
    format: str
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


def build_disk(rootfs: Path, dest: Path, spec: DiskSpec = USUAL) -> Disk:
    """Write a disk image with one file system that holds the directory.

    Args:
        rootfs: the root directory.
        dest: the file to write; an existing one is replaced once the new one is whole.
        spec: what it is to be.

    Raises:
        ImageError: the directory can't be read.
        HypervisorError: a tool is missing or fails, or the disk is full.
        UsageError: there is no such format or file system, or the size is of no use.
    """
    kind, form = filesystem(spec.filesystem), format_named(spec.format)
    if spec.size is not None and not kind.has_size:
        raise UsageError(f"{kind.name} is as large as its files", "leave --size away or choose ext4")
    with _workshop(dest.parent) as workshop:
        raw = workshop / "raw"
        kind.make(rootfs, raw, spec.size)
        product = raw
        if form.name != "raw":
            product = workshop / "product"
            form.convert(raw, product)
        product.replace(dest)
    return describe(dest)


def compressed(raw: Path, dest: Path) -> Disk:
    """A qcow2 image of a raw one whose clusters are compressed, for shipping rather than for running.

    Raises:
        HypervisorError: qemu-img is missing or fails.
    """
    run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", str(raw), str(dest), package="qemu-utils")
    return describe(dest)


def flattened(image: Path, dest: Path) -> None:
    """Write a qcow2 image, with what it has of its bases, as one that needs none.

    Raises:
        HypervisorError: qemu-img is missing or fails, or the disk is full.
    """
    run("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", str(image), str(dest), package="qemu-utils")


def describe(path: Path) -> Disk:
    """Format and sizes of an image file.

    Raises:
        HypervisorError: qemu-img is missing or doesn't know the file.
    """
    about = json.loads(run("qemu-img", "info", "-U", "--output=json", str(path), package="qemu-utils"))
    return Disk(path, about["format"], about["virtual-size"], path.stat().st_blocks * 512)


def cached_disk(state: State, mark: str, spec: DiskSpec = USUAL) -> Path:
    """Where the image of files with that mark is, or would be."""
    size = "" if spec.size is None else f"-{spec.size}"
    return state.data / "disks" / f"{mark}{size}.{spec.filesystem}.{spec.format}"


def cached_disks(state: State, mark: str = "") -> tuple[Path, ...]:
    """The images that there are of files with that mark, or of all."""
    return products(state.data / "disks", f"{mark}*.*.*")


def shared_disk(state: State, rootfs: Path, mark: str, spec: DiskSpec = USUAL) -> Path:
    """The image of a directory, made once.

    Args:
        state: where it is kept.
        rootfs: the root directory.
        mark: changes when anything in it does: its fingerprint, or an image's digest.
        spec: what it is to be.

    Raises:
        TareError: as `build_disk`.
    """

    def make(product: Path) -> None:
        build_disk(rootfs, product, spec)

    return cached(cached_disk(state, mark, spec), make)


def overlay(base: Path, dest: Path, form: str = "raw") -> None:
    """A qcow2 image above a base of that format, which it only reads, so that instances share it.

    Raises:
        HypervisorError: the base has been deleted, or qemu-img fails.
    """
    if not base.exists():
        raise HypervisorError(f"the disk {base} has been deleted", "run it again; it is then built anew")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", form, "-b", str(base), str(dest),
        package="qemu-utils")  # fmt: skip


@contextlib.contextmanager
def _workshop(parent: Path) -> Iterator[Path]:
    """A directory for what is half made, beside the product; a full disk leaves none."""
    try:
        with tempfile.TemporaryDirectory(dir=parent, prefix=UNFINISHED) as name:
            yield Path(name)
    except HypervisorError as error:
        # The tools have many words for it.
        if shutil.disk_usage(parent).free < _FEW:
            raise HypervisorError(f"no space left below {parent}", "make room and try again") from error
        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise HypervisorError(f"no space left below {parent}", "make room and try again") from error

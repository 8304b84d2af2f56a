"""A directory becomes a layer, the same bytes for the same files (OCI image specification, layer.md)."""

import os
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.image.attributes import attributes_of
from runtime.image.content import Content
from runtime.image.directories import Directories
from runtime.image.layer_writer import Compression, layer_writer
from runtime.image.model import Descriptor
from runtime.image.tar_header import BLOCK, shown
from tare.errors import ImageError

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE = 1 << 20
_END = bytes(2 * BLOCK)
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_OVERLAY = ("trusted.overlay.", "user.overlay.")
_KINDS = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


@dataclass(frozen=True)
class Packed:
    """A layer that was made.

    Args:
        descriptor: of the compressed layer in the content.
        diff_id: sha256 digest of the uncompressed one.
        size: bytes uncompressed.
        entries: members.
    """

    descriptor: Descriptor
    diff_id: str
    size: int
    entries: int


def pack(
    directory: Path, content: Content, *, compression: Compression = "gzip", epoch: int | None = None
) -> Packed:
    """Make a layer of a directory, or of the upper directory of an overlay with what it deletes.

    Args:
        directory: what becomes the layer's root.
        content: where the layer goes.
        compression: how it is packed.
        epoch: no file is newer than these seconds since 1970 (SOURCE_DATE_EPOCH).

    Raises:
        ImageError: a file can't be read, changes meanwhile or can't be in a layer, or the disk is full.
    """
    with layer_writer(content, compression) as layer:
        entries = write_tar(directory, layer.write, epoch=epoch)
    return Packed(layer.descriptor, layer.diff_id, layer.size, entries)


def write_tar(
    directory: Path, write: Callable[[bytes], object], *, epoch: int | None = None, layer: bool = True
) -> int:
    """Write a directory as a tar archive, sorted, with the owners' numbers and times in whole seconds.

    Args:
        directory: what becomes the archive's root.
        write: takes the archive.
        epoch: no file is newer than these seconds since 1970.
        layer: whether overlay whiteouts become a layer's; otherwise nothing is special.

    Returns:
        The number of members.

    Raises:
        ImageError: a file can't be read, changes meanwhile or can't be in a layer.
        BrokenPipeError: nobody reads what `write` sends on.
    """
    try:
        directories = Directories(directory)
        try:
            return _Packer(directories, write, epoch, layer).run()
        finally:
            directories.close()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ImageError(f"can't pack {directory}: {error.strerror}", "check the directory") from error


class _Packer:
    def __init__(
        self, directories: Directories, write: Callable[[bytes], object], epoch: int | None, layer: bool
    ) -> None:
        self._directories = directories
        self._write = write
        self._epoch = epoch
        self._layer = layer
        self._linked: dict[tuple[int, int], str] = {}
        self._entries = 0

    def run(self) -> int:
        root = self._directories.root
        self._add(_member("./", os.fstat(root), self._epoch), attributes_of(root))
        pending = self._inside("", root)
        while pending:
            path = pending.pop()
            parent, _, name = path.rpartition("/")
            self._directories.trim()
            directory = self._directories.open(os.fsencode(parent))
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if self._layer and stat.S_ISCHR(found.st_mode) and not found.st_rdev:
                self._add(_marker(f"{parent}/{_WHITEOUT}{name}".removeprefix("/")), {})
            elif self._layer and name.startswith(_WHITEOUT):
                raise ImageError(
                    f"{_shown(path)} can't be in a layer, where it means a deletion", "rename it"
                )
            elif not stat.S_ISSOCK(found.st_mode):
                self._entry(directory, name, path, found)
            if stat.S_ISDIR(found.st_mode):
                pending += self._inside(f"{path}/", self._directories.open(os.fsencode(path)))
        self._write(_END)
        return self._entries

    def _inside(self, prefix: str, directory: int) -> list[str]:
        """The paths in a directory, last first."""
        if self._layer and _overlay(directory).get("opaque") == b"y":
            self._add(_marker(prefix + _OPAQUE), {})
        names = sorted(os.listdir(directory), key=os.fsencode, reverse=True)
        return [prefix + name for name in names]

    def _entry(self, directory: int, name: str, path: str, found: os.stat_result) -> None:
        member = _member(path, found, self._epoch)
        identity = (found.st_dev, found.st_ino)
        if found.st_nlink > 1 and not member.isdir():
            if identity in self._linked:
                member.type, member.linkname, member.size = tarfile.LNKTYPE, self._linked[identity], 0
                self._add(member, {})
                return
            self._linked[identity] = path
        if member.isreg():
            self._regular(directory, name, member, found)
            return
        if member.issym():
            member.linkname = os.readlink(name, dir_fd=directory)
        target = f"/proc/self/fd/{directory}/{name}"
        if member.isdir() and self._layer and "redirect" in _overlay(target):
            raise ImageError(f"{_shown(path)} was renamed in the overlay", "pack the whole root")
        self._add(member, attributes_of(target))

    def _regular(self, directory: int, name: str, member: tarfile.TarInfo, found: os.stat_result) -> None:
        file = os.open(name, _FILE, dir_fd=directory)
        try:
            if not os.path.samestat(found, os.fstat(file)):
                raise _changed(member.name)
            if self._layer and "metacopy" in _overlay(file):
                raise ImageError(f"{_shown(member.name)} is without its data", "pack the whole root")
            self._add(member, attributes_of(file))
            left = member.size
            while left:
                data = os.read(file, min(left, _PIECE))
                if not data:
                    raise _changed(member.name)
                self._write(data)
                left -= len(data)
            self._write(bytes(-member.size % BLOCK))
        finally:
            os.close(file)

    def _add(self, member: tarfile.TarInfo, attributes: dict[str, bytes]) -> None:
        if attributes:
            member.pax_headers = {
                f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape")
                for name, value in attributes.items()
            }
        self._write(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        self._entries += 1


def _member(path: str, found: os.stat_result, epoch: int | None) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type = _KINDS[stat.S_IFMT(found.st_mode)]
    member.mode = stat.S_IMODE(found.st_mode)
    member.uid, member.gid = found.st_uid, found.st_gid
    seconds = found.st_mtime_ns // 1_000_000_000
    member.mtime = seconds if epoch is None else min(seconds, epoch)
    if member.isreg():
        member.size = found.st_size
    elif member.isdev():
        member.devmajor, member.devminor = os.major(found.st_rdev), os.minor(found.st_rdev)
    return member


def _marker(path: str) -> tarfile.TarInfo:
    """A whiteout: an empty file, always the same."""
    member = tarfile.TarInfo(path)
    member.mode = 0
    return member


def _overlay(target: int | str) -> dict[str, bytes]:
    """What overlayfs noted on a file, by the last part of the attribute's name."""
    follow = not isinstance(target, str)
    return {
        name.rpartition(".")[2]: os.getxattr(target, name, follow_symlinks=follow)
        for name in os.listxattr(target, follow_symlinks=follow)
        if name.startswith(_OVERLAY)
    }


def _changed(path: str) -> ImageError:
    return ImageError(f"{_shown(path)} changed while it was packed", "stop what writes to it")


def _shown(path: str) -> str:
    return shown(os.fsencode(path))

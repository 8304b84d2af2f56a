"""A layer becomes a directory (OCI image specification, layer.md): fast, and nothing in it can reach outside.

Every name is resolved by the kernel below the directory's descriptor, no link at its end is followed, and
what is there already is removed before a member takes its place.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runtime.image.attributes import attributes_of, opaque, set_attributes
from runtime.image.compression import LIMITS, Limits
from runtime.image.directories import Directories
from runtime.image.stream import LayerStream
from runtime.image.tar_header import Member, shown
from runtime.image.tar_reader import members
from runtime.teardown import remove_below
from tare.errors import ImageError

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ODD = re.compile(rb"(?:^|/)\.{0,2}(?:/|$)")
WHITEOUT = b".wh."
"""What the name of a file begins with that says that another is gone (layer.md, "Whiteouts")."""
_OPAQUE = b".wh..wh..opq"
_AUFS = b".wh..wh."
_READABLE = {b"0": 0o600, b"5": 0o700}
_TIMES = (1 << 62) * 1_000_000_000
_PATH_MAX = 4096
_CHECK_SPACE_AFTER = 64 << 20
_BROKEN = "the layer is broken or hostile, get the image from elsewhere"
_HINTS = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk",
    errno.EPERM: "run as root or in a user namespace",
    errno.EINVAL: "an id may lie outside the user namespace",
}


@dataclass(frozen=True)
class Unpacked:
    """What became of a layer.

    Args:
        diff_id: sha256 digest of the uncompressed archive.
        size: its bytes.
        entries: members.
        skipped: what this host or user could not make, as `device dev/null`.
    """

    diff_id: str
    size: int
    entries: int
    skipped: tuple[str, ...]


def unpack(
    file: BinaryIO,
    directory: Path,
    *,
    diff_id: str = "",
    lower: Sequence[Path] = (),
    user_namespace: bool = False,
    owners: bool = True,
    tell: Callable[[bytes, Member], object] | None = None,
    limits: Limits = LIMITS,
) -> Unpacked:
    """Unpack a layer into an empty directory, with overlay whiteouts; after an error remove the directory.

    Args:
        file: the layer, gzip, zstd, bzip2, xz or plain, read to its end.
        directory: where to.
        diff_id: the digest the uncompressed layer must have; "" when not known.
        lower: directories of the layers below, top first: where a layer leaves out a directory that its files
            are in, as builders may, that directory gets the owner and mode it has below.
        user_namespace: whether an overlay in a user namespace is to use it (`user.overlay.*`).
        owners: whether owners are set.
        tell: called with the path and header of each member where an ordinary user unpacks, to whom all files
            are given then: they can read each, and devices are empty files.
        limits: what it may grow to.

    Raises:
        ImageError: the layer is damaged, hostile or not `diff_id`, or the disk is full.
    """
    stream = LayerStream(file, limits)
    try:
        directories = Directories(directory)
        try:
            unpacker = _Unpacker(stream, directories, lower, user_namespace, owners and not tell, tell)
            entries = unpacker.run(limits.entries)
            found = stream.finish()
        finally:
            directories.close()
    except OSError as error:
        raise _failed(str(directory), error) from error
    finally:
        stream.close()
    if diff_id and found != diff_id:
        raise ImageError(f"a layer unpacks to {found} instead of {diff_id}", _BROKEN)
    return Unpacked(found, stream.size, entries, tuple(unpacker.skipped))


class _Unpacker:
    def __init__(
        self,
        stream: LayerStream,
        directories: Directories,
        lower: Sequence[Path],
        user_namespace: bool,
        owners: bool,
        tell: Callable[[bytes, Member], object] | None,
    ) -> None:
        self._stream = stream
        self._directories = directories
        self._lower = lower
        self._opaque = opaque(user_namespace)
        self._owners = owners
        self._tell = tell
        self._times: dict[bytes, int] = {}
        self._unchecked = 0
        self.skipped: list[str] = []
        self._makers: dict[bytes, Callable[[Member, bytes, int, bytes], None]] = {
            b"0": self._regular,
            b"1": self._hard_link,
            b"2": self._symbolic_link,
            b"3": self._device,
            b"4": self._device,
            b"5": self._directory,
            b"6": self._device,
        }

    def run(self, limit: int) -> int:
        self._inherit(self._directories.root, b"")
        entries = 0
        for member in members(self._stream):
            entries += 1
            if entries > limit:
                raise ImageError(f"a layer has more than {limit} entries", _BROKEN)
            try:
                self._unpack(member)
            except OSError as error:
                raise _failed(shown(member.name), error) from error
        for path, time in self._times.items():
            self._directories.trim()
            # A directory may have gone under another of its names.
            with suppress(FileNotFoundError, NotADirectoryError):
                os.utime(self._directories.open(path), ns=(time, time))
        return entries

    def _unpack(self, member: Member) -> None:
        path = relative(member.name)
        parent, _, name = path.rpartition(b"/")
        maker = self._makers.get(member.kind)
        if maker is None:
            raise ImageError(f"{shown(path)} in a layer is of an unknown kind {shown(member.kind)}", _BROKEN)
        if not path:
            self._root(member)
            return
        directory = self._directories.get(parent)
        if directory is None:
            self._directories.trim()
            directory = self._parent(parent)
        if name.startswith(WHITEOUT):
            self._stream.skip(member.size)
            self._whiteout(directory, name)
        else:
            try:
                maker(member, path, directory, name)
            except FileExistsError:
                self._replace(member, path, directory, name)
        if self._tell:
            self._tell(path, member)

    def _replace(self, member: Member, path: bytes, directory: int, name: bytes) -> None:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if member.kind == b"1" and self._is_target(member, found):
            return
        if stat.S_ISDIR(found.st_mode):
            self._forget(path)
            remove_below(directory, name)
        else:
            if stat.S_ISLNK(found.st_mode):
                self._directories.forget()
                directory = self._parent(path.rpartition(b"/")[0])
            os.unlink(name, dir_fd=directory)
        self._makers[member.kind](member, path, directory, name)
        if member.kind == b"5" and _is_whiteout(found):
            os.setxattr(self._directories.open(path), self._opaque, b"y")

    def _forget(self, path: bytes) -> None:
        """A directory goes."""
        self._directories.forget()
        inside = path + b"/"
        for gone in [other for other in self._times if other == path or other.startswith(inside)]:
            del self._times[gone]

    def _root(self, member: Member) -> None:
        if member.kind != b"5":
            raise ImageError("a layer has something else than a directory as its root", _BROKEN)
        self._finish(self._directories.root, member)
        self._times[b""] = _time(member)
        if self._tell:
            self._tell(b"", member)

    def _regular(self, member: Member, _: bytes, directory: int, name: bytes) -> None:
        file = os.open(name, _CREATE, 0o600, dir_fd=directory)
        try:
            if member.extents is None:
                self._write(file, member.size)
            else:
                for offset, size in member.extents:
                    os.lseek(file, offset, os.SEEK_SET)
                    self._write(file, size)
                os.ftruncate(file, member.real_size)
            self._finish(file, member)
            time = _time(member)
            os.utime(file, ns=(time, time))
        finally:
            os.close(file)

    def _directory(self, member: Member, path: bytes, directory: int, name: bytes) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=directory)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                raise
        self._finish(self._directories.open(path), member)
        self._times[path] = _time(member)

    def _symbolic_link(self, member: Member, _: bytes, directory: int, name: bytes) -> None:
        os.symlink(member.link, name, dir_fd=directory)
        self._finish_node(directory, name, member)

    def _hard_link(self, member: Member, _: bytes, directory: int, name: bytes) -> None:
        parent, _, target = relative(member.link).rpartition(b"/")
        try:
            source = self._directories.open(parent)
            os.link(target, name, src_dir_fd=source, dst_dir_fd=directory, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ImageError(
                f"{shown(member.name)} in a layer links to {shown(member.link)}, which the layer has not",
                _BROKEN,
            ) from error

    def _device(self, member: Member, path: bytes, directory: int, name: bytes) -> None:
        kind = {b"3": stat.S_IFCHR, b"4": stat.S_IFBLK, b"6": stat.S_IFIFO}[member.kind]
        try:
            os.mknod(name, kind | 0o600, member.device, dir_fd=directory)
        except PermissionError:
            if self._tell:
                os.close(os.open(name, _CREATE, 0o600, dir_fd=directory))
            else:
                self.skipped.append(f"device {os.fsdecode(path)}")
            return
        self._finish_node(directory, name, member)
        # The node was made just now, so there is no symbolic link to follow.
        os.chmod(name, member.mode, dir_fd=directory)

    def _is_target(self, member: Member, found: os.stat_result) -> bool:
        parent, _, target = relative(member.link).rpartition(b"/")
        source = self._directories.open(parent)
        return os.path.samestat(os.stat(target, dir_fd=source, follow_symlinks=False), found)

    def _write(self, file: int, size: int) -> None:
        write = os.write
        self._unchecked += size
        if self._unchecked > _CHECK_SPACE_AFTER:
            self._unchecked = 0
            _check_space(file, size)
        for piece in self._stream.pieces(size):
            written = write(file, piece)
            while written < len(piece):
                written += write(file, piece[written:])

    def _finish(self, file: int, member: Member) -> None:
        if self._owners:
            os.fchown(file, member.uid, member.gid)
        if member.attributes:
            self._note(member, set_attributes(file, member.attributes))
        os.fchmod(file, member.mode | (_READABLE[member.kind] if self._tell else 0))

    def _finish_node(self, directory: int, name: bytes, member: Member) -> None:
        if self._owners:
            os.chown(name, member.uid, member.gid, dir_fd=directory, follow_symlinks=False)
        if member.attributes:
            path = f"/proc/self/fd/{directory}/{os.fsdecode(name)}"
            self._note(member, set_attributes(path, member.attributes))
        time = _time(member)
        os.utime(name, ns=(time, time), dir_fd=directory, follow_symlinks=False)

    def _note(self, member: Member, refused: list[str]) -> None:
        self.skipped += (f"attribute {name} of {os.fsdecode(member.name)}" for name in refused)

    def _whiteout(self, directory: int, name: bytes) -> None:
        """Hide what lies below; what this layer itself has under the name stays (layer.md, "Whiteouts")."""
        if name == _OPAQUE:
            os.setxattr(directory, self._opaque, b"y")
            return
        if name.startswith(_AUFS):
            return
        hidden = name.removeprefix(WHITEOUT)
        if hidden in (b"", b".", b".."):
            raise ImageError(f"a layer has a whiteout {shown(name)} that names no file", _BROKEN)
        try:
            os.mknod(hidden, stat.S_IFCHR, os.makedev(0, 0), dir_fd=directory)
        except FileExistsError:
            if stat.S_ISDIR(os.stat(hidden, dir_fd=directory, follow_symlinks=False).st_mode):
                file = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
                try:
                    os.setxattr(file, self._opaque, b"y")
                finally:
                    os.close(file)

    def _parent(self, path: bytes) -> int:
        """The directory at `path`, made with those above it where the layer has left them out."""
        parts = path.split(b"/")
        if len(path) >= _PATH_MAX:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        directory = self._directories.root
        for depth in range(1, len(parts) + 1):
            inner = b"/".join(parts[:depth])
            try:
                opened = self._directories.open(inner)
            except (FileNotFoundError, NotADirectoryError):
                self._make_parent(directory, inner, parts[depth - 1])
                opened = self._directories.open(inner)
            directory = opened
            self._directories.trim(directory)
        return directory

    def _make_parent(self, directory: int, path: bytes, name: bytes) -> None:
        hidden = False
        try:
            os.mkdir(name, 0o755, dir_fd=directory)
        except FileExistsError as error:
            hidden = _is_whiteout(os.stat(name, dir_fd=directory, follow_symlinks=False))
            if not hidden:
                raise ImageError(
                    f"{shown(path)} in a layer is no directory and has files in it", _BROKEN
                ) from error
            os.unlink(name, dir_fd=directory)
            os.mkdir(name, 0o755, dir_fd=directory)
        made = self._directories.open(path)
        if hidden:
            os.setxattr(made, self._opaque, b"y")
        else:
            self._inherit(made, path)

    def _inherit(self, made: int, path: bytes) -> None:
        os.fchmod(made, 0o755)
        for layer in self._lower:
            below = Directories(layer)
            try:
                source = below.open(path)
                found = os.fstat(source)
                if self._owners:
                    os.fchown(made, found.st_uid, found.st_gid)
                set_attributes(made, attributes_of(source))
                os.fchmod(made, stat.S_IMODE(found.st_mode))
                self._times[path] = found.st_mtime_ns
            except FileNotFoundError:
                continue
            except NotADirectoryError:
                pass
            finally:
                below.close()
            return


def relative(name: bytes) -> bytes:
    """A name as a path below the root, as all tools take it: a slash in front or a dot between says nothing.

    Raises:
        ImageError: it leads upwards.
    """
    if name.startswith(b"./"):
        name = name[2:]
    name = name.rstrip(b"/")
    if not _ODD.search(name):
        return name
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise ImageError(f"a layer has a name that leads upwards: {shown(name)}", _BROKEN)
    return b"/".join(parts)


def _time(member: Member) -> int:
    return max(-_TIMES, min(member.mtime, _TIMES))


def _is_whiteout(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def _check_space(file: int, size: int) -> None:
    """Leave the hundredth part of a disk to others."""
    disk = os.fstatvfs(file)
    if disk.f_bavail * disk.f_frsize < size + disk.f_blocks * disk.f_frsize // 100:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _failed(what: str, error: OSError) -> ImageError:
    return ImageError(
        f"can't unpack {what} of a layer: {error.strerror}", _HINTS.get(error.errno or 0, _BROKEN)
    )

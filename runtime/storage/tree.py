"""Directory trees by descriptors, following no link: what a container wrote may bend any path."""

# ruff: noqa: PTH101 - descriptors, as in system calls

import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import IO

from runtime import syscalls, teardown
from runtime.storage import extents

_NO_LINKS = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_SYMLINKS
_FICLONE = 0x40049409
_PART = 1 << 30
# A fifo put in a file's place meanwhile must not hold us, nor a link lead us away.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_CLONED = (errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.EPERM)
_NO_ATTRIBUTE = (errno.ENODATA, errno.EOPNOTSUPP)


@contextmanager
def directory(root: int, path: str) -> Iterator[int]:
    """A readable descriptor of the directory at `path` below `root`.

    Raises:
        OSError: it is none, or a symbolic link is on the way (ELOOP).
    """
    descriptor = syscalls.openat2(root, path or ".", os.O_RDONLY | os.O_DIRECTORY, resolve=_NO_LINKS)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def walk(root: int) -> Iterator[tuple[str, int, list[tuple[str, os.stat_result]]]]:
    """Every directory below and with `root`: path, descriptor valid for this step, entries by name.

    Raises:
        OSError: something can't be read.
    """
    pending = [""]
    while pending:
        path = pending.pop()
        with directory(root, path) as descriptor:
            found = entries(descriptor)
            yield path, descriptor, found
        pending += [
            f"{path}/{name}" if path else name for name, status in found if stat.S_ISDIR(status.st_mode)
        ]


def entries(descriptor: int) -> list[tuple[str, os.stat_result]]:
    """The entries of an open directory, sorted by name."""
    return [(name, status(descriptor, name)) for name in sorted(os.listdir(descriptor))]


def status(descriptor: int, name: str) -> os.stat_result:
    """The status of an entry itself; see lstat(2)."""
    return os.stat(name, dir_fd=descriptor, follow_symlinks=False)


@contextmanager
def reading(parent: int, name: str) -> Iterator[IO[bytes]]:
    """A regular file, opened to read it.

    Raises:
        OSError: it can't be, or is a symbolic link (ELOOP).
    """
    with os.fdopen(os.open(name, _READ, dir_fd=parent), "rb") as file:
        yield file


def attribute(descriptor: int, name: str, key: str) -> bytes:
    """An extended attribute of an entry itself, empty when it has none."""
    try:
        return os.getxattr(f"/proc/self/fd/{descriptor}/{name}", key, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTE:
            return b""
        raise


def allocated(root: int, *, unshared: bool = False) -> int:
    """Bytes that a tree has on disk, files of several names counted once; see stat(2), st_blocks.

    Args:
        root: descriptor of the directory.
        unshared: whether to leave out blocks that files outside the tree, or in it, share.

    Raises:
        OSError: something can't be read.
    """
    total = 512 * os.fstat(root).st_blocks
    seen: set[tuple[int, int]] = set()
    for _, descriptor, found in walk(root):
        for name, entry in found:
            if entry.st_nlink > 1 and not stat.S_ISDIR(entry.st_mode):
                if (entry.st_dev, entry.st_ino) in seen:
                    continue
                seen.add((entry.st_dev, entry.st_ino))
            own = _unshared(descriptor, name) if unshared and _has_extents(entry) else None
            total += 512 * entry.st_blocks if own is None else own
    return total


def _has_extents(entry: os.stat_result) -> bool:
    return stat.S_ISREG(entry.st_mode) and entry.st_blocks > 0


def _unshared(parent: int, name: str) -> int | None:
    with reading(parent, name) as file:
        return extents.unshared(file.fileno())


def remove_attribute(descriptor: int, name: str, key: str) -> None:
    """Remove an extended attribute of an entry itself; a missing one is no fault."""
    try:
        os.removexattr(f"/proc/self/fd/{descriptor}/{name}", key, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_ATTRIBUTE:
            raise


def set_times(root: int, times: Iterable[tuple[str, os.stat_result]]) -> None:
    """Give directories, once they are filled, the times of others."""
    for path, entry in times:
        with directory(root, path) as descriptor:
            os.utime(descriptor, ns=(entry.st_atime_ns, entry.st_mtime_ns))


def copy(source: int, target: int, owner: tuple[int, int] | None = None) -> None:
    """Copy all below one directory into another, blocks shared where the filesystem can.

    Args:
        source: descriptor of the directory to read.
        target: descriptor of the directory to fill; files are replaced, directories merged.
        owner: who is to own the copies, None for the owners of the originals.

    Raises:
        OSError: something can't be read or written.
    """
    linked: dict[tuple[int, int], str] = {}
    times: list[tuple[str, os.stat_result]] = []
    for path, descriptor, found in walk(source):
        with directory(target, path) as into:
            for name, entry in found:
                place = f"{path}/{name}" if path else name
                if stat.S_ISDIR(entry.st_mode):
                    times.append((place, entry))
                elif first := linked.get((entry.st_dev, entry.st_ino)):
                    link(target, first, into, name)
                    continue
                elif entry.st_nlink > 1:
                    linked[entry.st_dev, entry.st_ino] = place
                copy_entry(descriptor, name, into, name, owner)
    set_times(target, times)


def copy_entry(
    source: int, name: str, target: int, new_name: str, owner: tuple[int, int] | None = None
) -> None:
    """Copy one entry with its attributes, of a directory only itself; a file in the way of one is replaced.

    With a new owner it loses what would lend that owner's power to others: set-id bits and capabilities.

    Raises:
        OSError: it can't be read or written, a directory and a file are in each other's way, or a device is
            to have a new owner.
    """
    entry = status(source, name)
    mode = entry.st_mode
    if owner and (stat.S_ISBLK(mode) or stat.S_ISCHR(mode)):
        raise PermissionError(errno.EPERM, "a device is only copied with its owner", name)
    if stat.S_ISDIR(mode):
        make_directory(target, new_name)
    else:
        replace(target, new_name)
    if stat.S_ISREG(mode):
        _copy_file(source, name, target, new_name)
    elif stat.S_ISLNK(mode):
        os.symlink(os.readlink(name, dir_fd=source), new_name, dir_fd=target)
    elif not stat.S_ISDIR(mode):
        os.mknod(new_name, mode, entry.st_rdev, dir_fd=target)
    _copy_status(f"/proc/self/fd/{source}/{name}", entry, target, new_name, owner)


def _copy_status(
    path: str, entry: os.stat_result, target: int, name: str, owner: tuple[int, int] | None
) -> None:
    mode = stat.S_IMODE(entry.st_mode)
    keys = attributes(path)
    if owner:
        mode &= ~(stat.S_ISUID | stat.S_ISGID) if not stat.S_ISDIR(entry.st_mode) else mode
        keys = [key for key in keys if key.startswith("user.")]
    with held(target, name) as copied:
        os.chown(copied, *(owner or (entry.st_uid, entry.st_gid)))
        if not stat.S_ISLNK(entry.st_mode):
            os.chmod(copied, mode)
        for key in keys:
            # Filesystems have lists of their own in `system.`, which need not fit another.
            with suppress(OSError) if key.startswith("system.") else nullcontext():
                os.setxattr(copied, key, os.getxattr(path, key, follow_symlinks=False))
        os.utime(copied, ns=(entry.st_atime_ns, entry.st_mtime_ns))


@contextmanager
def held(parent: int, name: str) -> Iterator[str]:
    """A path that stays with the entry itself, whatever a container puts in its place meanwhile.

    Raises:
        OSError: as open(2).
    """
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def replace(parent: int, name: str) -> None:
    """Remove an entry that is no directory; a missing one is no fault.

    Raises:
        OSError: it is a directory.
    """
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)


def remove(parent: int, name: str) -> None:
    """Remove an entry with all below it; a missing one is no fault.

    Raises:
        OSError: it can't be removed.
    """
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        teardown.remove_tree(f"/proc/self/fd/{parent}/{name}")


def make_directory(parent: int, name: str) -> None:
    """Make a directory unless it is there.

    Raises:
        OSError: something else is there.
    """
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        if not stat.S_ISDIR(status(parent, name).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name) from None


def link(root: int, first: str, into: int, name: str) -> None:
    """Give the file at the path `first` another name in a directory; a file in the way is replaced."""
    parent, _, base = first.rpartition("/")
    replace(into, name)
    with directory(root, parent) as descriptor:
        os.link(base, name, src_dir_fd=descriptor, dst_dir_fd=into, follow_symlinks=False)


def _copy_file(source: int, name: str, target: int, new_name: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with reading(source, name) as original:
        copied = os.open(new_name, flags, 0o600, dir_fd=target)
        try:
            _copy_content(original.fileno(), copied)
        finally:
            os.close(copied)


def _copy_content(source: int, target: int) -> None:
    try:
        fcntl.ioctl(target, _FICLONE, source)
        return
    except OSError as error:
        if error.errno not in _NOT_CLONED:
            raise
    size = os.fstat(source).st_size
    start = 0
    while start < size:
        try:
            start = os.lseek(source, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        end = os.lseek(source, start, os.SEEK_HOLE)
        os.lseek(target, start, os.SEEK_SET)
        os.lseek(source, start, os.SEEK_SET)
        start = _copy_data(source, target, start, end)
    os.ftruncate(target, size)


def _copy_data(source: int, target: int, start: int, end: int) -> int:
    while start < end:
        copied = os.sendfile(target, source, None, min(end - start, _PART))
        if not copied:
            break
        start += copied
    return end


def attributes(path: str) -> list[str]:
    """Names of the extended attributes of an entry itself."""
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return []
        raise

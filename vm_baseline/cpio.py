"""The "newc" cpio archive, the format of an initramfs.

Source: Documentation/driver-api/early-userspace/buffer-format.rst of the Linux kernel.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tare.owners import Owners

_MAGIC = b"070701"
_FIELDS = 13
_HEADER = len(_MAGIC) + 8 * _FIELDS
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """One member of an archive.

    Args:
        name: the path without a leading slash; bytes outside UTF-8 as surrogates (PEP 383).
        mode: type and permission bits as in stat(2).
        data: a file's bytes or a link's target; empty otherwise.
        device: major and minor number of a device node.
        nlink: number of names; of a file with several, the first one carries the data.
        inode: names with the same number are the same file.
    """

    name: str
    mode: int
    data: bytes = b""
    uid: int = 0
    gid: int = 0
    device: tuple[int, int] = (0, 0)
    nlink: int = 1
    inode: int = 0


def directory(name: str, mode: int = 0o755) -> Entry:
    """An entry for a directory."""
    return Entry(name, stat.S_IFDIR | mode, nlink=2)


def file(name: str, data: bytes, mode: int = 0o644) -> Entry:
    """An entry for a regular file."""
    return Entry(name, stat.S_IFREG | mode, data)


def symlink(name: str, target: str) -> Entry:
    """An entry for a symbolic link."""
    return Entry(name, stat.S_IFLNK | 0o777, os.fsencode(target))


def device(name: str, mode: int, major: int, minor: int) -> Entry:
    """An entry for a character device node."""
    return Entry(name, stat.S_IFCHR | mode, device=(major, minor))


def write(entries: Iterable[Entry], out: BinaryIO) -> None:
    """Write an archive, time stamps zero, so that equal entries give equal bytes.

    Raises:
        OverflowError: a file is 4 GiB or more, which the format can't hold.
    """
    for entry in entries:
        _write_one(entry, out)
    _write_one(Entry(_TRAILER, 0), out)


def read(data: bytes) -> Iterator[Entry]:
    """The entries of the first archive in the bytes.

    Raises:
        ValueError: the bytes are not such an archive.
    """
    position = 0
    while True:
        head = data[position : position + _HEADER]
        if len(head) < _HEADER or not head.startswith(_MAGIC):
            raise ValueError(f"no newc header at offset {position}")
        (inode, mode, uid, gid, nlink, _, size, _, _, major, minor, name_size, _) = (
            int(head[i : i + 8], 16) for i in range(len(_MAGIC), _HEADER, 8)
        )
        name_end = position + _HEADER + name_size
        name = os.fsdecode(data[position + _HEADER : name_end - 1])
        start = _aligned(name_end)
        if start + size > len(data):
            raise ValueError(f"the archive ends inside {name!r}")
        if name == _TRAILER:
            return
        yield Entry(name, mode, data[start : start + size], uid, gid, (major, minor), nlink, inode)
        position = _aligned(start + size)


def tree(root: Path) -> Iterator[Entry]:
    """Every file below a directory, in sorted order, as entries.

    Hard links are kept, and owners and modes, which are those of its image; see `tare.owners`.
    """
    owners = Owners.of(root)
    numbers: dict[tuple[int, int], int] = {}
    for path in walk(str(root)):
        found = os.lstat(path)
        name = os.path.relpath(path, root)
        about = owners.status(name, found)
        data, inode, nlink = b"", 0, found.st_nlink
        if stat.S_ISLNK(about.mode):
            data = os.fsencode(Path(path).readlink())
        elif stat.S_ISREG(about.mode):
            key = (found.st_dev, found.st_ino)
            if key not in numbers:
                data = Path(path).read_bytes()
            if nlink > 1:
                inode = numbers.setdefault(key, len(numbers) + 1)
        number = os.major(about.device), os.minor(about.device)
        yield Entry(name, about.mode, data, about.uid, about.gid, number, nlink, inode)


def walk(top: str) -> Iterator[str]:
    """Every path below a directory in sorted order, each directory before what is in it."""
    with os.scandir(top) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        yield entry.path
        if entry.is_dir(follow_symlinks=False):
            yield from walk(entry.path)


def _write_one(entry: Entry, out: BinaryIO) -> None:
    name = os.fsencode(entry.name) + b"\0"
    if len(entry.data) > 0xFFFFFFFF:
        raise OverflowError(f"{entry.name} is too large for an initramfs")
    fields = (entry.inode, entry.mode, entry.uid, entry.gid, entry.nlink, 0, len(entry.data), 0, 0,
              *entry.device, len(name), 0)  # fmt: skip
    out.write(_MAGIC + b"".join(b"%08X" % field for field in fields))
    out.write(_padded(_HEADER, name))
    out.write(_padded(0, entry.data))


def _padded(before: int, data: bytes) -> bytes:
    return data + b"\0" * (-(before + len(data)) % 4)


def _aligned(position: int) -> int:
    return (position + 3) & ~3

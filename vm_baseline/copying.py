"""Files into a guest and out of it, as a stream of entries; docs/vm-guest.md has their form.

Nothing that a guest sends is written outside of the directory it was asked for: every part of a path is
opened without following links.
"""

import contextlib
import os
import stat
import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

from tare.errors import ImageError
from vm_baseline.agent import Agent
from vm_baseline.command import Builtin
from vm_baseline.errors import HypervisorError

_HEAD = struct.Struct("<IIIIqQI")
_PIECE = 64 << 10
_LONGEST_PATH = 4096
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Kind(IntEnum):
    """What an entry is."""

    END = 0
    DIRECTORY = 1
    FILE = 2
    SYMBOLIC_LINK = 3
    HARD_LINK = 4


def copy_in(agent: Agent, source: str, target: str, *, archive: bool) -> None:
    """See `vm_baseline.inside.Inside.copy_in`."""
    origin = Path(source)
    if not os.path.lexists(origin):
        raise ImageError(f"there is no file {source}")
    name = "" if source.endswith("/.") else origin.absolute().name
    errors = bytearray()
    process = agent.start(Builtin("copy-in", (target.rstrip("/") or "/", name), has_input=True))
    status = process.communicate(_gathered(_entries(origin, archive=archive)), None, errors.extend)
    _judge(status, errors, f"can't copy {source} into the guest")


def copy_out(agent: Agent, source: str, target: str, *, archive: bool) -> None:
    """See `vm_baseline.inside.Inside.copy_out`."""
    is_content = source.endswith("/.")
    name = "" if is_content else Path(source).name or "root"
    goal = Path(target)
    place = goal / name if goal.is_dir() and name else goal
    if not place.parent.is_dir():
        raise ImageError(f"there is no directory {place.parent}")
    errors, unpacker = bytearray(), Unpacker(place, archive=archive)
    process = agent.start(Builtin("copy-out", (source.rstrip("/") or "/",)))
    try:
        status = process.communicate(None, unpacker.feed, errors.extend)
    except OSError as error:
        raise ImageError(f"can't copy {source} to {error.filename or place}: {error.strerror}") from error
    finally:
        unpacker.close()
    _judge(status, errors, f"can't copy {source} out of the guest")
    if not unpacker.complete:
        raise HypervisorError(f"{source} came out of the guest incomplete")


def _judge(status: int, errors: bytearray, what: str) -> None:
    if status:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise HypervisorError(f"{what}: {lines[-1] if lines else 'it was cut off'}")


def _entries(origin: Path, *, archive: bool) -> Iterator[bytes]:
    seen: dict[tuple[int, int], str] = {}

    def head(kind: Kind, about: os.stat_result, path: str, size: int) -> bytes:
        owner = (about.st_uid, about.st_gid) if archive else (0, 0)
        name = os.fsencode(path)
        mode = stat.S_IMODE(about.st_mode)
        return _HEAD.pack(kind, mode, *owner, about.st_mtime_ns, size, len(name)) + name

    def tree(source: Path, path: str) -> Iterator[bytes]:
        about = source.lstat()
        if stat.S_ISDIR(about.st_mode):
            yield head(Kind.DIRECTORY, about, path, 0)
            for below in sorted(source.iterdir()):
                yield from tree(below, f"{path}/{below.name}" if path else below.name)
            # Again, for what was made in it has changed its time.
            yield head(Kind.DIRECTORY, about, path, 0)
        elif stat.S_ISLNK(about.st_mode):
            link = os.fsencode(source.readlink())
            yield head(Kind.SYMBOLIC_LINK, about, path, len(link)) + link
        elif not stat.S_ISREG(about.st_mode):
            raise ImageError(f"{source} is no file, directory or link")
        elif about.st_nlink > 1 and (key := (about.st_dev, about.st_ino)) in seen:
            first = os.fsencode(seen[key])
            yield head(Kind.HARD_LINK, about, path, len(first)) + first
        else:
            seen[about.st_dev, about.st_ino] = path
            yield head(Kind.FILE, about, path, about.st_size)
            yield from _content(source, about.st_size)

    try:
        yield from tree(origin, "")
    except OSError as error:
        raise ImageError(f"can't read {error.filename}: {error.strerror}") from error
    yield _HEAD.pack(Kind.END, 0, 0, 0, 0, 0, 0)


def _content(source: Path, size: int) -> Iterator[bytes]:
    """Exactly as many bytes as were announced: a file may shrink or grow meanwhile."""
    with source.open("rb") as file:
        while size:
            piece = file.read(min(size, _PIECE)) or bytes(min(size, _PIECE))
            yield piece
            size -= len(piece)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that are worth a frame."""
    some = bytearray()
    for piece in pieces:
        some += piece
        if len(some) >= _PIECE:
            yield bytes(some)
            some.clear()
    yield bytes(some)


class Unpacker:
    """Writes the entries a guest sends.

    Args:
        place: where the copied file or directory goes.
        archive: whether the owners are kept.
    """

    def __init__(self, place: Path, *, archive: bool) -> None:
        self.complete = False
        self._place = place
        self._archive = archive
        self._rest = bytearray()
        self._file = -1
        self._left = 0
        self._about: tuple[int, int, int, int] = (0, 0, 0, 0)
        # The parent is the caller's own choice; what comes below it is the guest's.
        self._parent = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Close what is open."""
        for descriptor in (self._file, self._parent):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._parent = -1

    def feed(self, data: bytes) -> None:
        """Take more bytes.

        Raises:
            HypervisorError: they are no entries, or would be written elsewhere.
            OSError: something can't be written.
        """
        self._rest += data
        while not self.complete and self._step():
            pass

    def _step(self) -> bool:
        """Take one entry, or some of a file's data; False when more must come first."""
        if self._left:
            some = bytes(self._rest[: self._left])
            self._write(some)
            return bool(some)
        if len(self._rest) < _HEAD.size:
            return False
        kind, mode, uid, gid, when, size, length = _HEAD.unpack_from(self._rest)
        if length > _LONGEST_PATH or kind not in tuple(Kind):
            raise HypervisorError("the guest sends files in an unknown form")
        whole = _HEAD.size + length + (size if kind in (Kind.SYMBOLIC_LINK, Kind.HARD_LINK) else 0)
        if whole > _HEAD.size + 2 * _LONGEST_PATH:
            raise HypervisorError("the guest sends a link that is too long")
        if len(self._rest) < whole:
            return False
        path = os.fsdecode(bytes(self._rest[_HEAD.size : _HEAD.size + length]))
        link = os.fsdecode(bytes(self._rest[_HEAD.size + length : whole]))
        del self._rest[:whole]
        self._about = mode, uid, gid, when
        self._make(Kind(kind), path, link, size)
        return True

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            some = bytes(rest[:_PIECE])
            if some != bytes(len(some)):
                rest = rest[os.write(self._file, some) :]
            else:
                # Zeros become holes.
                os.lseek(self._file, len(some), os.SEEK_CUR)
                rest = rest[len(some) :]
        del self._rest[: len(data)]
        self._left -= len(data)
        if self._left == 0 and self._file >= 0:
            self._finish(self._file)

    def _make(self, kind: Kind, path: str, link: str, size: int) -> None:
        if kind is Kind.END:
            self.complete = True
            return
        directory, name = self._directory(path)
        try:
            if kind is not Kind.DIRECTORY:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=directory)
            if kind is Kind.DIRECTORY:
                self._make_directory(directory, name, path)
            elif kind is Kind.SYMBOLIC_LINK:
                os.symlink(link, name, dir_fd=directory)
            elif kind is Kind.HARD_LINK:
                origin, first = self._directory(link)
                try:
                    os.link(first, name, src_dir_fd=origin, dst_dir_fd=directory, follow_symlinks=False)
                finally:
                    os.close(origin)
            else:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                self._file = os.open(name, flags, 0o600, dir_fd=directory)
                os.ftruncate(self._file, size)
                self._left = size
                if not size:
                    self._finish(self._file)
        finally:
            os.close(directory)

    def _make_directory(self, directory: int, name: str, path: str) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=directory)
        # The target the caller named may be a link of theirs.
        flags = _DIRECTORY_FLAGS if path else _DIRECTORY_FLAGS & ~os.O_NOFOLLOW
        made = os.open(name, flags, dir_fd=directory)
        self._finish(made)

    def _finish(self, descriptor: int) -> None:
        """Set owner, mode and time, and close it."""
        mode, uid, gid, when = self._about
        try:
            if self._archive:
                os.fchown(descriptor, uid, gid)
            os.fchmod(descriptor, mode)
            os.utime(descriptor, ns=(when, when))
        finally:
            os.close(descriptor)
            self._file = -1

    def _directory(self, path: str) -> tuple[int, str]:
        """The directory an entry is in, opened, and its name there."""
        parts = [self._place.name, *path.split("/")] if path else [self._place.name]
        if any(part in ("", ".", "..") for part in parts) or "\0" in path:
            raise HypervisorError(f"the guest sends a file for {path!r}, outside of the copy")
        current = os.dup(self._parent)
        for depth, part in enumerate(parts[:-1]):
            flags = _DIRECTORY_FLAGS if depth else _DIRECTORY_FLAGS & ~os.O_NOFOLLOW
            try:
                following = os.open(part, flags, dir_fd=current)
            finally:
                os.close(current)
            current = following
        return current, parts[-1]

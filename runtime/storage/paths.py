"""A path inside a container, found without ever leaving it, whatever links the container made."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime import syscalls
from tare.errors import TareError

_IN_ROOT = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS
_MOST_LINKS = 40
_TRIES = 10_000


class CopyError(TareError):
    """Something can't be copied into or out of a container."""


@dataclass(frozen=True)
class Found:
    """An entry by its parent, or the place of one that isn't there.

    Args:
        parent: descriptor of the directory it is in, or of itself where `name` is `.`.
        name: its last name.
        status: None where there is none.
    """

    parent: int
    name: str
    status: os.stat_result | None

    @property
    def is_directory(self) -> bool:
        """Whether it is one."""
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @contextmanager
    def directory(self) -> Iterator[int]:
        """A readable descriptor of the directory it is."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.name, flags, dir_fd=self.parent)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextmanager
def running(pid: int) -> Iterator[int]:
    """A descriptor of the root of a process, with all that is mounted in its namespace.

    Raises:
        CopyError: it has ended.
    """
    try:
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        raise CopyError("the container has ended", "copy from its files instead") from None
    try:
        yield root
    finally:
        os.close(root)


@contextmanager
def host() -> Iterator[int]:
    """A descriptor of the host's own root."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield root
    finally:
        os.close(root)


def of_host(path: str | Path) -> str:
    """A path of the host as an absolute one, a slash or dot at its end kept, as they have meaning."""
    return os.path.join(Path.cwd(), path)  # noqa: PTH118 - pathlib drops the slash


def open_below(root: int, path: str, flags: int) -> int:
    """Open a path as if `root` were /, again where a rename came in between; see openat2(2).

    Raises:
        OSError: as openat2(2).
    """
    for _ in range(_TRIES):
        try:
            return syscalls.openat2(root, path or ".", flags, resolve=_IN_ROOT)
        except BlockingIOError:
            continue
    raise OSError(errno.EAGAIN, "it is renamed all the time", path)


@contextmanager
def found(root: int, path: str, *, follow: bool) -> Iterator[Found]:
    """The entry at a path as if `root` were /.

    Args:
        root: descriptor of the root.
        path: with a slash or dot at its end it is a directory.
        follow: whether to go on where the entry itself is a symbolic link.

    Raises:
        OSError: the directory it would be in is missing, or is none.
    """
    for _ in range(_MOST_LINKS):
        before, _, name = path.rstrip("/").rpartition("/")
        if path.endswith("/") or name in ("", ".", ".."):
            descriptor = _directory_or_place(root, path)
            if descriptor is not None:
                try:
                    yield Found(descriptor, ".", os.fstat(descriptor))
                finally:
                    os.close(descriptor)
                return
        parent = open_below(root, before or "/", os.O_PATH | os.O_DIRECTORY)
        try:
            status = _status(parent, name)
            if not follow or status is None or not stat.S_ISLNK(status.st_mode):
                yield Found(parent, name, status)
                return
            target = os.readlink(name, dir_fd=parent)
        finally:
            os.close(parent)
        path = target if target.startswith("/") else f"{before}/{target}"
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _directory_or_place(root: int, path: str) -> int | None:
    """The directory at a path that says it is one, or None where it isn't there and could be made."""
    try:
        return open_below(root, path, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        if path.rstrip("/").rpartition("/")[2] in ("", ".", ".."):
            raise
        return None


def _status(parent: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None

"""Where running machines keep their files, under paths short enough for Unix sockets.

Each directory there is locked by the process that made it for as long as that lives (flock(2)): one without
a lock is what a dead process left behind.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tare.errors import TareError
from tare.state import PREFIX, State

_LONGEST = 44
"""A socket's path has at most 107 bytes (unix(7)), of which libvirt's part below this takes up to 63."""

URI_NOTE = "uri"
"""In a machine's directory: the libvirt that runs it, where that isn't ours."""
_held: dict[Path, int] = {}


def domain_prefix(state: State) -> str:
    """What the name of every domain of this state starts with."""
    return f"{PREFIX}-{state.tag}-"


def run_directory(state: State) -> Path:
    """The state's run directory, by a short link in the temporary directory where its own path is too long.

    Raises:
        TareError: somebody else's file has the link's name.
    """
    target = state.directory(volatile=True)
    if len(os.fsencode(target)) <= _LONGEST:
        return target
    link = link_path(state)
    try:
        link.symlink_to(target)
    except FileExistsError:
        about = link.lstat()
        if about.st_uid != os.geteuid() or not link.is_symlink() or link.readlink() != target:
            raise TareError(f"{link} is in the way", "remove it or choose another TAREBENCH_ROOT") from None
    return link


def link_path(state: State) -> Path:
    """The short link's path, whether there is one or not."""
    return Path(tempfile.gettempdir()) / f"{PREFIX}-{state.tag}"


def open_to_daemon(state: State, files: Iterable[Path]) -> None:
    """Let the QEMU user of a libvirt daemon read files below the state, and write those of instances."""
    run, data = state.run.resolve(), state.data.resolve()
    for path in [file.resolve() for file in files]:
        for root, mode in ((run, 0o666), (data, 0o444)):
            if path.is_relative_to(root):
                path.chmod(path.stat().st_mode | mode)
                for parent in [parent for parent in path.parents if parent.is_relative_to(root)]:
                    parent.chmod(parent.stat().st_mode | 0o111)


def new_directory(state: State, kind: str, name: str | None = None) -> Path:
    """A new directory `<run>/<kind>/<name>`, ours until `remove_directory` or our end.

    Args:
        state: below whose run directory it is.
        kind: of what it holds.
        name: of it; four hex digits that nobody has if not given.

    Raises:
        FileExistsError: another has the name given.
    """
    parent = run_directory(state) / kind
    parent.mkdir(exist_ok=True, mode=0o700)
    with _locked(parent, fcntl.LOCK_SH):
        while True:
            path = parent / (name or secrets.token_hex(2))
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                if name is not None:
                    raise
                continue
            _take(path)
            return path


def remove_directory(path: Path) -> None:
    """Delete a directory that `new_directory` made; may be called twice."""
    shutil.rmtree(path, ignore_errors=True)
    if path in _held:
        os.close(_held.pop(path))


def take_abandoned(state: State, kind: str) -> list[Path]:
    """The directories of that kind whose processes are dead; they are ours from now on."""
    parent = run_directory(state) / kind
    if not parent.is_dir():
        return []
    # Whoever has made one but not locked it yet is waited for.
    with _locked(parent, fcntl.LOCK_EX):
        return [path for path in sorted(parent.iterdir()) if _take(path)]


def is_held(path: Path) -> bool:
    """Whether the process that made the directory lives, and has not removed it."""
    try:
        with _locked(path, fcntl.LOCK_SH | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False


def _take(path: Path) -> bool:
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held[path] = descriptor
    return True


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

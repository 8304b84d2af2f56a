"""Where instances keep their files: those of any size on the disk of the state's data, sockets below its run
directory, which may be memory and whose paths are short enough for them.

Each place is locked by the process that made it for as long as that lives (flock(2)): one without a lock is
what a dead process left behind. Only who has the lock removes it.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tare.errors import TareError
from tare.state import PREFIX, State

_LONGEST = 44
"""A socket's path has at most 107 bytes (unix(7)), of which libvirt's part below this takes up to 63."""

URI_NOTE = "uri"
"""Among a machine's files: the libvirt that runs it, where that isn't ours."""
_held: dict[Path, int] = {}


@dataclass(frozen=True)
class Place:
    """The two directories of one instance, of the same name.

    Args:
        data: for files of any size; the one that is locked, made first and removed last.
        run: for sockets; lost with a reboot.
    """

    data: Path
    run: Path

    @property
    def name(self) -> str:
        """The instance's."""
        return self.data.name

    @property
    def is_held(self) -> bool:
        """Whether a process that lives has it, and has not removed it."""
        try:
            with _alone(self.data.parent), _locked(self.data, fcntl.LOCK_SH | fcntl.LOCK_NB):
                return False
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False

    def take(self) -> bool:
        """Make it ours if it is there and no process that lives has it; whether that was so."""
        try:
            with _alone(self.data.parent):
                return self._lock()
        except FileNotFoundError:
            return False

    def leave(self) -> None:
        """Let others take it."""
        if (descriptor := _held.pop(self.data, None)) is not None:
            os.close(descriptor)

    def remove(self) -> None:
        """Delete it with all that is in it, if it is ours; may be called twice."""
        if (descriptor := _held.pop(self.data, None)) is not None:
            shutil.rmtree(self.run, ignore_errors=True)
            shutil.rmtree(self.data, ignore_errors=True)
            os.close(descriptor)

    def _lock(self) -> bool:
        descriptor = _open(self.data)
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            # Who had it may have removed it since it was opened.
            if not os.path.samestat(os.fstat(descriptor), self.data.lstat()):
                return False
            undo.pop_all()
        _held[self.data] = descriptor
        return True


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


def data_directory(state: State) -> Path:
    """Below which instances have their files; another run directory's may be beside them in the same data."""
    return state.data / "instances" / state.tag


def open_to_daemon(state: State, files: Iterable[Path]) -> None:
    """Let the QEMU user of a libvirt daemon read files below the state, and write those of instances."""
    own, run, data = (path.resolve() for path in (data_directory(state), state.run, state.data))
    for path in [file.resolve() for file in files]:
        for root, mode in ((own, 0o666), (run, 0o666), (data, 0o444)):
            if path.is_relative_to(root):
                path.chmod(path.stat().st_mode | mode)
                for parent in [parent for parent in path.parents if parent.is_relative_to(root)]:
                    parent.chmod(parent.stat().st_mode | 0o111)


def place_named(state: State, kind: str, name: str) -> Place:
    """The place of that name, whether there is one or not."""
    return Place(data_directory(state) / kind / name, run_directory(state) / kind / name)


def places(state: State, kind: str) -> list[Place]:
    """Those that there are, by their names."""
    parent = data_directory(state) / kind
    names = sorted(path.name for path in parent.iterdir()) if parent.is_dir() else []
    return [place_named(state, kind, name) for name in names]


def new_place(state: State, kind: str, name: str | None = None) -> Place:
    """A new place, ours until its `remove` or our end.

    Args:
        state: below whose directories it is.
        kind: of what it holds.
        name: of it; four hex digits that nobody has if not given.

    Raises:
        FileExistsError: another has the name given.
    """
    parent = data_directory(state) / kind
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Nobody looks at it before it is locked.
    with _alone(parent):
        while True:
            place = place_named(state, kind, name or secrets.token_hex(2))
            try:
                place.data.mkdir(mode=0o700)
                if place._lock():
                    break
            except FileExistsError:
                if name is not None:
                    raise
    try:
        shutil.rmtree(place.run, ignore_errors=True)  # of one whose data somebody has deleted
        place.run.mkdir(parents=True, mode=0o700)
    except BaseException:
        place.remove()
        raise
    return place


def take_abandoned(state: State, kind: str) -> list[Place]:
    """The places of that kind whose processes are dead; they are ours from now on."""
    return [place for place in places(state, kind) if place.take()]


def _alone(parent: Path) -> "contextlib.AbstractContextManager[None]":
    """No other process makes, takes or looks at a place below it meanwhile."""
    return _locked(parent, fcntl.LOCK_EX)


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

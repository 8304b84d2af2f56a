"""What a program of others is given to keep its things in, so that all of it can be found and removed."""

import fcntl
import os
import shutil
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from bench import cpuset
from bench.command import run
from bench.pinning import subjects_cpus
from bench.subject import SubjectError
from tare.state import State

_CGROUPS = Path("/sys/fs/cgroup")
_DIRECTORY = "peers"
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_GRACE = 3.0
"""Seconds a manager has to tidy up; what it leaves is removed anyway."""
_END_TIMEOUT = 10.0
_held: dict[Path, int] = {}
"""Descriptors that lock the directories of the peers that this process has."""


@dataclass(frozen=True)
class Peer:
    """A program's directories, and the name of the control group that its containers' groups are below.

    As a context, the directories are there within it without what a dead process left, and nothing is there
    after it. Where subjects have CPUs of their own, what is in the group keeps to them.

    Raises:
        SubjectError: another process has it, which would lose it.
    """

    state: State
    name: str

    @property
    def data(self) -> Path:
        """For what may get large."""
        return self.state.data / _DIRECTORY / self.name

    @property
    def run(self) -> Path:
        """For sockets and the like; short, as the name of a socket is at most 108 bytes (unix(7))."""
        return self.state.run / _DIRECTORY / self.name

    @property
    def cgroup(self) -> str:
        """Relative to each hierarchy's root."""
        return f"tarebench-{self.state.tag}-{self.name}"

    def __enter__(self) -> Self:
        if self.run in _held:
            return self
        self._take()
        if self.data.exists() or any(self.run.iterdir()):
            self.clear()
            self._take()
        self.state.directory(_DIRECTORY, self.name)
        if cpus := subjects_cpus():
            cpuset.restrict(self.cgroup, cpus)
        return self

    def _take(self) -> None:
        """Lock the directory for as long as this process lives (flock(2)), having made it."""
        descriptor = os.open(self.state.directory(_DIRECTORY, self.name, volatile=True), _OPEN)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise SubjectError(
                f"another process measures {self.name} in this state",
                "wait for it, or choose another TAREBENCH_ROOT",
            ) from None
        _held[self.run] = descriptor

    @property
    def is_anothers(self) -> bool:
        """Whether another process that lives has it."""
        if self.run in _held or not self.run.exists():
            return False
        descriptor = os.open(self.run, _OPEN)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> list[str]:
        """End and remove what is there: processes, mounts, control groups and files; a line for each."""
        ended = [f"process {process.pid} of {self.name}" for process in self._end()]
        for mount in _mounts((self.data, self.run)):
            run(("umount", "--lazy", str(mount)), self.name, check=False)
        groups = [f"cgroup {group}" for group in self._groups() if _remove(group)]
        if cpuset.release():
            groups.append("control group controller cpuset")
        directories = [path for path in (self.data, self.run) if path.exists()]
        for path in directories:
            shutil.rmtree(path, ignore_errors=True)
        if self.run in _held:
            os.close(_held.pop(self.run))
        return [*ended, *groups, *(f"directory {path}" for path in directories)]

    def _end(self) -> list[psutil.Process]:
        """What is in the control groups first, as managers end by themselves then."""
        members = self._members()
        _signal(members, signal.SIGKILL)
        managers = [each for each in _naming((str(self.data), str(self.run))) if each not in members]
        _signal(managers, signal.SIGTERM)
        _, stubborn = psutil.wait_procs(managers, timeout=_GRACE)
        stubborn += self._members()
        _signal(stubborn, signal.SIGKILL)
        psutil.wait_procs([*members, *stubborn], timeout=_END_TIMEOUT)
        return [*members, *managers]

    def _groups(self) -> Iterator[Path]:
        yield from (path for path in (_CGROUPS / self.cgroup,) if path.exists())
        yield from _CGROUPS.glob(f"*/{self.cgroup}")

    def _members(self) -> list[psutil.Process]:
        found: set[psutil.Process] = set()
        for group in self._groups():
            for listing in group.rglob("cgroup.procs"):
                with suppress(OSError, psutil.NoSuchProcess):
                    found.update(psutil.Process(int(pid)) for pid in listing.read_text().split())
        return list(found)


def peers(state: State) -> list[Peer]:
    """Those of which something is there that no living process has."""
    prefix = Peer(state, "").cgroup
    names = {path.name for base in (state.data, state.run) for path in base.glob(f"{_DIRECTORY}/*")}
    for path in (*_CGROUPS.glob(f"*/{prefix}*"), *_CGROUPS.glob(f"{prefix}*")):
        names.add(path.name.removeprefix(prefix))
    found = [Peer(state, name) for name in sorted(names)]
    return [peer for peer in found if not peer.is_anothers]


def _naming(paths: tuple[str, ...]) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            argv = process.cmdline()
            if process.pid != os.getpid() and any(path in word for word in argv for path in paths):
                yield process


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _mounts(places: Iterable[Path]) -> list[Path]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    targets = (Path(line.split()[4]) for line in reversed(lines))
    return [target for target in targets if any(target.is_relative_to(place) for place in places)]


def _remove(group: Path) -> bool:
    for directory in (*sorted(group.rglob("*/"), reverse=True), group):
        with suppress(OSError):
            directory.rmdir()
    return not group.exists()

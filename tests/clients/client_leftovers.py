"""Where a client keeps its things, and what its containers left on the host."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_CGROUPS = Path("/sys/fs/cgroup")
_PATIENCE = 10.0
# Podman keeps one control group for all its monitors.
_SHARED_CGROUPS = ("conmon",)


@dataclass(frozen=True)
class Place:
    """Where a client keeps what it makes.

    Args:
        directory: holds all its files.
        states: where the runtime keeps the state of this client's containers.
        cgroup: name of the control group below which its containers are.
        daemons: processes that may name the directory.
    """

    directory: Path
    states: Path
    cgroup: str
    daemons: list[psutil.Process] = field(default_factory=list)

    def leftovers(self) -> list[str]:
        """Processes, mounts, control groups and states, once a client's helpers have ended."""
        _, alive = psutil.wait_procs(self._processes(), timeout=_PATIENCE)
        return [
            *(f"process {process.pid}: {process.name()}" for process in alive),
            *(f"mount {path}" for path in self._mounts() if self._is_container_mount(path)),
            *(f"cgroup {path}" for path in self._cgroups() if path.name not in _SHARED_CGROUPS),
            *(f"state {path}" for path in self._states()),
        ]

    def clean(self) -> None:
        """Take away the control group, and the storage that daemons leave mounted where mounts are shared."""
        for mount in reversed(self._mounts()):
            subprocess.run(("umount", "--lazy", str(mount)), check=True)
        for path in (*self._cgroups(), *self._parents()):
            with suppress(FileNotFoundError):
                path.rmdir()
        shutil.rmtree(self.directory)

    def _processes(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter()
            if process not in self.daemons and any(str(self.directory) in word for word in _argv(process))
        ]

    def _mounts(self) -> list[Path]:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        targets = (Path(line.split()[4]) for line in lines)
        return [target for target in targets if target.is_relative_to(self.directory)]

    def _is_container_mount(self, target: Path) -> bool:
        """Storage is mounted near the top; Docker keeps a handle of the host's network once it was used."""
        return len(target.relative_to(self.directory).parts) > 2 and target.name != "default"

    def _states(self) -> list[Path]:
        """All below a root of our own but its cache; in one shared with others, those of bundles of ours."""
        if self.states.is_relative_to(self.directory):
            return [path for path in self.states.rglob("*") if not path.is_dir() and not _is_cache(path)]
        return [path for path in self.states.rglob("state.json") if str(self.directory) in _text(path)]

    def _cgroups(self) -> list[Path]:
        return [path for parent in self._parents() for path in parent.glob("*/")]

    def _parents(self) -> list[Path]:
        return [
            path for path in (*_CGROUPS.glob(f"*/{self.cgroup}"), _CGROUPS / self.cgroup) if path.exists()
        ]


@contextmanager
def place(name: str, states: str) -> Iterator[Place]:
    """A client's place, which mapped users can reach; found clean and removed afterwards.

    Args:
        name: the client's.
        states: where the runtime keeps its state, relative to the place or absolute.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"tare-{name}-"))
    directory.chmod(0o711)
    there = Place(directory, directory / states, directory.name)
    try:
        yield there
        there.daemons.clear()
        assert there.leftovers() == []
    finally:
        there.clean()


def _is_cache(path: Path) -> bool:
    return path.parent.name == ".cache"


def _argv(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""

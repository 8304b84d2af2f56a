"""Limits by control groups that we make, for those who can't ask for them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.peer import Peer
from bench.subject import RunSpec
from runtime import Limits
from runtime.cgroups.detect import driver

_PROCESSES = 512
_SYSTEMD = Path("/sys/fs/cgroup/systemd")
_JOIN = 'while [ "$1" != -- ]; do echo 0 >"$1"; shift; done; shift; exec "$@"'


@dataclass(frozen=True)
class Confinement:
    """A control group: a directory in each hierarchy, and the files by which a process joins."""

    paths: Sequence[str]
    join: Sequence[str]

    @property
    def joining(self) -> tuple[str, ...]:
        """What a command begins with that is to run in it."""
        return ("sh", "-ec", _JOIN, "sh", *self.join, "--")

    def remove(self) -> None:
        """Remove it and what is below; what is in use is left to the end of its peer."""
        for path in map(Path, self.paths):
            for directory in (*sorted(path.rglob("*/"), reverse=True), path):
                with suppress(OSError):
                    directory.rmdir()


class Confined:
    """Control groups below a peer's.

    Args:
        peer: whose.

    Raises:
        CgroupError: this host's can't be written.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._driver = driver(peer.cgroup)
        self._driver.prepare()

    def group(self, name: str, spec: RunSpec) -> Confinement:
        """Make a group with the limits. Raises: CgroupError."""
        made = self._driver.create(name, Limits(spec.memory, float(spec.cpus), _PROCESSES))
        if self._driver.unified or not _SYSTEMD.is_dir():
            return Confinement(made.paths, made.join)
        # A service manager's own hierarchy beside the controllers, in which some make groups too.
        named = _SYSTEMD / self._peer.cgroup / name
        named.mkdir(parents=True)
        return Confinement((*made.paths, str(named)), (*made.join, str(named / "tasks")))

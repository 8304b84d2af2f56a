# ruff: noqa: PTH110, PTH112 - plain strings and descriptors, as in system calls
"""The control groups of one OCI container: made, limited, watched, frozen, killed and removed.

OCI runtime specification, config-linux, "Control groups". A version 1 container is in a group of every
hierarchy mounted, as runc does it, and where a version 2 tree is mounted beside them in one of that too.
"""

from __future__ import annotations

import os

from runtime.cgroups import files
from runtime.cgroups.hierarchy import shown
from runtime.errors import CgroupError
from runtime.light import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from runtime.cgroups.hierarchy import Shown
    from runtime.cgroups.oom import OomWatch

# What only some commands need is imported where they do, as each module costs a start its time.
_DELEGATED = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")
_KILL_ROUNDS = 100


class Manager:
    """The groups of one container, from `for_container` or `load`.

    Attributes:
        version: 1 or 2, or 0 where this user may make no groups and the container has none.
        paths: directories by controller, such as `cpu` and `name=systemd`; the key of version 2 is "", alone
            or, on a hybrid host, beside the others.
        join: version 1 files a thread writes 0 to, so as to move itself in.
        unified: version 2 directory to be born in (CLONE_INTO_CGROUP), or an empty string.
    """

    __slots__ = ("_made", "_tops", "join", "paths", "unified", "version")

    def __init__(
        self,
        version: int,
        paths: dict[str, str],
        *,
        made: Iterable[str],
        tops: Mapping[str, str] | None = None,
    ) -> None:
        self.version = version
        self.paths = paths
        self.unified = paths.get("", "")
        self.join = tuple(f"{path}/tasks" for path in self._directories() if path != self.unified)
        self._made = list(made)
        self._tops = tops or {}

    def create(self, resources: Mapping[str, Any]) -> None:
        """Make the groups and set the limits; nothing is left when this fails.

        Args:
            resources: the `linux.resources` object, may be empty.

        Raises:
            CgroupError: no write access though something is to be limited; the group has processes or is
                frozen; the host lacks a controller; the kernel refuses a value.
        """
        from runtime.cgroups import creation

        try:
            self._made = []
            for path in creation.make(self.paths, self._tops):
                self._made.append(path)
            creation.limit(self.paths, resources)
            creation.limit_devices(self.paths, resources)
        except BaseException:
            self.remove()
            raise

    def update(self, resources: Mapping[str, Any]) -> None:
        """Change limits; devices stay as they are, as with runc.

        Raises:
            CgroupError: as `create`.
        """
        from runtime.cgroups import creation

        creation.limit(self.paths, resources)

    def processes(self) -> list[int]:
        """Ids of all processes in the groups and below that this process can see; none when they're gone."""
        found: set[int] = set()
        for path in files.below(self._tracking()):
            found.update(map(int, files.read_if_there(f"{path}/cgroup.procs").split()))
        return sorted(found - {0})

    def unified_of(self, pid: int) -> str:
        """The version 2 directory of a process of the container, which may have moved below the first one.

        One that joins it is born there when the first one, with groups below, takes no processes (EBUSY).
        """
        for line in files.read_if_there(f"/proc/{pid}/cgroup").splitlines():
            path = line.removeprefix("0::")
            group = path
            while line != path and group:
                if self.unified.endswith(group):
                    return self.unified + path.removeprefix(group)
                group = group.rpartition("/")[0]
        return self.unified

    def freeze(self) -> None:
        """Freeze all processes and wait until they are.

        Raises:
            CgroupError: there is no freezer, or a process doesn't freeze.
        """
        from runtime.cgroups import freezer

        freezer.freeze(self.paths)

    def thaw(self) -> None:
        """Let all processes continue.

        Raises:
            CgroupError: there is no freezer.
        """
        from runtime.cgroups import freezer

        freezer.thaw(self.paths)

    def is_frozen(self) -> bool:
        """Whether the container is frozen or about to be."""
        from runtime.cgroups import freezer

        return freezer.is_frozen(self.paths)

    def stats(self) -> dict[str, Any]:
        """What the container uses: the `data` object of `runc events --stats`.

        Raises:
            CgroupError: there are no groups.
        """
        if not os.path.isdir(self._tracking()):
            raise _unavailable()
        if self.version == 1:
            from runtime.cgroups import stats_v1

            return stats_v1.read(self.paths)
        from runtime.cgroups import stats_v2

        return stats_v2.read(self.unified)

    def watch_oom(self) -> OomWatch:
        """Watch for the OOM killer.

        Raises:
            CgroupError: there is no memory controller, or no group.
        """
        from runtime.cgroups.oom import OomWatch

        return OomWatch(self.paths)

    def kill(self) -> None:
        """Kill all processes, also frozen ones; doesn't wait for their end.

        Raises:
            CgroupError: there are no groups, or processes are born faster than killed.
        """
        if not self.paths:
            raise _unavailable()
        if self.unified and os.access(f"{self.unified}/cgroup.kill", os.W_OK):
            try:
                files.write(f"{self.unified}/cgroup.kill", "1")
            except CgroupError:
                # systemd removes one of its own as soon as it is empty.
                if os.path.exists(self.unified):
                    raise
        else:
            self._kill_each()
        if self.version == 1 and self.is_frozen():
            self.thaw()

    def occupied(self) -> None:
        """The container's first process is in its groups, which matters where systemd made them."""

    def remove(self) -> None:
        """Remove the groups that were made for this container, and parents of ours that are empty then.

        Without `create` or `load` before, as after the death of the one that made them, these are all.

        Raises:
            CgroupError: a group still has processes.
        """
        from runtime.cgroups import tree

        if self.unified in self._made and not files.await_event(self.unified, "populated", 0):
            raise CgroupError(f"control group {self.unified} still has processes", "kill them first")
        for path in self._made:
            tree.remove(path)
        self._made = []

    def delegate(self, uid: int) -> None:
        """Give the version 2 group to a user, so that the container may make groups below; else nothing.

        Raises:
            CgroupError: the kernel refuses.
        """
        if self.version != 2:
            return
        names = files.read_if_there("/sys/kernel/cgroup/delegate").split() or _DELEGATED
        try:
            for path in (self.unified, *(f"{self.unified}/{name}" for name in names)):
                if os.path.exists(path):
                    os.chown(path, uid, -1)
        except OSError as error:
            raise files.refused(f"give {self.unified} to user {uid}", error) from error

    @property
    def shown(self) -> Shown:
        """What the container sees of them; see runtime.cgroups.hierarchy.shown."""
        return shown(self.paths)

    def saved(self) -> dict[str, Any]:
        """What `load` needs, as JSON has it."""
        return {"version": self.version, "paths": self.paths, "made": self._made}

    def _directories(self) -> list[str]:
        return list(dict.fromkeys(self.paths.values()))

    def _tracking(self) -> str:
        """The directory that tells of the container's processes."""
        for controller in ("", "freezer", "pids"):
            if controller in self.paths:
                return self.paths[controller]
        return next(iter(self.paths.values()), "")

    def _kill_each(self) -> None:
        """Kill those there are, until none are left."""
        import select

        can_freeze = "freezer" in self.paths or bool(self.unified)
        for _ in range(_KILL_ROUNDS):
            if not self.processes():
                return
            if can_freeze:
                self.freeze()
            try:
                killed = [_killed(pid) for pid in self.processes()]
            finally:
                if can_freeze:
                    self.thaw()
            descriptors = [descriptor for descriptor in killed if descriptor >= 0]
            try:
                for descriptor in descriptors:
                    poll = select.poll()
                    poll.register(descriptor, select.POLLIN)
                    poll.poll(files.EVENT_TIMEOUT * 1000)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
        raise CgroupError("the container's processes can't be killed", "try again")


def for_container(path: str, name: str, *, systemd: bool = False) -> Manager:
    """The groups of a container that is to be, on whatever hierarchies this host has and this user may use.

    Args:
        path: `linux.cgroupsPath`; a relative one is below a parent of ours.
        name: the container's id, which names its group when the path is empty.
        systemd: whether systemd makes the group; the path is `slice:prefix:name` then.

    Raises:
        CgroupError: the path has no meaning.
    """
    if systemd:
        from runtime.cgroups import scope

        return scope.for_container(path, name)
    from runtime.cgroups import creation

    version, paths, tops = creation.places(path, name)
    return Manager(version, paths, made=dict.fromkeys(paths.values()), tops=tops)


def load(saved: Mapping[str, Any]) -> Manager:
    """The groups of a container that is, from what `Manager.saved` returned."""
    if "scope" in saved:
        from runtime.cgroups import scope

        return scope.load(saved)
    return Manager(saved["version"], saved["paths"], made=saved["made"])


def _unavailable() -> CgroupError:
    from runtime.cgroups import none

    return none.unavailable()


def _killed(pid: int) -> int:
    """A pidfd of a process that was sent SIGKILL, -1 if it is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return -1
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, ProcessLookupError):
            return -1
        raise files.refused(f"kill process {pid}", error) from error
    return descriptor

# ruff: noqa: PTH112 - plain strings and descriptors, as in system calls
"""Version 2 of control groups, one unified hierarchy; see the kernel's admin-guide/cgroup-v2."""

import os
from contextlib import suppress

from runtime import teardown
from runtime.cgroups import device_program, files
from runtime.cgroups.protocol import CONTROLLERS, PERIOD, Hierarchy
from runtime.errors import CgroupError
from runtime.spec import Limits


class GroupV2:
    """One container's group."""

    def __init__(self, path: str) -> None:
        self.paths: tuple[str, ...] = (path,)
        self.join: tuple[str, ...] = ()
        self.unified = path

    def memory_bytes(self) -> int:
        """Bytes charged now, page cache included."""
        return int(files.read(f"{self.unified}/memory.current"))

    def cpu_seconds(self) -> float:
        """Processor time used so far, in seconds."""
        return files.keyed(f"{self.unified}/cpu.stat")["usage_usec"] / 1e6

    def oom_kills(self) -> int:
        """How many processes the memory limit killed."""
        return files.keyed(f"{self.unified}/memory.events")["oom_kill"]

    def processes(self) -> list[int]:
        """Process ids as this process sees them."""
        return [int(pid) for pid in files.read(f"{self.unified}/cgroup.procs").split()]


class DriverV2:
    """Makes groups `/<parent>/<name>` below the delegated part of the hierarchy.

    Args:
        hierarchy: where it is mounted; `controllers` are those at its top.
        parent: name of the group of our own.
        base: the group below which this process may make its own, as a path from the mount point.
    """

    unified = True

    def __init__(self, hierarchy: Hierarchy, parent: str, base: str = "") -> None:
        self._base = f"{hierarchy.mountpoint}/{base}".rstrip("/")
        self._parent = f"{self._base}/{parent}"
        self.controllers = hierarchy.controllers

    def parents(self) -> tuple[str, ...]:
        """The directory of our own."""
        return (self._parent,)

    def create(self, name: str, limits: Limits) -> GroupV2:
        """Make the group and set the limits.

        Raises:
            CgroupError: no write access, a missing controller, or a value the kernel refuses.
        """
        group = GroupV2(f"{self._parent}/{name}")
        files.make(group.unified)
        try:
            self._limit(group.unified, limits)
            if os.geteuid() == 0:
                device_program.attach(group.unified)
        except CgroupError:
            with suppress(OSError):
                teardown.remove_groups(group.paths)
            raise
        return group

    def close(self) -> None:
        """Remove the parent, unless groups are left below."""
        files.remove_if_empty(self._parent)

    def prepare(self) -> None:
        """Make the parent and hand it the controllers, or find it made.

        Raises:
            CgroupError: no write access.
        """
        if not os.path.isdir(self._parent):
            files.make(self._parent)
        enable = " ".join(f"+{name}" for name in CONTROLLERS if name in self.controllers)
        if enable:
            for directory in (self._base, self._parent):
                files.write(f"{directory}/cgroup.subtree_control", enable)

    def _limit(self, path: str, limits: Limits) -> None:
        wanted = zip(CONTROLLERS, (limits.memory, limits.cpus, limits.pids), strict=True)
        for controller, value in wanted:
            if value is not None and controller not in self.controllers:
                raise CgroupError(f"the host has no {controller} controller", "see `tarebox doctor`")
        if limits.memory is not None:
            files.write(f"{path}/memory.max", str(limits.memory))
            swap = f"{path}/memory.swap.max"
            if os.access(swap, os.W_OK):
                files.write(swap, "0")
        if limits.cpus is not None:
            files.write(f"{path}/cpu.max", f"{round(limits.cpus * PERIOD)} {PERIOD}")
        if limits.pids is not None:
            files.write(f"{path}/pids.max", str(limits.pids))

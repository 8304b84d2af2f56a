# ruff: noqa: PTH112 - plain strings and descriptors, as in system calls
"""The engine's driver for version 2 of control groups; see the kernel's admin-guide/cgroup-v2."""

from __future__ import annotations

import os

from runtime.cgroups import device_program, device_rules, files, resources_v2
from runtime.cgroups.hierarchy import CONTROLLERS, PERIOD, Hierarchy
from runtime.rootless import userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.cgroups.hierarchy import Shown
    from runtime.spec import Limits


class GroupV2:
    """One container's group."""

    def __init__(self, path: str) -> None:
        self.paths: tuple[str, ...] = (path,)
        self.join: tuple[str, ...] = ()
        self.unified = path
        self.shown: Shown = ([], [])

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
        self.controllers = frozenset(hierarchy.controllers)

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
            resources_v2.apply(group.unified, _resources(limits), self.controllers)
            if userns.is_privileged():
                device_program.attach(group.unified, device_rules.DEFAULTS)
        except BaseException:
            for path in group.paths:
                files.remove_if_empty(path)
            raise
        return group

    def close(self) -> None:
        """Remove the parent, with what an interrupted start left below, unless there are processes."""
        files.remove_started(self._parent)

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


def _resources(limits: Limits) -> dict[str, Any]:
    """The limits as the OCI runtime specification has them; a memory limit leaves no swap."""
    resources: dict[str, Any] = {}
    if limits.memory is not None:
        resources["memory"] = {"limit": limits.memory, "swap": limits.memory}
    if limits.cpus is not None:
        resources["cpu"] = {"quota": round(limits.cpus * PERIOD), "period": PERIOD}
    if limits.pids is not None:
        resources["pids"] = {"limit": limits.pids}
    return resources

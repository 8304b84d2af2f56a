# ruff: noqa: PTH102 - plain strings and descriptors, as in system calls
"""Version 1 of control groups: a hierarchy for each controller; see cgroups(7)."""

import os
from collections.abc import Mapping
from contextlib import suppress

from runtime import devices, teardown
from runtime.cgroups import files
from runtime.cgroups.protocol import PERIOD, Hierarchy
from runtime.errors import CgroupError
from runtime.spec import Limits

_USED = ("memory", "cpu", "cpuacct", "pids", "devices")


class GroupV1:
    """One container's groups, a directory in each hierarchy."""

    unified = ""

    def __init__(self, by_controller: Mapping[str, str]) -> None:
        self._by_controller = by_controller
        self.paths = tuple(dict.fromkeys(by_controller.values()))
        self.join = tuple(f"{path}/tasks" for path in self.paths)

    def memory_bytes(self) -> int:
        """Bytes charged now, page cache included."""
        return int(files.read(f"{self.of('memory')}/memory.usage_in_bytes"))

    def cpu_seconds(self) -> float:
        """Processor time used so far, in seconds."""
        return int(files.read(f"{self.of('cpuacct')}/cpuacct.usage")) / 1e9

    def oom_kills(self) -> int:
        """How many processes the memory limit killed."""
        return files.keyed(f"{self.of('memory')}/memory.oom_control").get("oom_kill", 0)

    def processes(self) -> list[int]:
        """Process ids as this process sees them."""
        return [int(pid) for pid in files.read(f"{self.paths[0]}/cgroup.procs").split()]

    def of(self, controller: str) -> str:
        """The directory of a controller.

        Raises:
            CgroupError: the host lacks it.
        """
        if controller not in self._by_controller:
            raise CgroupError(f"the host has no {controller} controller", "mount it, see `tarebox doctor`")
        return self._by_controller[controller]


class DriverV1:
    """Makes groups `/<parent>/<name>` in every hierarchy of use.

    Args:
        hierarchies: what is mounted.
        parent: name of the group of our own at the top of each.
    """

    unified = False

    def __init__(self, hierarchies: list[Hierarchy], parent: str) -> None:
        self._parents = {
            controller: f"{hierarchy.mountpoint}/{parent}"
            for hierarchy in hierarchies
            for controller in _USED
            if controller in hierarchy.controllers
        }
        self.controllers = frozenset(self._parents)

    def parents(self) -> tuple[str, ...]:
        """The directories of our own."""
        return tuple(dict.fromkeys(self._parents.values()))

    def create(self, name: str, limits: Limits) -> GroupV1:
        """Make the groups and set the limits.

        Raises:
            CgroupError: no write access, a missing controller, or a value the kernel refuses.
        """
        group = GroupV1({controller: f"{parent}/{name}" for controller, parent in self._parents.items()})
        try:
            for path in group.paths:
                files.make(path)
            self._limit(group, limits)
        except CgroupError:
            with suppress(OSError):
                teardown.remove_groups(group.paths)
            raise
        return group

    def close(self) -> None:
        """Remove the parents, unless groups are left below."""
        for path in self.parents():
            files.remove_if_empty(path)

    def prepare(self) -> None:
        """Make the parents, or find them made.

        Raises:
            CgroupError: no write access.
        """
        for path in self.parents():
            try:
                os.mkdir(path, 0o755)
            except FileExistsError:
                continue
            except OSError as error:
                raise files.refused(f"make {path}", error) from error
        parent = self._parents.get("devices")
        if parent and files.read(f"{parent}/devices.list").startswith("a "):
            # New groups inherit their parent's rules, so these are written once for all containers.
            files.write(f"{parent}/devices.deny", "a")
            for rule in devices.CGROUP_RULES:
                files.write(f"{parent}/devices.allow", rule)

    def _limit(self, group: GroupV1, limits: Limits) -> None:
        if limits.memory is not None:
            path = group.of("memory")
            files.write(f"{path}/memory.limit_in_bytes", str(limits.memory))
            with_swap = f"{path}/memory.memsw.limit_in_bytes"
            if os.access(with_swap, os.W_OK):
                files.write(with_swap, str(limits.memory))
        if limits.cpus is not None:
            files.write(f"{group.of('cpu')}/cpu.cfs_quota_us", str(round(limits.cpus * PERIOD)))
        if limits.pids is not None:
            files.write(f"{group.of('pids')}/pids.max", str(limits.pids))

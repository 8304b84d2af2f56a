# ruff: noqa: PTH102 - plain strings and descriptors, as in system calls
"""The engine's driver for version 1 of control groups: a hierarchy for each controller; see cgroups(7)."""

from __future__ import annotations

import os

from runtime.cgroups import device_rules, files, resources_v1
from runtime.cgroups.hierarchy import PERIOD, Hierarchy, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runtime.spec import Limits

_USED = ("memory", "cpu", "cpuacct", "pids", "devices")


class GroupV1:
    """One container's groups, a directory in each hierarchy."""

    unified = ""

    def __init__(self, by_controller: Mapping[str, str]) -> None:
        self.by_controller = by_controller
        self.paths = tuple(dict.fromkeys(by_controller.values()))
        self.join = tuple(f"{path}/tasks" for path in self.paths)
        self.shown = shown(by_controller)

    def memory_bytes(self) -> int:
        """Bytes charged now, page cache included."""
        return int(files.read(f"{self._of('memory')}/memory.usage_in_bytes"))

    def cpu_seconds(self) -> float:
        """Processor time used so far, in seconds."""
        return int(files.read(f"{self._of('cpuacct')}/cpuacct.usage")) / 1e9

    def oom_kills(self) -> int:
        """How many processes the memory limit killed."""
        return files.keyed(f"{self._of('memory')}/memory.oom_control").get("oom_kill", 0)

    def processes(self) -> list[int]:
        """Process ids as this process sees them."""
        return [int(pid) for pid in files.read(f"{self.paths[0]}/cgroup.procs").split()]

    def _of(self, controller: str) -> str:
        if controller not in self.by_controller:
            raise files.missing(controller)
        return self.by_controller[controller]


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
            resources_v1.apply(group.by_controller, _resources(group, limits))
        except BaseException:
            for path in group.paths:
                files.remove_if_empty(path)
            raise
        return group

    def close(self) -> None:
        """Remove the parents, with what an interrupted start left below, unless there are processes."""
        for path in self.parents():
            files.remove_started(path)

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
            resources_v1.limit_devices(parent, device_rules.DEFAULTS)


def _resources(group: GroupV1, limits: Limits) -> dict[str, Any]:
    """The limits as the OCI runtime specification has them; a memory limit is one of swap too."""
    resources: dict[str, Any] = {}
    if limits.memory is not None:
        resources["memory"] = {"limit": limits.memory}
        if os.access(f"{group.by_controller.get('memory')}/{resources_v1.WITH_SWAP}", os.W_OK):
            resources["memory"]["swap"] = limits.memory
    if limits.cpus is not None:
        resources["cpu"] = {"quota": round(limits.cpus * PERIOD)}
    if limits.pids is not None:
        resources["pids"] = {"limit": limits.pids}
    return resources

"""The control group of one OCI container in a scope of systemd's, on version 2."""

from __future__ import annotations

import os

from runtime import syscalls
from runtime.cgroups import creation, systemd
from runtime.cgroups.hierarchy import mounted
from runtime.cgroups.manager import Manager
from runtime.errors import CgroupError
from runtime.light import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class ScopeManager(Manager):
    """As any manager, but systemd makes and removes the group and knows the limits.

    systemd makes no scope without a process, and ends it with the last one. A placeholder of ours is in it
    until `occupied` is called, or this process ends.

    Args:
        scope: what systemd knows the group as.
        paths: its directory, once there is one.
    """

    __slots__ = ("_pids", "_placeholder", "_scope")

    def __init__(self, scope: systemd.Scope, paths: dict[str, str]) -> None:
        super().__init__(2, paths, made=())
        self._scope = scope
        self._placeholder = 0
        self._pids: Any = None

    def create(self, resources: Mapping[str, Any]) -> None:
        """Have the scope made and set the limits; nothing is left when this fails.

        Raises:
            CgroupError: systemd can't be had or refuses, or as Manager.create.
        """
        version1, unified = mounted()
        if not unified or any("=" not in name for each in version1 for name in each.controllers):
            raise CgroupError(
                "the systemd driver needs version 2 of control groups", "leave out --systemd-cgroup"
            )
        # Where one process is the limit, the placeholder would be it.
        resources = dict(resources)
        self._pids = resources.pop("pids", None)
        self._placeholder = _placeholder()
        try:
            group = self._scope.start(self._placeholder, resources)
            self.unified = f"{unified.rstrip('/')}{group}"
            self.paths = {"": self.unified}
            creation.limit(self.paths, resources)
            creation.limit_devices(self.paths, resources)
        except BaseException:
            self.remove()
            raise

    def update(self, resources: Mapping[str, Any]) -> None:
        """Change limits, also in what systemd knows.

        Raises:
            CgroupError: as `create`.
        """
        self._scope.update(dict(resources))
        super().update(resources)

    def processes(self) -> list[int]:
        """Ids of all processes in the group and below."""
        return [pid for pid in super().processes() if pid != self._placeholder]

    def occupied(self) -> None:
        """The container's first process is in its group, and so the limit of processes can be set.

        Raises:
            CgroupError: systemd refuses.
        """
        self._release()
        if self._pids:
            self.update({"pids": self._pids})

    def remove(self) -> None:
        """Have the scope ended, if it hasn't.

        Raises:
            CgroupError: systemd refuses.
        """
        self._release()
        if self.paths:
            self._scope.stop()
            self.paths = {}

    def saved(self) -> dict[str, Any]:
        """What `load` needs, as JSON has it."""
        scope = [self._scope.slice, self._scope.unit.removesuffix(".scope")]
        return {"version": 2, "paths": self.paths, "scope": scope}

    def _release(self) -> None:
        if self._placeholder:
            os.kill(self._placeholder, signal.SIGKILL)
            os.waitpid(self._placeholder, 0)
            self._placeholder = 0


def for_container(path: str, name: str) -> ScopeManager:
    """The scope of a container that is to be; see runtime.cgroups.manager.

    Raises:
        CgroupError: the path isn't `slice:prefix:name`.
    """
    return ScopeManager(systemd.parse(path, name), {})


def load(saved: Mapping[str, Any]) -> ScopeManager:
    """The scope of a container that is, from what `saved` returned."""
    slice_name, name = saved["scope"]
    return ScopeManager(systemd.Scope(slice_name, "", name), saved["paths"])


def _placeholder() -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        syscalls.close_range(0, 0xFFFFFFFF, 0)
        signal.pause()
    finally:
        os._exit(0)

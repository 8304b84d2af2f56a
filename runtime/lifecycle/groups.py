"""The control groups of persistent containers, with all controllers, for pausing and updating them."""

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from runtime.cgroups import creation, detect, device_program, device_rules, files
from runtime.cgroups.hierarchy import PERIOD, mounted
from runtime.cgroups.manager import Manager
from runtime.rootless import userns
from runtime.spec import Limits
from tare.state import PREFIX, State


def create(state: State, identity: str, limits: Limits, resources: Mapping[str, Any]) -> Manager:
    """Make a container's groups below this state's parent; those a crash left are removed before.

    Raises:
        CgroupError: no write access, or the host refuses a limit.
    """
    remove(state, identity)
    version, paths, tops = _places(state, identity)
    groups = Manager(version, paths, made=dict.fromkeys(paths.values()), tops=tops)
    try:
        for _ in creation.make(paths, tops):
            pass
        creation.limit(paths, merged(limits, resources))
        # On version 1 a group has the rules of its parent, which the engine has prepared.
        if version == 2 and userns.is_privileged():
            device_program.attach(groups.unified, device_rules.DEFAULTS)
    except BaseException:
        groups.remove()
        raise
    return groups


def remove(state: State, identity: str) -> None:
    """Remove a container's groups, also what a start that was killed made and noted nowhere.

    Raises:
        CgroupError: a group still has processes.
    """
    version, paths, tops = _places(state, identity)
    Manager(version, paths, made=dict.fromkeys(paths.values()), tops=tops).remove()


def _places(state: State, identity: str) -> "tuple[int, dict[str, str], dict[str, str]]":
    return creation.places(f"/{PREFIX}{state.tag}/{identity}", identity)


def merged(limits: Limits, resources: Mapping[str, Any]) -> dict[str, Any]:
    """Both as `linux.resources` of the OCI runtime specification; a memory limit leaves no swap."""
    found = {
        name: dict(section) if isinstance(section, Mapping) else section
        for name, section in resources.items()
    }
    if limits.memory is not None:
        found["memory"] = {"limit": limits.memory, "swap": limits.memory, **found.get("memory", {})}
    if limits.cpus is not None:
        quota = {"quota": round(limits.cpus * PERIOD), "period": PERIOD}
        found["cpu"] = {**quota, **found.get("cpu", {})}
    if limits.pids is not None:
        found["pids"] = {"limit": limits.pids, **found.get("pids", {})}
    return found


def oom_file(groups: Manager) -> str:
    """The file with a line `oom_kill N`; empty without a memory controller."""
    if "memory" in groups.paths:
        return f"{groups.paths['memory']}/memory.oom_control"
    return f"{groups.unified}/memory.events" if groups.version == 2 else ""


def remove_parents(state: State) -> None:
    """Remove this state's own groups that nothing is in any more, unless an engine prepares them."""
    lock = os.open(
        state.directory(volatile=True) / "engines.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            version1, unified = mounted()
            name = PREFIX + state.tag
            for top in (*(hierarchy.mountpoint for hierarchy in version1), *([unified] if unified else [])):
                files.remove_if_empty(f"{top}/{name}")
            detect.driver(name).close()
    finally:
        os.close(lock)

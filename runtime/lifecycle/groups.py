"""The control groups of persistent containers, with all controllers, for pausing and updating them."""

import fcntl
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runtime import device_nodes
from runtime.cgroups import creation, detect, device_program, device_rules, files
from runtime.cgroups.hierarchy import PERIOD, mounted
from runtime.cgroups.manager import Manager
from runtime.rootless import userns
from runtime.spec import ContainerSpec, Limits
from tare.state import PREFIX, State


def create(state: State, identity: str, spec: ContainerSpec, resources: Mapping[str, Any]) -> Manager:
    """Make a container's groups below this state's parent; those a crash left are removed before.

    Raises:
        CgroupError: no write access, or the host refuses a limit.
    """
    remove(state, identity)
    rules = device_nodes.rules(spec, resources.get("devices", ()))
    version, paths, tops = _places(state, identity, device_nodes.PARENT if rules else "")
    groups = Manager(version, paths, made=dict.fromkeys(paths.values()), tops=tops)
    try:
        for _ in creation.make(paths, tops):
            pass
        creation.limit(paths, merged(spec.limits, resources))
        if userns.is_privileged():
            _limit_devices(paths, version, rules)
    except BaseException:
        groups.remove()
        raise
    return groups


def _limit_devices(paths: Mapping[str, str], version: int, rules: "Sequence[device_rules.Rule]") -> None:
    if version == 2:
        device_program.attach(paths[""], rules or device_rules.DEFAULTS)
    elif rules and "devices" in paths:
        # Without any a group has the rules of its parent, which the engine has prepared.
        from runtime.cgroups import resources_v1

        resources_v1.limit_devices(paths["devices"], rules)


def remove(state: State, identity: str) -> None:
    """Remove a container's groups, also what a start that was killed made and noted nowhere.

    Raises:
        CgroupError: a group still has processes.
    """
    for kind in ("", device_nodes.PARENT):
        version, paths, tops = _places(state, identity, kind)
        groups = Manager(version, paths, made=dict.fromkeys(paths.values()), tops=tops)
        if kind and not any(Path(path).parent.is_dir() for path in paths.values()):
            continue
        if groups.processes():
            # Only those that share others' PID namespace outlive the first process.
            groups.kill()
        groups.remove()


def _places(state: State, identity: str, kind: str) -> "tuple[int, dict[str, str], dict[str, str]]":
    return creation.places(f"/{PREFIX}{state.tag}{kind}/{identity}", identity)


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
                for kind in ("", device_nodes.PARENT):
                    files.remove_if_empty(f"{top}/{name}{kind}")
            detect.driver(name).close()
    finally:
        os.close(lock)

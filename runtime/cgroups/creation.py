# ruff: noqa: PTH120 - plain strings, as in system calls
"""Where the groups of an OCI container are, their making and their limits."""

from __future__ import annotations

import os

from runtime.cgroups import files, freezer, none, tree
from runtime.cgroups.device_rules import ordered
from runtime.cgroups.hierarchy import Hierarchy, mounted, own_group
from runtime.cgroups.resources import limits_anything
from runtime.errors import CgroupError
from runtime.rootless import userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    Places = tuple[int, dict[str, str], dict[str, str]]

PARENT = "tarebox-oci"
"""The group below which a container's is made when the configuration doesn't say where."""


def places(path: str, name: str) -> Places:
    """Where the groups of a container are to be; see runtime.cgroups.manager.for_container.

    Returns:
        The version, or 0 where this user may make no groups; directories by controller; and their
        hierarchies' mount points by directory.

    Raises:
        CgroupError: the path has no meaning.
    """
    parts = [part for part in (path or name).split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "\0" in path:
        raise CgroupError(
            f"cgroupsPath {path!r} names no group of its own", "name one, as in /containers/one"
        )
    below = "/".join(parts if path.startswith("/") else (PARENT, *parts))
    version1, unified = mounted()
    if any("=" not in controller for each in version1 for controller in each.controllers):
        return _on_version1(version1, unified, below)
    if delegated := userns.delegated_group():
        top = f"{unified}{delegated}"
        return 2, {"": f"{top}/{below}"}, {f"{top}/{below}": top}
    tops = [unified]
    if unified and not path.startswith("/"):
        # A session's own group has processes, so its parent is better where that is delegated as well.
        own = own_group().rstrip("/")
        tops += [f"{unified}{own.rpartition('/')[0]}", f"{unified}{own}"]
    for top in tops:
        group = f"{top}/{below}"
        if top and _can_make(group, top):
            return 2, {"": group}, {group: unified}
    return 0, {}, {}


def _on_version1(version1: Sequence[Hierarchy], unified: str, below: str) -> Places:
    if unified:
        version1 = [*version1, Hierarchy(unified, ("",))]
    tops = {f"{each.mountpoint}/{below}": each.mountpoint for each in version1}
    directories = {name: f"{each.mountpoint}/{below}" for each in version1 for name in each.controllers}
    usable = {path: top for path, top in tops.items() if _can_make(path, top)}
    paths = {name: path for name, path in directories.items() if path in usable}
    if not any(name and "=" not in name for name in paths):
        return 0, {}, {}
    return 1, paths, usable


def _can_make(path: str, top: str) -> bool:
    """Whether this user may make groups at the top, or else in the deepest directory of the path."""
    if os.access(top, os.W_OK):
        return True
    while not os.access(path, os.F_OK):
        path = os.path.dirname(path)
    return os.access(path, os.W_OK)


def make(paths: Mapping[str, str], tops: Mapping[str, str]) -> Iterator[str]:
    """Make the groups; yields those that are the container's to remove, as soon as they are there.

    Args:
        paths: directories by controller.
        tops: mount points by directory.

    Raises:
        CgroupError: no write access, or a group that was there has processes or is frozen.
    """
    existing = []
    for path in tops:
        if tree.make(path, tops[path]):
            yield path
        else:
            existing.append(path)
    if existing:
        _refuse_used(existing, paths)
        # What a crash left behind in a parent of ours is ours as well.
        yield from [path for path in existing if tree.is_marked(os.path.dirname(path))]
    if "cpuset" in paths:
        tree.fill_cpuset(paths["cpuset"])
    if set(paths) == {""}:
        tree.enable_controllers(paths[""], tops[paths[""]])


def _refuse_used(existing: Sequence[str], paths: Mapping[str, str]) -> None:
    has_processes = any(
        files.read_if_there(f"{group}/cgroup.procs").strip()
        for path in existing
        for group in files.below(path)
    )
    if has_processes or freezer.is_frozen(paths):
        raise CgroupError(f"control group {existing[0]} is in use", "choose another cgroupsPath")


def limit(paths: Mapping[str, str], resources: Mapping[str, Any]) -> None:
    """Set all limits but those of devices.

    Args:
        paths: directories by controller, may be none.
        resources: the `linux.resources` object.

    Raises:
        CgroupError: no groups though something is to be limited, a missing controller, or a refused value.
    """
    if not paths:
        if limits_anything(resources):
            raise none.unwritable("this container")
    elif set(paths) == {""}:
        from runtime.cgroups import resources_v2

        enabled = files.read(f"{paths['']}/cgroup.controllers").split()
        resources_v2.apply(paths[""], resources, enabled)
    else:
        from runtime.cgroups import resources_v1

        resources_v1.apply(paths, resources)


def limit_devices(paths: Mapping[str, str], resources: Mapping[str, Any]) -> None:
    """Set the rules for devices, also when there are none given.

    Raises:
        CgroupError: no controller for the given ones, or the kernel refuses them.
    """
    given = resources.get("devices") or ()
    try:
        if "devices" in paths:
            from runtime.cgroups import resources_v1

            resources_v1.limit_devices(paths["devices"], ordered(given))
        elif "" in paths:
            from runtime.cgroups import device_program

            device_program.attach(paths[""], ordered(given))
        elif given:
            raise files.missing("devices")
    except CgroupError:
        # Whoever has no privilege on the host can't make device nodes either.
        if userns.is_privileged():
            raise

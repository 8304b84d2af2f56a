# ruff: noqa: PTH123 - plain strings and descriptors, as in system calls
"""Which control group hierarchies are mounted, and where in them this process is; see cgroups(7)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Shown = tuple[list[tuple[str, str, str]], list[tuple[str, str]]]

CONTROLLERS = ("memory", "cpu", "pids")
"""The controllers a limit needs, in the order memory, cpus, pids of Limits."""
PERIOD = 100_000
"""The CPU bandwidth period, in microseconds, as Docker has it."""
_NOT_CONTROLLERS = frozenset(
    ("rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "favordynmods")
)


class Hierarchy:
    """A mounted hierarchy.

    Args:
        mountpoint: its directory.
        controllers: those it has, in their order; for version 1 also the `name=` that a named one carries.
    """

    __slots__ = ("controllers", "mountpoint")

    def __init__(self, mountpoint: str, controllers: tuple[str, ...]) -> None:
        self.mountpoint = mountpoint
        self.controllers = controllers


def hierarchies(mountinfo: str) -> tuple[list[Hierarchy], str]:
    """What is mounted: version 1 hierarchies, and the mount point of version 2 or an empty string.

    Of several mounts of one hierarchy those of its top come first.

    Args:
        mountinfo: text of /proc/self/mountinfo; see proc_pid_mountinfo(5).
    """
    mounts: list[tuple[bool, int, str, str]] = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) >= 5 and after.startswith("cgroup"):
            mounts.append((fields[3] != "/", len(mounts), fields[4], after))
    first: dict[str, Hierarchy] = {}
    unified = ""
    for _, _, escaped, after in sorted(mounts):
        mountpoint = escaped.encode().decode("unicode_escape") if "\\" in escaped else escaped
        kind, _, options = after.partition(" ")
        options = options.rpartition(" ")[2]
        if kind == "cgroup2":
            unified = unified or mountpoint
        elif kind == "cgroup" and options not in first:
            first[options] = Hierarchy(mountpoint, _controllers(options))
    return list(first.values()), unified


def _controllers(options: str) -> tuple[str, ...]:
    names = options.split(",")
    return tuple(
        name
        for name in names
        if name not in _NOT_CONTROLLERS and ("=" not in name or name.startswith("name="))
    )


def shown(paths: Mapping[str, str]) -> Shown:
    """What a container sees of its version 1 groups below /sys/fs/cgroup, as Docker lays it out.

    Args:
        paths: the groups by controller; the empty name, of version 2, is left out.

    Returns:
        The hierarchies as (name there such as `cpu,cpuacct`, mount option, the container's group), and links
        as (name, target) from the single names to joint ones.
    """
    controllers: dict[str, list[str]] = {}
    for controller, path in paths.items():
        if controller:
            controllers.setdefault(path, []).append(controller)
    hierarchies = []
    links = []
    for path, names in controllers.items():
        name = ",".join(each.removeprefix("name=") for each in names)
        hierarchies.append((name, ",".join(names), path))
        links += [(each, name) for each in names if len(names) > 1]
    return hierarchies, links


def mounted() -> tuple[list[Hierarchy], str]:
    """What this process sees mounted."""
    with open("/proc/self/mountinfo") as file:
        return hierarchies(file.read())


def own_group() -> str:
    """The version 2 group of this process as a path from the mount point, `/` where there is none."""
    with open("/proc/self/cgroup") as file:
        for line in file:
            if line.startswith("0::"):
                return line[3:].rstrip("\n")
    return "/"

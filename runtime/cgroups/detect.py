"""Which control group hierarchies this host has, and the driver for them."""

import os
from pathlib import Path

from runtime.cgroups.none import DriverNone
from runtime.cgroups.protocol import CONTROLLERS, Driver, Hierarchy
from runtime.cgroups.v1 import DriverV1
from runtime.cgroups.v2 import DriverV2


def hierarchies(mountinfo: str) -> tuple[list[Hierarchy], str]:
    """What is mounted: version 1 hierarchies, and the mount point of version 2 or an empty string.

    Args:
        mountinfo: text of /proc/self/mountinfo; see proc_pid_mountinfo(5).
    """
    first: dict[str, Hierarchy] = {}
    unified = ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or fields[3] != "/":
            continue
        mountpoint = fields[4].encode().decode("unicode_escape")
        if kind[0] == "cgroup2":
            unified = unified or mountpoint
        elif kind[0] == "cgroup":
            controllers = frozenset(option for option in kind[2].split(",") if "=" not in option) - {
                "rw",
                "ro",
            }
            first.setdefault(kind[2], Hierarchy(mountpoint, controllers))
    return list(first.values()), unified


def driver(parent: str, mountinfo: str | None = None) -> Driver:
    """The driver for this host.

    A controller is either on version 1 or on version 2; on a hybrid host those we limit are on version 1,
    where the named or empty version 2 tree only tracks processes.

    Args:
        parent: name of the group of our own below which containers' groups are made.
        mountinfo: text to read instead of this process's own.
    """
    version1, unified = hierarchies(
        Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    )
    on_version1 = [
        hierarchy for hierarchy in version1 if hierarchy.controllers & {*CONTROLLERS, "devices", "cpuacct"}
    ]
    if on_version1 and all(os.access(hierarchy.mountpoint, os.W_OK) for hierarchy in on_version1):
        return DriverV1(on_version1, parent)
    if unified and not on_version1:
        for base in ("", _own_group()):
            directory = Path(unified, base.lstrip("/"))
            if os.access(directory, os.W_OK) and os.access(directory / "cgroup.subtree_control", os.W_OK):
                controllers = frozenset((directory / "cgroup.controllers").read_text().split())
                return DriverV2(Hierarchy(unified, controllers), parent, base.strip("/"))
    return DriverNone()


def _own_group() -> str:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    return ""

"""The driver for the control group hierarchies this host has."""

from __future__ import annotations

import os

from runtime.cgroups import files
from runtime.cgroups.hierarchy import CONTROLLERS, Hierarchy, hierarchies, mounted, own_group
from runtime.rootless import userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.cgroups.protocol import Driver

__all__ = ["controllers", "driver", "hierarchies"]

_LIMITING = frozenset((*CONTROLLERS, "devices", "cpuacct"))


def driver(parent: str, mountinfo: str | None = None) -> Driver:
    """The driver for this host.

    A controller is either on version 1 or on version 2; on a hybrid host those we limit are on version 1,
    where the named or empty version 2 tree only tracks processes.

    Args:
        parent: name of the group of our own below which containers' groups are made.
        mountinfo: text to read instead of this process's own.
    """
    version1, unified = mounted() if mountinfo is None else hierarchies(mountinfo)
    on_version1 = [hierarchy for hierarchy in version1 if _LIMITING.intersection(hierarchy.controllers)]
    if on_version1 and all(os.access(hierarchy.mountpoint, os.W_OK) for hierarchy in on_version1):
        from runtime.cgroups.v1 import DriverV1

        return DriverV1(on_version1, parent)
    if unified and not on_version1:
        for base in ("", userns.delegated_group() or own_group()):
            directory = f"{unified}/{base.strip('/')}"
            if os.access(directory, os.W_OK) and os.access(f"{directory}/cgroup.subtree_control", os.W_OK):
                from runtime.cgroups.v2 import DriverV2

                controllers = tuple(files.read(f"{directory}/cgroup.controllers").split())
                return DriverV2(Hierarchy(unified, controllers), parent, base.strip("/"))
    from runtime.cgroups.none import DriverNone

    return DriverNone()


def controllers(used: Driver) -> list[str]:
    """The controllers that the groups of containers have, by name, where the driver is in use."""
    if used.unified or not used.controllers:
        return sorted(used.controllers)
    return sorted(name for each in mounted()[0] for name in each.controllers if "=" not in name)

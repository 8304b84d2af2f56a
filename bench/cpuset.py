"""A control group that has only some CPUs, whatever affinity a process in it asks for; see cpuset(7)."""

import os
from collections.abc import Iterable
from contextlib import suppress

from runtime.cgroups import files, tree
from runtime.cgroups.hierarchy import mounted
from runtime.errors import CgroupError


def restrict(name: str, cpus: Iterable[int]) -> None:
    """Have what is below the group `name` at the top of the hierarchy run on these CPUs only.

    A host that doesn't let us is left as it is: affinity has to do there.
    """
    version1, unified = mounted()
    top = next((each.mountpoint for each in version1 if "cpuset" in each.controllers), "")
    if not os.access(top or unified, os.W_OK):
        return
    with suppress(CgroupError):
        path = f"{top or unified}/{name}"
        tree.make(path, top or unified)
        if top:
            tree.fill_cpuset(path)
        else:
            files.write(f"{unified}/cgroup.subtree_control", "+cpuset")
        files.write(f"{path}/cpuset.cpus", ",".join(map(str, sorted(cpus))))

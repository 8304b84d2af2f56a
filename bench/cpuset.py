"""A control group that has only some CPUs, whatever affinity a process in it asks for; see cpuset(7)."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bench.alone import alone
from runtime.cgroups import files, tree
from runtime.cgroups.hierarchy import mounted
from runtime.errors import CgroupError

_MARK = "user.tarebench-cpuset"
"""An attribute of a group: it hands the controller down because of us. The next boot ends both."""


def restrict(name: str, cpus: Iterable[int]) -> None:
    """Have what is below the group `name` at the top of the hierarchy run on these CPUs only.

    A host that doesn't let us is left as it is: affinity has to do there.
    """
    version1, unified = mounted()
    top = next((each.mountpoint for each in version1 if "cpuset" in each.controllers), "")
    if not os.access(top or unified, os.W_OK):
        return
    with suppress(CgroupError):
        if top:
            path = f"{top}/{name}"
            tree.make(path, top)
            tree.fill_cpuset(path)
            _set(path, cpus)
        else:
            restrict_below(unified, name, cpus)


def release() -> bool:
    """What `restrict` needed of version 2 is taken back where it can be; whether it was."""
    _, unified = mounted()
    return bool(unified) and take_back(unified)


def restrict_below(parent: str, name: str, cpus: Iterable[int]) -> None:
    """Restrict a group of version 2, to which its parent hands the controller down from now on.

    Raises:
        CgroupError: it can't be made or restricted.
    """
    path, control = f"{parent}/{name}", f"{parent}/cgroup.subtree_control"
    with alone(parent):
        tree.make(path, parent)
        if "cpuset" not in files.read(control).split():
            # Marked before, so that who is killed in between is cleaned up after.
            with suppress(OSError):
                os.setxattr(parent, _MARK, b"1")
            files.write(control, "+cpuset")
        _set(path, cpus)


def take_back(parent: str) -> bool:
    """Have a group of version 2 hand the controller down no more; whether that was done.

    It is left to who had it handed down before us, and as long as a group uses it, whoever made that.
    """
    with suppress(CgroupError), alone(parent):
        if _MARK not in os.listxattr(parent) or _is_used(parent):
            return False
        files.write(f"{parent}/cgroup.subtree_control", "-cpuset")
        os.removexattr(parent, _MARK)
        return True
    return False


def _set(path: str, cpus: Iterable[int]) -> None:
    files.write(f"{path}/cpuset.cpus", ",".join(map(str, sorted(cpus))))


def _is_used(parent: str) -> bool:
    values = (path for name in ("cpuset.cpus", "cpuset.mems") for path in Path(parent).glob(f"*/{name}"))
    return any(files.read_if_there(str(path)).strip() for path in values)

# ruff: noqa: PTH102, PTH106, PTH120 - plain strings and descriptors, as in system calls
"""Making and removing nested groups, while others make and remove theirs beside them.

A parent group made on the way carries a mark, an extended attribute, so that whoever removes the last group
in it knows that it may go too.
"""

from __future__ import annotations

import errno
import os
import time

from runtime.cgroups import files
from runtime.errors import CgroupError

_MARK = "user.tarebox-oci"
_CONTROLLERS = frozenset(("cpu", "cpuset", "hugetlb", "io", "memory", "misc", "pids", "rdma"))
_ATTEMPTS = 100
_PATIENCE = 12
"""How often the removal of a group of killed processes is tried, for twice as long each time from 1 ms on."""


def make(path: str, top: str) -> bool:
    """Make a group, and the parents it lacks.

    Args:
        path: the group's directory.
        top: the mount point, which is there.

    Returns:
        Whether it was made now; False when it was there.

    Raises:
        CgroupError: no write access.
    """
    for _ in range(_ATTEMPTS):
        try:
            os.mkdir(path, 0o755)
        except FileExistsError:
            return False
        except FileNotFoundError as error:
            parent = os.path.dirname(path)
            if not parent.startswith(f"{top}/"):
                raise files.refused(f"make {path}", error) from error
            if make(parent, top):
                _mark(parent)
        except OSError as error:
            raise files.refused(f"make {path}", error) from error
        else:
            return True
    raise files.refused(f"make {path}", OSError(errno.EAGAIN, "its parents vanish again and again"))


def is_marked(path: str) -> bool:
    """Whether a parent was made by us."""
    try:
        return bool(os.getxattr(path, _MARK))
    except OSError:
        return False


def _mark(path: str) -> None:
    """Marking is no more than a courtesy: a kernel without such attributes, or a race, loses only that."""
    try:
        os.setxattr(path, _MARK, b"1")
    except OSError:
        return


def fill_cpuset(path: str) -> None:
    """Give a version 1 cpuset its parents' processors and memory nodes, without which nothing can join it.

    Raises:
        CgroupError: no write access, or another group has them for itself.
    """
    if files.read(f"{path}/cpuset.cpus").strip():
        return
    parent = os.path.dirname(path)
    fill_cpuset(parent)
    if is_marked(parent):
        files.write(f"{parent}/cgroup.clone_children", "1")
    # Who sees the processors set takes the nodes for set too.
    for name in ("cpuset.mems", "cpuset.cpus"):
        files.write(f"{path}/{name}", files.read(f"{parent}/{name}"))


def enable_controllers(path: str, top: str) -> None:
    """Hand a version 2 group all controllers its parents can hand down; which they can't, it does without.

    Raises:
        CgroupError: the hierarchy is unreadable.
    """
    available = set(files.read(f"{top}/cgroup.controllers").split()) & _CONTROLLERS
    directory = top
    for name in path.removeprefix(top).strip("/").split("/"):
        control = f"{directory}/cgroup.subtree_control"
        enabled = set(files.read(control).split())
        for controller in sorted(available - enabled):
            try:
                files.write(control, f"+{controller}")
            except CgroupError:
                continue
            enabled.add(controller)
        available &= enabled
        directory = f"{directory}/{name}"


def remove(path: str) -> None:
    """Remove a group with all below, and the parents of ours that are empty then; a missing one is fine.

    Raises:
        CgroupError: a group still has processes.
    """
    _remove(path)
    parent = os.path.dirname(path)
    while is_marked(parent) and files.remove_if_empty(parent):
        parent = os.path.dirname(parent)


def _remove(path: str) -> None:
    delay = 0.001
    for _ in range(_PATIENCE):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return
        except OSError as error:
            refusal = error
        else:
            return
        for group in list(files.below(path))[:-1]:
            _remove(group)
        if refusal.errno != errno.EBUSY:
            break
        # Version 1 tells nobody when the last process has left.
        time.sleep(delay)
        delay *= 2
    raise files.refused(f"remove {path}", refusal)

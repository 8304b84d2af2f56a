"""Stopping and continuing all processes of a group; see the kernel's freezer-subsystem and cgroup-v2."""

from __future__ import annotations

import time

from runtime.cgroups import files
from runtime.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_REFREEZE = 50
_POLL = 0.001


def freeze(paths: Mapping[str, str]) -> None:
    """Freeze and wait until all are frozen.

    Args:
        paths: directories by controller, "" for version 2.

    Raises:
        CgroupError: there is no freezer, or a process doesn't freeze; it is thawed then.
    """
    if "freezer" in paths:
        done = _freeze_v1(paths["freezer"])
    else:
        path = _unified(paths)
        files.write(f"{path}/cgroup.freeze", "1")
        done = files.await_event(path, "frozen", 1)
    if not done:
        thaw(paths)
        raise CgroupError("a process of the container can't be frozen", "try again")


def thaw(paths: Mapping[str, str]) -> None:
    """Let all continue.

    Raises:
        CgroupError: there is no freezer, or no group.
    """
    if "freezer" in paths:
        files.write(f"{paths['freezer']}/freezer.state", "THAWED")
    else:
        path = _unified(paths)
        files.write(f"{path}/cgroup.freeze", "0")
        files.await_event(path, "frozen", 0)


def is_frozen(paths: Mapping[str, str]) -> bool:
    """Whether the group is frozen or about to be; a group that is gone isn't."""
    if "freezer" in paths:
        return files.read_if_there(f"{paths['freezer']}/freezer.state").strip() in ("FROZEN", "FREEZING")
    return "" in paths and files.read_if_there(f"{paths['']}/cgroup.freeze").strip() == "1"


def _freeze_v1(path: str) -> bool:
    """Version 1 tells nobody when all are frozen, and may miss a process being born until asked anew."""
    state = f"{path}/freezer.state"
    files.write(state, "FROZEN")
    deadline = time.monotonic() + files.EVENT_TIMEOUT
    rounds = 0
    while files.read(state).strip() != "FROZEN":
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
        rounds += 1
        if rounds % _REFREEZE == 0:
            files.write(state, "THAWED")
        files.write(state, "FROZEN")
    return True


def _unified(paths: Mapping[str, str]) -> str:
    if "" not in paths:
        raise files.missing("freezer")
    return paths[""]

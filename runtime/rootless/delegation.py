# ruff: noqa: PTH112 - plain strings and descriptors, as in system calls
"""A control group that an ordinary user's systemd delegates, so that their containers can have limits.

The holder's scope is it. Its processes are in a group of their own there, as only groups without processes
hand controllers down. Who is elsewhere than below the user's systemd may move no process into it, and so is
taken there by systemd first; see cgroups(7), "Delegation containment".
"""

import os
from contextlib import suppress

from runtime.cgroups.hierarchy import mounted, own_group
from runtime.errors import CgroupError
from runtime.network import files
from runtime.rootless import userns

_PROCESSES = "processes"
_PREFIX = "tarebox"


def delegate(directory: str, holder: int, tag: str) -> None:
    """Have a scope made around the holder, where there is a systemd for it: else there are no limits."""
    top = _top()
    if not top:
        return
    from runtime.cgroups.systemd import Scope

    path = f"{directory}/{userns.GROUP}"
    scope = Scope("", _PREFIX, tag)
    before = files.text(path)
    files.remove(path)
    with suppress(CgroupError, OSError):
        # It outlives a holder that was killed, with the containers in it.
        group = before if before and os.path.isdir(top + before) else scope.start(holder, {})
        os.makedirs(f"{top}{group}/{_PROCESSES}", exist_ok=True)  # noqa: PTH103
        scope.attach(holder, _PROCESSES)
        files.write(path, group)


def join(directory: str, tag: str) -> None:
    """Have this process where it may move others into the group."""
    group = files.text(f"{directory}/{userns.GROUP}")
    manager = f"/user@{os.getuid()}.service/"
    if not group or manager in f"{own_group()}/" or not os.path.isdir(_top() + group):
        return
    from runtime.cgroups.systemd import Scope

    with suppress(CgroupError):
        Scope("", _PREFIX, tag).attach(os.getpid(), _PROCESSES)


def _top() -> str:
    """Where version 2 is mounted that has all controllers, with a systemd of the user's; empty otherwise."""
    version1, unified = mounted()
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if any("=" not in name for each in version1 for name in each.controllers):
        return ""
    return unified if os.path.exists(f"{runtime}/bus") else ""  # noqa: PTH110

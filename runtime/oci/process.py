"""From the configuration's `process` to steps, for a container's first process and for any that joins it."""

from __future__ import annotations

import os
import resource
import struct

from runtime import capabilities, syscalls
from runtime.oci.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from runtime.steps.base import Step

PERSONALITIES = {"LINUX": 0x0, "LINUX32": 0x8}
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
}
_POLICIES["SCHED_DEADLINE"] = 6
_SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
_IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
_MEMORY_MODES = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
_MEMORY_FLAGS = {
    "MPOL_F_NUMA_BALANCING": 1 << 13,
    "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_STATIC_NODES": 1 << 15,
}
_SYS_ADMIN = 1 << capabilities.NUMBERS["CAP_SYS_ADMIN"]
_CAPABILITY_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")


def steps(
    process: Mapping[str, Any],
    *,
    filtering: Mapping[str, Any] | None,
    cache: str,
    warn: Callable[[str], None],
    preserved: int,
    maps_users: bool,
    waits: Sequence[Step],
) -> list[Step]:
    """The steps from inside the root to the command.

    Args:
        process: `process` of the configuration.
        filtering: `linux.seccomp`.
        cache: directory for compiled filters.
        warn: takes what could not be had and is no error.
        preserved: how many descriptors from 3 on the command gets.
        maps_users: whether the container has a user namespace.
        waits: the steps to go between the preparation and the command.

    Raises:
        TareError: something of it can't be had on this host.
    """
    user = process.get("user") or {}
    uid, gid = user.get("uid", 0), user.get("gid", 0)
    groups: list[int] | None = user.get("additionalGids") or []
    if maps_users and not groups and _forbids_groups():
        groups = None
    permitted = _Capabilities(process.get("capabilities") or {}, has_all=maps_users)
    if permitted.lacking:
        warn(f"process.capabilities: this process can't grant {', '.join(permitted.lacking)}")
    cwd = process.get("cwd") or "/"
    argv = process.get("args") or []
    environment = list(process.get("env") or ())
    search = next((entry[5:] for entry in reversed(environment) if entry.startswith("PATH=")), _DEFAULT_PATH)
    privileged, last = _filter(filtering, cache, no_new_privileges=bool(process.get("noNewPrivileges")))
    listed: list[Step] = [
        (
            "rlimits",
            [(getattr(resource, limit["type"]), limit["soft"], limit["hard"]) for limit in _limits(process)],
        )
    ]
    if scheduler := process.get("scheduler"):
        listed.append(("scheduler", _scheduler(scheduler)))
    if priority := process.get("ioPriority"):
        listed.append(("io_priority", _IO_CLASSES[priority["class"]] << 13 | priority.get("priority", 0)))
    listed += [
        ("own_stdio", uid),
        ("enter_directory", cwd, False),
        ("bounding_set", permitted.dropped),
        ("user", uid, gid, groups),
        ("capabilities", *permitted.arguments(_SYS_ADMIN if privileged else 0)),
        ("enter_directory", cwd, True),
        ("find_command", argv[0] if argv else "", search),
    ]
    if process.get("noNewPrivileges"):
        listed.append(("no_new_privileges",))
    mask: Step = ("mask_of_modes", user.get("umask", 0o022))
    if last and last[0][0] == "listen":
        listed += [*last, *waits, mask]
        last = []
    else:
        listed += [*waits, mask]
    if privileged:
        listed += [*privileged, ("capabilities", *permitted.arguments(0))]
    return [
        *listed,
        ("ambient", permitted.ambient),
        *last,
        ("command", argv, environment, uid, preserved),
    ]


def _limits(process: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    unlimited = 1 << 64
    return [
        {
            "type": limit["type"],
            "soft": -1 if limit["soft"] >= unlimited - 1 else limit["soft"],
            "hard": -1 if limit["hard"] >= unlimited - 1 else limit["hard"],
        }
        for limit in process.get("rlimits") or ()
    ]


def _filter(
    filtering: Mapping[str, Any] | None, cache: str, *, no_new_privileges: bool
) -> tuple[list[Step], list[Step]]:
    """Steps that install the filter with CAP_SYS_ADMIN kept for that, and those that need no privilege."""
    if not filtering:
        return [], []
    from runtime import seccomp_cache

    program, flags = seccomp_cache.compiled(dict(filtering), cache)
    if flags & syscalls.SECCOMP_FILTER_FLAG_NEW_LISTENER:
        return ([], [("listen", program, flags)]) if no_new_privileges else ([("listen", program, flags)], [])
    step: Step = ("filter", program, flags)
    return ([], [step]) if no_new_privileges else ([step], [])


class _Capabilities:
    """The five sets as bit masks, without what this process couldn't grant."""

    def __init__(self, sets: Mapping[str, Sequence[str]], *, has_all: bool) -> None:
        available = (1 << (capabilities.last() + 1)) - 1
        if not has_all:
            available &= _permitted()
        numbers = capabilities.NUMBERS
        asked = {
            name: sum(1 << numbers[each] for each in set(sets.get(name) or ()) if each in numbers)
            for name in _CAPABILITY_SETS
        }
        self._masks = {name: mask & available for name, mask in asked.items()}
        missing = (asked["bounding"] | asked["permitted"] | asked["inheritable"]) & ~available
        self.lacking = [name for name, number in numbers.items() if missing >> number & 1]
        self._masks["effective"] &= self._masks["permitted"]
        bounding = self._masks["bounding"]
        self.dropped = [number for number in range(capabilities.last() + 1) if not bounding >> number & 1]
        raised = self._masks["ambient"] & self._masks["permitted"] & self._masks["inheritable"]
        self.ambient = [number for number in range(64) if raised >> number & 1]

    def arguments(self, extra: int) -> tuple[bytes, bytes]:
        return capabilities.capset_masks(
            self._masks["effective"] | extra, self._masks["permitted"] | extra, self._masks["inheritable"]
        )


def _permitted() -> int:
    with open("/proc/self/status", "rb") as file:
        text = file.read()
    start = text.index(b"CapPrm:") + 7
    return int(text[start : text.index(b"\n", start)], 16)


def _forbids_groups() -> bool:
    """Whether this process's own namespace denies setgroups(2), which those below inherit."""
    if os.geteuid():
        return True
    with open("/proc/self/setgroups", encoding="ascii") as file:
        return file.read().strip() == "deny"


def oom_score(process: Mapping[str, Any]) -> list[Step]:
    """The step that says how much the out-of-memory killer likes it; see proc_pid_oom_score_adj(5)."""
    adjustment = process.get("oomScoreAdj")
    return [] if adjustment is None else [("write", "/proc/self/oom_score_adj", str(adjustment))]


def labels(process: Mapping[str, Any]) -> list[Step]:
    """Steps that give the command its security labels.

    Raises:
        ConfigError: this host doesn't have the security module.
    """
    steps: list[Step] = []
    if profile := process.get("apparmorProfile"):
        if not os.path.isdir("/sys/module/apparmor") or not os.path.isdir("/sys/kernel/security/apparmor"):
            raise ConfigError("process.apparmorProfile: this host has no AppArmor", "leave the profile out")
        modern = "/proc/self/attr/apparmor/exec"
        steps.append(
            ("write", modern if os.path.exists(modern) else "/proc/self/attr/exec", f"exec {profile}")
        )
    if label := process.get("selinuxLabel"):
        if not os.path.isdir("/sys/fs/selinux"):
            raise ConfigError("process.selinuxLabel: this host has no SELinux", "leave the label out")
        steps.append(("write", "/proc/self/attr/exec", label))
    return steps


def console_size(process: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height of the terminal, in characters, where they are given."""
    size = process.get("consoleSize")
    return (size["width"], size["height"]) if size and (size["width"] or size["height"]) else None


def _scheduler(described: Mapping[str, Any]) -> bytes:
    """A struct sched_attr; see sched_setattr(2)."""
    flags = sum(_SCHEDULER_FLAGS[name] for name in described.get("flags") or ())
    return struct.pack(
        "=IIQiIQQQ",
        48,
        _POLICIES[described["policy"]],
        flags,
        described.get("nice") or 0,
        described.get("priority") or 0,
        described.get("runtime") or 0,
        described.get("deadline") or 0,
        described.get("period") or 0,
    )


def memory_policy(described: Mapping[str, Any]) -> Step:
    """The step for `linux.memoryPolicy`."""
    mode = _MEMORY_MODES[described["mode"]]
    for flag in described.get("flags") or ():
        mode |= _MEMORY_FLAGS[flag]
    nodes = sum(1 << node for node in listed(described.get("nodes") or ""))
    return ("memory_policy", mode, nodes.to_bytes((nodes.bit_length() // 64 + 1) * 8, "little"))


def listed(text: str) -> list[int]:
    """Numbers of a list such as `0-3,7`; see cpuset(7), List format."""
    numbers: list[int] = []
    for part in text.split(","):
        if part.strip():
            first, _, last = part.strip().partition("-")
            numbers += range(int(first), int(last or first) + 1)
    return numbers


def affinity(processors: str) -> list[Step]:
    """The step for one of `execCPUAffinity`'s lists."""
    return [("affinity", listed(processors))] if processors else []

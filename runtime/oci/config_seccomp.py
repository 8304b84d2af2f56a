"""What `linux.seccomp` of a configuration may hold; see config-linux.md, Seccomp.

The rules are hundreds, and a compiled filter is kept: they are left to runtime.seccomp, which compiles them.
"""

from __future__ import annotations

from runtime.oci.config_shape import (
    FieldError,
    array,
    integer,
    one_of,
    record,
    shown,
    string,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ACTIONS = (
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
)
FLAGS = (
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
)
_ARCHITECTURES = (  # noqa: SIM905 - a tuple literal would fill the page
    "AARCH64 ARM LOONGARCH64 M68K MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PARISC PARISC64 PPC PPC64"
    " PPC64LE RISCV64 S390 S390X SH SHEB X32 X86 X86_64"
).split()
ARCHITECTURES = tuple(f"SCMP_ARCH_{name}" for name in _ARCHITECTURES)
_WITH_ERRNO = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
_ERRNO = integer(0, 4095)
_action = one_of(*ACTIONS)


def _top(seccomp: Any) -> None:
    action = seccomp["defaultAction"]
    if "defaultErrnoRet" in seccomp and action not in _WITH_ERRNO:
        raise FieldError(f"{action} returns no errno", "leave it out", path="defaultErrnoRet")
    if action == "SCMP_ACT_NOTIFY":
        raise FieldError("can't be the default", "the listener would never be reached", path="defaultAction")
    if "listenerMetadata" in seccomp and not seccomp.get("listenerPath"):
        raise FieldError("is set without listenerPath", path="listenerMetadata")


def _list(value: Any) -> None:
    if type(value) is not list:
        raise FieldError(f"{shown(value)} is not an array")


SECCOMP = record(
    {
        "defaultAction": _action,
        "defaultErrnoRet": _ERRNO,
        "architectures": array(one_of(*ARCHITECTURES)),
        "flags": array(one_of(*FLAGS)),
        "listenerPath": string,
        "listenerMetadata": string,
        "syscalls": _list,
    },
    ("defaultAction",),
    _top,
)
"""All of `linux.seccomp` but its rules."""

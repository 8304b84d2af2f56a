"""The seccomp filter: a profile kept as data, compiled to BPF.

The profile (seccomp_profile.json) has the form of the OCI runtime specification's `linux.seccomp`, plus the
rules that depend on a capability. It allows what Docker's default profile allows. Calls it names and denies
fail with EPERM; calls it doesn't know fail with ENOSYS, so that a C library newer than the profile falls back
as on an older kernel.
"""

import ctypes
import json
import os
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from runtime import bpf
from runtime.errors import EngineError

_PROFILE = Path(__file__).with_name("seccomp_profile.json")
_ARCHITECTURES = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
}
_RETURN_ALLOW = 0x7FFF0000
_RETURN_ERRNO = 0x00050000


def profile(capabilities: Collection[str]) -> dict[str, Any]:
    """The filter for a capability set, as `linux.seccomp` of the OCI runtime specification.

    Raises:
        EngineError: this machine's architecture is not supported.
    """
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise EngineError(f"no system call filter for {machine}", "run without seccomp")
    source = json.loads(_PROFILE.read_text())
    rules = list(source["syscalls"])
    for capability, conditional in source["capabilities"].items():
        rules += conditional["with" if capability in capabilities else "without"]
    return {
        "defaultAction": source["defaultAction"],
        "defaultErrnoRet": source["defaultErrnoRet"],
        "architectures": list(_ARCHITECTURES[machine]),
        "syscalls": rules,
    }


def compile_filter(description: Mapping[str, Any]) -> bytes:
    """BPF for a `linux.seccomp` object; calls this libseccomp doesn't know are left to the default action.

    Raises:
        EngineError: libseccomp is missing.
    """
    library = _library()
    tables: dict[int, dict[int, list[bpf.Rule]]] = {}
    for architecture in description["architectures"]:
        token = library.seccomp_arch_resolve_name(architecture.removeprefix("SCMP_ARCH_").lower().encode())
        table = tables.setdefault(token, {})
        for entry in description["syscalls"]:
            for name in entry["names"]:
                number = library.seccomp_syscall_resolve_name_arch(ctypes.c_uint32(token), name.encode())
                if number >= 0:
                    table.setdefault(number, []).append(_rule(entry))
    return bpf.assemble(tables, _RETURN_ERRNO | description["defaultErrnoRet"])


def _rule(entry: Mapping[str, Any]) -> bpf.Rule:
    verdict = _RETURN_ALLOW if entry["action"] == "SCMP_ACT_ALLOW" else _RETURN_ERRNO | entry["errnoRet"]
    if not entry.get("args"):
        return bpf.Rule(verdict)
    (argument,) = entry["args"]
    index, value = argument["index"], argument["value"]
    match argument["op"]:
        case "SCMP_CMP_MASKED_EQ":
            return bpf.Rule(verdict, bpf.Check(index, argument["valueTwo"], mask=value))
        case "SCMP_CMP_NE":
            return bpf.Rule(verdict, bpf.Check(index, value, equal=False))
        case _:
            return bpf.Rule(verdict, bpf.Check(index, value))


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        hint = "install the package libseccomp2 (libseccomp)"
        raise EngineError("libseccomp, which knows the system call numbers, is not installed", hint) from None
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    return library

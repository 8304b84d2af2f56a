"""The seccomp filter: a profile kept as data, compiled once by libseccomp and cached as BPF.

The profile (seccomp_profile.json) has the form of the OCI runtime specification's `linux.seccomp`, plus the rules that
depend on a capability. It allows what Docker's default profile allows. Calls it names and denies fail with EPERM; calls
it doesn't know fail with ENOSYS, so that a C library newer than the profile falls back as on an older kernel.
"""

import ctypes
import hashlib
import json
import os
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from runtime.errors import EngineError

PROFILE = Path(__file__).with_name("seccomp_profile.json")
_ARCHITECTURES = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
    "s390x": ("SCMP_ARCH_S390X",),
}
_OPERATIONS = {"SCMP_CMP_NE": 1, "SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_ATTRIBUTE_BAD_ARCH = 2
_ATTRIBUTE_NO_NEW_PRIVS = 3
_ATTRIBUTE_OPTIMIZE = 8
_BINARY_TREE = 2


class _Comparison(ctypes.Structure):
    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    ]


def profile(capabilities: Collection[str]) -> dict[str, Any]:
    """The filter for a capability set, as `linux.seccomp` of the OCI runtime specification.

    Raises:
        EngineError: this machine's architecture is not supported.
    """
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise EngineError(f"no system call filter for {machine}", "run without seccomp")
    source = json.loads(PROFILE.read_text())
    rules = list(source["syscalls"])
    for capability, conditional in source["capabilities"].items():
        rules += conditional["with" if capability in capabilities else "without"]
    return {
        "defaultAction": source["defaultAction"],
        "defaultErrnoRet": source["defaultErrnoRet"],
        "architectures": list(_ARCHITECTURES[machine]),
        "syscalls": rules,
    }


def program(capabilities: Collection[str], cache_directory: Path) -> bytes:
    """The filter for a capability set as BPF, an array of struct sock_filter; from the cache where it has it.

    Raises:
        EngineError: libseccomp is missing or refuses the profile.
    """
    text = json.dumps([sorted(capabilities), os.uname().machine]).encode() + PROFILE.read_bytes()
    path = cache_directory / f"seccomp-{hashlib.sha256(text).hexdigest()[:16]}.bpf"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        compiled = compile_filter(profile(capabilities))
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(compiled)
    temporary.replace(path)
    return compiled


def compile_filter(description: dict[str, Any]) -> bytes:
    """BPF for a `linux.seccomp` object, laid out as a binary tree (seccomp_attr_set(3), SCMP_FLTATR_CTL_OPTIMIZE).

    Raises:
        EngineError: libseccomp is missing or refuses a rule.
    """
    library = _library()
    unknown = _ERRNO | description["defaultErrnoRet"]
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(unknown)))
    try:
        _check(library.seccomp_attr_set(context, _ATTRIBUTE_BAD_ARCH, ctypes.c_uint32(unknown)), "bad arch")
        _check(library.seccomp_attr_set(context, _ATTRIBUTE_NO_NEW_PRIVS, ctypes.c_uint32(0)), "nnp")
        _check(library.seccomp_attr_set(context, _ATTRIBUTE_OPTIMIZE, ctypes.c_uint32(_BINARY_TREE)), "optimize")
        _, *others = (
            library.seccomp_arch_resolve_name(name.removeprefix("SCMP_ARCH_").lower().encode())
            for name in description["architectures"]
        )
        for architecture in others:
            _check(library.seccomp_arch_add(context, ctypes.c_uint32(architecture)), "architecture")
        for rule in description["syscalls"]:
            _add(library, context, rule)
        with open(os.memfd_create("seccomp"), "r+b") as file:
            _check(library.seccomp_export_bpf(context, file.fileno()), "export")
            file.seek(0)
            return file.read()
    finally:
        library.seccomp_release(context)


def _add(library: ctypes.CDLL, context: ctypes.c_void_p, rule: dict[str, Any]) -> None:
    action = _ALLOW if rule["action"] == "SCMP_ACT_ALLOW" else _ERRNO | rule["errnoRet"]
    comparisons = (_Comparison * len(rule.get("args", ())))(
        *(
            _Comparison(part["index"], _OPERATIONS[part["op"]], part["value"], part.get("valueTwo", 0))
            for part in rule.get("args", ())
        )
    )
    for name in rule["names"]:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            continue
        _check(
            library.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(comparisons), comparisons), name
        )


def _check(result: int, subject: str) -> None:
    if result < 0:
        raise EngineError(f"libseccomp refuses {subject}: {os.strerror(-result)}", "update libseccomp")


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        raise EngineError("libseccomp is not installed", "install the package libseccomp2 (libseccomp)") from None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    return library

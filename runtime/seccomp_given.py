"""System call filters in the form of Docker's --security-opt seccomp=FILE, as the kernel has them."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from runtime import light, seccomp_cache
from tare.errors import UsageError

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "ppc64le": "ppc64le"}
"""Go's names for what uname(2) says."""
_NATIVE = {
    "x86_64": "SCMP_ARCH_X86_64",
    "aarch64": "SCMP_ARCH_AARCH64",
    "riscv64": "SCMP_ARCH_RISCV64",
    "ppc64le": "SCMP_ARCH_PPC64LE",
}
_KEPT = ("defaultAction", "defaultErrnoRet", "architectures", "flags")
_RULE = ("names", "action", "errnoRet", "args")


def program(text: str, capabilities: Collection[str], cache: Path) -> tuple[bytes, int]:
    """The filter as an array of struct sock_filter, and SECCOMP_FILTER_FLAG_*; compiled where missing.

    Args:
        text: of the file, with what depends on capabilities, machines and kernels; or `linux.seccomp` of the
            OCI runtime specification.
        capabilities: those the container has.
        cache: directory of compiled filters.

    Raises:
        UsageError: it is no such filter, or asks a process about calls.
        ProfileError: a name or value in it has no meaning.
        EngineError: libseccomp, which knows the call numbers, is missing.
    """
    try:
        return seccomp_cache.compiled(resolved(text, capabilities), str(cache))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"the seccomp profile is none: {error}", "see Docker's documentation") from error


def resolved(text: str, capabilities: Collection[str]) -> dict[str, Any]:
    """The filter as `linux.seccomp` of the OCI runtime specification.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: the text is none.
    """
    given = light.loads(text)
    found = {key: given[key] for key in _KEPT if given.get(key) is not None}
    native = _NATIVE.get(os.uname().machine, "")
    for entry in given.get("archMap") or ():
        if entry["architecture"] == native:
            found["architectures"] = [native, *(entry.get("subArchitectures") or ())]
    found["syscalls"] = [
        _rule(rule)
        for rule in given.get("syscalls") or ()
        if _meets(rule.get("includes") or {}, capabilities, every=True)
        and not _meets(rule.get("excludes") or {}, capabilities, every=False)
    ]
    if any(rule["action"] == "SCMP_ACT_NOTIFY" for rule in found["syscalls"]):
        raise ValueError("SCMP_ACT_NOTIFY needs a process that answers")
    return found


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    names = rule.get("names") or [rule["name"]]
    return {"names": names, **{key: rule[key] for key in _RULE[1:] if rule.get(key) is not None}}


def _meets(conditions: Mapping[str, Any], capabilities: Collection[str], *, every: bool) -> bool:
    """Whether all conditions hold, or any of them does."""
    held = []
    if arches := conditions.get("arches"):
        held.append(_MACHINES.get(os.uname().machine) in arches)
    if caps := conditions.get("caps"):
        quantifier = all if every else any
        held.append(quantifier(cap in capabilities for cap in caps))
    if kernel := conditions.get("minKernel"):
        held.append(_version(os.uname().release) >= _version(kernel))
    return all(held) if every else any(held)


def _version(text: str) -> tuple[int, int]:
    major, minor = text.partition("-")[0].split(".")[:2]
    return int(major), int(minor)

"""The host a run was made on: everything a reader needs to judge or repeat it."""

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

import psutil

_PROGRAMS = {
    "qemu": ("qemu-system-x86_64", "--version"),
    "libvirt": ("virsh", "--version"),
    "runc": ("runc", "--version"),
    "crun": ("crun", "--version"),
    "docker": ("dockerd", "--version"),
    "busybox": ("busybox",),
}


def fingerprint() -> dict[str, object]:
    """Facts in plain values; `machine` is a hash that stays the same over reboots."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = "unknown"
    memory = psutil.virtual_memory().total
    facts: dict[str, object] = {
        "system": system,
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count() or 1,
        "memory": memory,
        "virtualised": "hypervisor" in _read("/proc/cpuinfo"),
        "cgroups": _cgroups(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "unknown",
        "transparent_hugepages": _read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "python": platform.python_version(),
        "load_before": list(os.getloadavg()),
        "programs": {name: version for name, argv in _PROGRAMS.items() if (version := _version(argv))},
    }
    return {"machine": _machine(facts), **facts}


def _machine(facts: dict[str, object]) -> str:
    lasting = (_read("/etc/machine-id"), facts["architecture"], facts["cpu"], facts["cpus"], facts["memory"])
    return hashlib.sha256(repr(lasting).encode()).hexdigest()[:16]


def _cpu_model() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _cgroups() -> str:
    mounts = _read("/proc/self/mounts")
    v1, v2 = " cgroup " in mounts, " cgroup2 " in mounts
    return {(True, True): "hybrid", (True, False): "v1", (False, True): "v2", (False, False): "none"}[v1, v2]


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _version(argv: tuple[str, ...]) -> str:
    if shutil.which(argv[0]) is None:
        return ""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout.partition("\n")[0].strip()

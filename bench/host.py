"""The host a run was made on: everything a reader needs to judge or repeat it."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import psutil

from bench.machine_id import cpu_model, machine_id

_ROOT = Path("/")
_PROGRAMS = {
    "qemu": ("qemu-system-x86_64", "--version"),
    "libvirt": ("virsh", "--version"),
    "runc": ("runc", "--version"),
    "crun": ("crun", "--version"),
    "docker": ("dockerd", "--version"),
    "busybox": ("busybox",),
}


def fingerprint() -> dict[str, object]:
    """Facts in plain values; `machine` is that of `bench.machine_id`."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = "unknown"
    memory = psutil.virtual_memory().total
    facts: dict[str, object] = {
        "system": system,
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu": cpu_model(),
        "cpus": os.cpu_count() or 1,
        "memory": memory,
        "virtualised": is_virtualised(),
        "cgroups": _cgroups(),
        "governor": ", ".join(governors()) or "unknown",
        "transparent_hugepages": text(_ROOT / "sys/kernel/mm/transparent_hugepage/enabled"),
        "python": platform.python_version(),
        "load_before": list(os.getloadavg()),
        "programs": {name: version for name, argv in _PROGRAMS.items() if (version := _version(argv))},
    }
    return {"machine": machine_id(), **facts}


def _cgroups() -> str:
    mounts = text(_ROOT / "proc/self/mounts")
    v1, v2 = " cgroup " in mounts, " cgroup2 " in mounts
    return {(True, True): "hybrid", (True, False): "v1", (False, True): "v2", (False, False): "none"}[v1, v2]


def is_virtualised(root: Path = _ROOT) -> bool:
    """Whether the processor says that it is a virtual machine's."""
    return "hypervisor" in text(root / "proc/cpuinfo").split()


def governors(root: Path = _ROOT) -> list[str]:
    """The different cpufreq governors of the CPUs; none where no frequency is scaled."""
    files = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    return sorted({text(path) for path in files})


def text(path: Path) -> str:
    """What a file of the kernel's says, or nothing where there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _version(argv: tuple[str, ...]) -> str:
    if shutil.which(argv[0]) is None:
        return ""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout.partition("\n")[0].strip()

"""What processes cost their host, read from /proc and from the cgroup they are in."""

import re
from collections import Counter
from pathlib import Path

import psutil

from bench.subject import Footprint

_CGROUP = Path("/sys/fs/cgroup")


def pss(pid: int) -> int:
    """Proportional set size of one process in bytes, 0 when it is gone."""
    return pss_parts(pid)["Pss"]


def pss_parts(pid: int) -> Counter[str]:
    """`Pss` of one process in bytes, and of what kind it is: `Pss_Anon`, `Pss_File`, `Pss_Shmem`.

    None when the process is gone (proc_pid_smaps_rollup(5)).
    """
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return Counter()
    lines = (line.split() for line in text.splitlines() if line.startswith("Pss"))
    return Counter({line[0].rstrip(":"): int(line[1]) * 1024 for line in lines})


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its reaped children in seconds, 0 when it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def cgroup_directory(pid: int, controller: str) -> Path | None:
    """The cgroup of a process for a controller, on v1 or v2 (cgroups(7)), or None when it shares ours."""
    path = _membership(f"/proc/{pid}/cgroup", controller)
    if path is None or path == _membership("/proc/self/cgroup", controller):
        return None
    return path


def _membership(listing: str, controller: str) -> Path | None:
    unified = None
    try:
        lines = Path(listing).read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return _CGROUP / controller / path.lstrip("/")
        if not controllers:
            unified = _CGROUP / path.lstrip("/")
    return unified if unified and (unified / f"{controller}.stat").exists() else None


def cgroup_memory(pid: int) -> int | None:
    """Bytes charged to the cgroup of a process, or None when it has none of its own."""
    directory = cgroup_directory(pid, "memory")
    if directory is None:
        return None
    for name in ("memory.current", "memory.usage_in_bytes"):
        if (directory / name).exists():
            return int((directory / name).read_text())
    return None


def cgroup_kernel_memory(pid: int) -> int | None:
    """Bytes among those that are the kernel's own, or None where it doesn't tell."""
    directory = cgroup_directory(pid, "memory")
    if directory is None:
        return None
    if (v1 := directory / "memory.kmem.usage_in_bytes").exists():
        return int(v1.read_text())
    lines = (line.split() for line in (directory / "memory.stat").read_text().splitlines())
    return next((int(size) for name, size in lines if name == "kernel"), None)


def cgroup_cpu(pid: int) -> float | None:
    """CPU seconds spent by the cgroup of a process, or None when it has none of its own."""
    if (v1 := cgroup_directory(pid, "cpuacct")) and (v1 / "cpuacct.usage").exists():
        return int((v1 / "cpuacct.usage").read_text()) / 1e9
    if (v2 := cgroup_directory(pid, "cpu")) and (v2 / "cpu.stat").exists():
        for line in (v2 / "cpu.stat").read_text().splitlines():
            if line.startswith("usage_usec"):
                return int(line.split()[1]) / 1e6
    return None


def upper_directory(pid: int) -> Path | None:
    """What a process writes to its root goes there; None where that is no overlay (proc_pid_mountinfo(5))."""
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        place, _, kind = line.partition(" - ")
        found = re.search(r"\bupperdir=([^,]+)", kind)
        if place.split()[4] == "/" and found:
            return Path(found[1])
    return None


def measure(payload: int, managers: tuple[int, ...] = ()) -> Footprint:
    """Footprint of a payload's first process, its descendants, and the processes that manage it."""
    cpu = cgroup_cpu(payload)
    processes = family(payload)
    if cpu is None:
        cpu = sum(cpu_seconds(pid) for pid in processes)
    shares: Counter[str] = sum((pss_parts(pid) for pid in {*processes, *managers}), Counter())
    parts = {"private": shares["Pss_Anon"] + shares["Pss_Shmem"], "files": shares["Pss_File"]}
    kernel = cgroup_kernel_memory(payload)
    if kernel is not None:
        parts["kernel"] = kernel
    return Footprint(shares["Pss"], cgroup_memory(payload), cpu, parts)

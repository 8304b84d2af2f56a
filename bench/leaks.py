"""What a workload sees of the host: the same questions asked inside an instance and on the host, compared.

Sources: proc(5), sysfs(5), random(4), syslog(2), cgroups(7).
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

QUESTIONS = {
    "boot-id": "cat /proc/sys/kernel/random/boot_id",
    "kernel-release": "cat /proc/sys/kernel/osrelease",
    "hostname": "cat /proc/sys/kernel/hostname",
    "kernel-command-line": "cat /proc/cmdline",
    "memory": "cat /proc/meminfo",
    "processors": "cat /proc/cpuinfo",
    "uptime": "cat /proc/uptime",
    "disks": "cat /proc/partitions",
    "interfaces": "cat /sys/class/net/*/address",
    "processes": "for each in /proc/[0-9]*/cmdline; do cat $each && echo; done",
    "mounts": "cat /proc/self/mountinfo",
    "kernel-log": "dmesg",
}
"""What is asked of both, as `bench.questions.ask` takes it."""

_COMPARED_AS_THEY_ARE = ("boot-id", "kernel-release", "hostname", "kernel-command-line")
_CLOCK_SLACK = 5.0
_MEMORY_DISKS = ("ram", "loop", "zram")
_LAYERS = re.compile(r"(?:lowerdir\+?|upperdir|workdir)=([^, \n]+)")
_SHOWN = 60


@dataclass(frozen=True)
class Finding:
    """Whether one thing of the host is seen inside, and what is seen there, in words."""

    name: str
    leaks: bool
    seen: str

    def __str__(self) -> str:
        return f"{'host' if self.leaks else 'own'}: {self.seen}"


def compare(inside: Mapping[str, str], host: Mapping[str, str], harness: str) -> tuple[Finding, ...]:
    """What of the host is seen inside.

    Args:
        inside: the answers of an instance.
        host: the host's answers, taken at about the same time.
        harness: the command line of a process of the host, as /proc/PID/cmdline has it.
    """
    return (
        *(_same(name, inside, host) for name in _COMPARED_AS_THEY_ARE),
        _derived("memory", inside, host, _total_memory),
        _derived("processors", inside, host, lambda text: str(len(re.findall("^processor", text, re.M)))),
        _uptime(inside["uptime"], host["uptime"]),
        _shared("disks", _disks(inside["disks"]), _disks(host["disks"]), "none"),
        _shared("interfaces", _addresses(inside["interfaces"]), _addresses(host["interfaces"]), "none"),
        _processes(inside["processes"], harness),
        _host_paths(inside["mounts"]),
        _kernel_log(_lines(inside["kernel-log"]), _lines(host["kernel-log"])),
    )


def _same(name: str, inside: Mapping[str, str], host: Mapping[str, str]) -> Finding:
    return Finding(name, bool(inside[name]) and inside[name] == host[name], _short(inside[name]))


def _derived(
    name: str, inside: Mapping[str, str], host: Mapping[str, str], value: Callable[[str], str]
) -> Finding:
    seen = value(inside[name])
    return Finding(name, bool(seen) and seen == value(host[name]), seen)


def _total_memory(text: str) -> str:
    found = re.search(r"^MemTotal:\s+(\d+ kB)", text, re.M)
    return found[1] if found else ""


def _uptime(inside: str, host: str) -> Finding:
    mine, theirs = (_seconds(text) for text in (inside, host))
    return Finding("uptime", abs(mine - theirs) < _CLOCK_SLACK, f"{mine:.0f} s")


def _seconds(text: str) -> float:
    found = re.match(r"\d+(\.\d+)?", text, re.ASCII)
    return float(found[0]) if found else math.nan


def _shared(name: str, inside: frozenset[str], host: frozenset[str], nothing: str) -> Finding:
    common = inside & host
    shown = min(common or inside, default=nothing)
    count = f" and {len(inside) - 1} more" if len(inside) > 1 else ""
    return Finding(name, bool(common), _short(shown) + count)


def _disks(text: str) -> frozenset[str]:
    rows = [line.split() for line in text.splitlines()]
    return frozenset(
        f"{row[3]}, {row[2]} KiB"
        for row in rows
        if len(row) == 4 and row[2].isdigit() and not row[3].startswith(_MEMORY_DISKS)
    )


def _addresses(text: str) -> frozenset[str]:
    return frozenset(line for line in text.split() if line.strip("0:"))


def _lines(text: str) -> frozenset[str]:
    return frozenset(line for line in text.splitlines() if line.strip())


def _processes(text: str, harness: str) -> Finding:
    return Finding("processes", harness in text, _counted(len(_lines(text)), "program"))


def _kernel_log(inside: frozenset[str], host: frozenset[str]) -> Finding:
    # Two kernels have lines of time 0 in common by chance.
    shared = 2 * len(inside & host) > len(inside)
    return Finding("kernel-log", shared, _counted(len(inside), "line") if inside else "none")


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _host_paths(mountinfo: str) -> Finding:
    paths = sorted({path for path in _paths(mountinfo) if _of_host(path)})
    return Finding("mounts", bool(paths), _short(paths[0]) if paths else "no directory of the host")


def _of_host(path: str) -> bool:
    """Whether the host has it; a path of one part, or a descriptor of the harness, is so by chance."""
    return path.count("/") > 1 and not path.startswith("/proc/") and Path(path).exists()


def _paths(mountinfo: str) -> Iterator[str]:
    """The roots of mounts, and the layers of overlays."""
    for line in mountinfo.splitlines():
        yield from line.split()[3:4]
        for layers in _LAYERS.findall(line):
            yield from layers.split(":")


def _short(text: str) -> str:
    line = next(iter(text.splitlines()), "nothing")
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}\N{HORIZONTAL ELLIPSIS}"

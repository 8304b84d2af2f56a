"""What a container uses, from version 2 of control groups, in the form of `runc events --stats`."""

from __future__ import annotations

from runtime.cgroups import files, stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OPERATIONS = {
    "rbytes": ("ioServiceBytesRecursive", "Read"),
    "wbytes": ("ioServiceBytesRecursive", "Write"),
    "rios": ("ioServicedRecursive", "Read"),
    "wios": ("ioServicedRecursive", "Write"),
}
_MEMORY = (("usage", "current"), ("limit", "max"), ("max", "peak"))


def read(path: str) -> dict[str, Any]:
    """The statistics of a group, as far as it has the controllers."""
    return stats.shaped(
        cpu=_cpu(path),
        cpuset={
            **stats.without_zeros(
                cpus=stats.numbers(files.read_if_there(f"{path}/cpuset.cpus.effective")),
                mems=stats.numbers(files.read_if_there(f"{path}/cpuset.mems.effective")),
            ),
            **dict.fromkeys(stats.CPUSET_FLAGS, 0),
        },
        memory=_memory(path),
        pids=stats.pids(path),
        blkio=_blkio(path),
        hugetlb={
            size: stats.hugetlb_entry(
                usage=stats.number(f"{path}/hugetlb.{size}.current"),
                maximum=0,
                failcnt=stats.keyed(f"{path}/hugetlb.{size}.events").get("max", 0),
            )
            for size in stats.huge_page_sizes(path, ".max")
        },
    )


def _cpu(path: str) -> dict[str, Any]:
    values = stats.keyed(f"{path}/cpu.stat")
    nanoseconds = {
        key: values.get(f"{key}_usec", 0) * 1000 for key in ("usage", "system", "user", "throttled")
    }
    return {
        "usage": {
            **stats.without_zeros(total=nanoseconds["usage"]),
            "kernel": nanoseconds["system"],
            "user": nanoseconds["user"],
        },
        "throttling": stats.without_zeros(
            periods=values.get("nr_periods", 0),
            throttledPeriods=values.get("nr_throttled", 0),
            throttledTime=nanoseconds["throttled"],
        ),
        **_pressure(f"{path}/cpu.pressure"),
    }


def _memory(path: str) -> dict[str, Any]:
    raw = stats.keyed(f"{path}/memory.stat")
    usage = {key: stats.number(f"{path}/memory.{file}") for key, file in _MEMORY}
    swap = {key: stats.number(f"{path}/memory.swap.{file}") for key, file in _MEMORY}
    # Version 1 counts memory and swap together, so this is shown for version 2 as well.
    both = {
        "usage": usage["usage"] + swap["usage"],
        "limit": min(usage["limit"] + swap["limit"], stats.UNLIMITED),
    }
    return {
        **stats.without_zeros(cache=raw.get("file", 0), raw=raw),
        "usage": stats.memory_entry(**usage, failcnt=stats.keyed(f"{path}/memory.events").get("max", 0)),
        "swap": stats.memory_entry(**both),
        "kernel": stats.memory_entry(),
        "kernelTCP": stats.memory_entry(),
        **_pressure(f"{path}/memory.pressure"),
    }


def _blkio(path: str) -> dict[str, Any]:
    sections: dict[str, Any] = {}
    for line in files.read_if_there(f"{path}/io.stat").splitlines():
        device, *counters = line.split()
        for counter in counters:
            key, _, value = counter.partition("=")
            if key in _OPERATIONS:
                section, operation = _OPERATIONS[key]
                sections.setdefault(section, []).append(stats.blkio_entry(device, operation, int(value)))
    return {**sections, **_pressure(f"{path}/io.pressure")}


def _pressure(path: str) -> dict[str, Any]:
    """Stall information, where the kernel keeps it; see its accounting/psi."""
    lines = files.read_if_there(path).splitlines()
    psi = {}
    for line in lines:
        kind, *fields = line.split()
        values = dict(field.split("=") for field in fields)
        psi[kind] = {key: int(value) if key == "total" else float(value) for key, value in values.items()}
    return {"psi": psi} if psi else {}

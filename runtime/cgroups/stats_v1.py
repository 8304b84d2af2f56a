"""What a container uses, from version 1 of control groups, in the form of `runc events --stats`."""

from __future__ import annotations

import os

from runtime.cgroups import files, stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_MEMORY = (("usage", ""), ("swap", "memsw."), ("kernel", "kmem."), ("kernelTCP", "kmem.tcp."))
_COUNTERS = (("limit", "limit_in_bytes"), ("usage", "usage_in_bytes"), ("max", "max_usage_in_bytes"))
_BLKIO = (
    ("ioServiceBytesRecursive", ("bfq.io_service_bytes_recursive", "throttle.io_service_bytes_recursive")),
    ("ioServicedRecursive", ("bfq.io_serviced_recursive", "throttle.io_serviced_recursive")),
)


def read(paths: Mapping[str, str]) -> dict[str, Any]:
    """The statistics of a group, as far as the host has the controllers.

    Args:
        paths: directories by controller.
    """
    return stats.shaped(
        cpu={"usage": _cpu_usage(paths), "throttling": _throttling(paths.get("cpu", ""))},
        cpuset=_cpuset(paths.get("cpuset", "")),
        memory=_memory(paths.get("memory", "")),
        pids=stats.pids(paths.get("pids", "")),
        blkio=_blkio(paths.get("blkio", "")),
        hugetlb=_hugetlb(paths.get("hugetlb", "")),
    )


def _cpu_usage(paths: Mapping[str, str]) -> dict[str, Any]:
    path = paths.get("cpuacct", "")
    kinds = stats.keyed(f"{path}/cpuacct.stat")
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    lines = files.read_if_there(f"{path}/cpuacct.usage_all").splitlines()[1:]
    columns = [[int(number) for number in column] for column in zip(*map(str.split, lines), strict=True)]
    by_cpu = {"percpu_user": columns[1], "percpu_kernel": columns[2]} if len(columns) == 3 else {}
    return {
        **stats.without_zeros(
            total=stats.number(f"{path}/cpuacct.usage"),
            percpu=[int(each) for each in files.read_if_there(f"{path}/cpuacct.usage_percpu").split()],
            **by_cpu,
        ),
        "kernel": kinds.get("system", 0) * tick,
        "user": kinds.get("user", 0) * tick,
    }


def _throttling(path: str) -> dict[str, int]:
    values = stats.keyed(f"{path}/cpu.stat")
    return stats.without_zeros(
        periods=values.get("nr_periods", 0),
        throttledPeriods=values.get("nr_throttled", 0),
        throttledTime=values.get("throttled_time", 0),
    )


def _cpuset(path: str) -> dict[str, Any]:
    return {
        **stats.without_zeros(
            cpus=stats.numbers(files.read_if_there(f"{path}/cpuset.cpus")),
            mems=stats.numbers(files.read_if_there(f"{path}/cpuset.mems")),
        ),
        **{name: stats.number(f"{path}/cpuset.{name}") for name in stats.CPUSET_FLAGS},
    }


def _memory(path: str) -> dict[str, Any]:
    raw = stats.keyed(f"{path}/memory.stat")
    memory: dict[str, Any] = stats.without_zeros(cache=raw.get("cache", 0), raw=raw)
    for name, kind in _MEMORY:
        entry = {key: stats.number(f"{path}/memory.{kind}{file}") for key, file in _COUNTERS}
        memory[name] = stats.memory_entry(**entry, failcnt=stats.number(f"{path}/memory.{kind}failcnt"))
    return memory


def _blkio(path: str) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for name, candidates in _BLKIO:
        for candidate in candidates:
            found = _devices(files.read_if_there(f"{path}/blkio.{candidate}"))
            if found:
                entries[name] = found
                break
    return entries


def _devices(text: str) -> list[dict[str, Any]]:
    """Entries of lines such as `8:0 Read 4096`; the line with the total of all devices isn't one."""
    entries = []
    for line in text.splitlines():
        device, *operation, value = line.split()
        if ":" in device:
            entries.append(stats.blkio_entry(device, "".join(operation), int(value)))
    return entries


def _hugetlb(path: str) -> dict[str, Any]:
    return {
        size: stats.hugetlb_entry(
            usage=stats.number(f"{path}/hugetlb.{size}.usage_in_bytes"),
            maximum=stats.number(f"{path}/hugetlb.{size}.max_usage_in_bytes"),
            failcnt=stats.number(f"{path}/hugetlb.{size}.failcnt"),
        )
        for size in stats.huge_page_sizes(path, ".limit_in_bytes")
    }

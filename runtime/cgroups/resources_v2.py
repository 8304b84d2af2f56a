"""`linux.resources` on version 2 of control groups, converted from the terms of version 1.

OCI runtime specification, config-linux, "Control groups" and "Unified"; conversions as runc and crun have
them. What can't be converted is an error, as the specification asks.
"""

from __future__ import annotations

import os

from runtime.cgroups import files
from runtime.cgroups.resources import cpuset, hugetlb, pids, rdma
from runtime.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    Values = list[tuple[str, str]]

_SWAP = "memory.swap.max"
_THROTTLES = (
    ("throttleReadBpsDevice", "rbps"),
    ("throttleWriteBpsDevice", "wbps"),
    ("throttleReadIOPSDevice", "riops"),
    ("throttleWriteIOPSDevice", "wiops"),
)


def apply(path: str, resources: Mapping[str, Any], controllers: Collection[str]) -> None:
    """Set all but the devices.

    Args:
        path: the group.
        resources: the `linux.resources` object.
        controllers: those enabled for the group.

    Raises:
        CgroupError: the host lacks a controller, a setting has no counterpart, or the kernel refuses a value.
    """
    memory, cpu, block = (resources.get(key) or {} for key in ("memory", "cpu", "blockIO"))
    network = resources.get("network") or {}
    if network.get("classID") or network.get("priorities"):
        raise _no_counterpart("network classes and priorities")
    hugepages = resources.get("hugepageLimits") or ()
    unified = resources.get("unified") or {}
    values = [
        *_memory(path, memory),
        *_cpu(path, cpu),
        *cpuset(path, cpu),
        *pids(path, resources.get("pids") or {}),
        *_io(path, block),
        *hugetlb(path, hugepages, "max"),
        *rdma(path, resources.get("rdma") or {}),
        *_unified(unified),
    ]
    for name, value in values:
        controller = name.partition(".")[0]
        if controller not in ("cgroup", *controllers) and (value != "max" or name in unified):
            raise _unavailable(path, controller)
    files.settle(path, [each for each in values if each[0].partition(".")[0] in ("cgroup", *controllers)])


def _unavailable(path: str, controller: str) -> CgroupError:
    """The error that names the parent which has the controller and didn't hand it down, if there is one."""
    while path := path.rpartition("/")[0]:
        if controller in files.read_if_there(f"{path}/cgroup.controllers").split():
            return CgroupError(
                f"control group {path} can't hand down its {controller} controller",
                "it must be writable and have no processes of its own",
            )
    return files.missing(controller)


def weight_of_shares(shares: int) -> int:
    """cpu.weight for CPU shares: 2 to 262144 become 1 to 10000, and the default 1024 the default 100."""
    from math import ceil, log2

    power = log2(min(max(shares, 2), 262144))
    return min(ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34)), 10000)


def weight_of_block_weight(weight: int) -> int:
    """io.weight for a block IO weight: 10 to 1000 become 1 to 10000."""
    return 1 + (max(weight, 10) - 10) * 9999 // 990


def _memory(path: str, memory: Mapping[str, Any]) -> Values:
    for key in ("kernel", "kernelTCP"):
        if memory.get(key) and memory[key] != -1:
            raise _no_counterpart(f"memory.{key}")
    if memory.get("swappiness") is not None:
        raise _no_counterpart("memory.swappiness")
    if memory.get("disableOOMKiller"):
        raise _no_counterpart("memory.disableOOMKiller")
    limit, swap = memory.get("limit") or 0, memory.get("swap") or 0
    if memory.get("checkBeforeUpdate") and limit > 0:
        _check_usage(path, limit)
    values = []
    swap_max = _swap(path, limit, swap)
    # A host that accounts no swap has neither a limit to lift nor swap to forbid.
    if swap_max and not (swap_max in ("0", "max") and not os.access(f"{path}/{_SWAP}", os.F_OK)):
        values.append((_SWAP, swap_max))
    if limit:
        values.append(("memory.max", _or_max(limit)))
    if memory.get("reservation"):
        values.append(("memory.low", _or_max(memory["reservation"])))
    return values


def _swap(path: str, limit: int, swap: int) -> str:
    """The limit of swap alone, from that of memory and swap together; empty when there is none to set."""
    if not swap:
        return "max" if limit == -1 else ""
    if swap == -1:
        return "max"
    if not limit:
        current = files.read_if_there(f"{path}/memory.max").strip()
        limit = int(current) if current.isdecimal() else -1
    if limit == -1:
        return str(swap)
    if swap < limit:
        raise CgroupError(
            f"a limit of {swap} bytes for memory and swap is less than that of {limit} for memory alone",
            "give the sum of both",
        )
    return str(swap - limit)


def _check_usage(path: str, limit: int) -> None:
    usage = int(files.read(f"{path}/memory.current"))
    if usage >= limit:
        raise CgroupError(f"a memory limit of {limit} bytes is less than the {usage} in use", "give more")


def _cpu(path: str, cpu: Mapping[str, Any]) -> Values:
    for key in ("realtimeRuntime", "realtimePeriod"):
        if cpu.get(key):
            raise _no_counterpart(f"cpu.{key}")
    values = []
    if cpu.get("shares"):
        values.append(("cpu.weight", str(weight_of_shares(cpu["shares"]))))
    quota, period = cpu.get("quota"), cpu.get("period")
    if quota or period:
        # The kernel keeps the period when only a quota is given.
        given = _or_max(quota) if quota else files.read_if_there(f"{path}/cpu.max").partition(" ")[0]
        values.append(("cpu.max", f"{given} {period}" if period else given))
    optional = (("burst", "cpu.max.burst"), ("idle", "cpu.idle"))
    return values + [(name, str(cpu[key])) for key, name in optional if cpu.get(key) is not None]


def _io(path: str, block: Mapping[str, Any]) -> Values:
    by_device = block.get("weightDevice") or ()
    if block.get("leafWeight") or any(device.get("leafWeight") for device in by_device):
        raise _no_counterpart("blockIO.leafWeight")
    scheduler = os.access(f"{path}/io.bfq.weight", os.F_OK)
    name = "io.bfq.weight" if scheduler else "io.weight"
    values = [
        (name, f"{device}{weight if scheduler else weight_of_block_weight(weight)}")
        for device, weight in (("", block.get("weight")), *_by_device(by_device, "weight"))
        if weight
    ]
    for key, limit in _THROTTLES:
        values += [
            ("io.max", f"{device}{limit}={rate or 'max'}")
            for device, rate in _by_device(block.get(key), "rate")
        ]
    return values


def _by_device(devices: Sequence[Mapping[str, int]] | None, key: str) -> list[tuple[str, int | None]]:
    return [(f"{device['major']}:{device['minor']} ", device.get(key)) for device in devices or ()]


def _unified(unified: Mapping[str, str]) -> Values:
    for name in unified:
        if "/" in name:
            raise CgroupError(f"unified resource {name} is no file of a control group", "give a plain name")
    # Keyed files such as io.max take one line at a time.
    return [(name, line) for name, text in unified.items() for line in text.splitlines() or [""]]


def _or_max(value: int) -> str:
    return "max" if value == -1 else str(value)


def _no_counterpart(setting: str) -> CgroupError:
    return CgroupError(f"version 2 of control groups has no counterpart of {setting}", "leave it out")

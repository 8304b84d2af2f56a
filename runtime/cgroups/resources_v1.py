"""`linux.resources` on version 1 of control groups; OCI runtime specification, config-linux."""

from __future__ import annotations

import os

from runtime.cgroups import device_rules, files
from runtime.cgroups.resources import cpuset, hugetlb, limits_anything, pids, rdma
from runtime.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Values = list[tuple[str, str]]

WITH_SWAP = "memory.memsw.limit_in_bytes"

_CPU = (
    ("realtimePeriod", "cpu.rt_period_us"),
    ("realtimeRuntime", "cpu.rt_runtime_us"),
    ("shares", "cpu.shares"),
    ("period", "cpu.cfs_period_us"),
    ("quota", "cpu.cfs_quota_us"),
)
_THROTTLES = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
)


def apply(paths: Mapping[str, str], resources: Mapping[str, Any]) -> None:
    """Set all but the devices.

    Args:
        paths: the group's directory by controller.
        resources: the `linux.resources` object.

    Raises:
        CgroupError: the host lacks a controller, or the kernel refuses a value.
    """
    if resources.get("unified"):
        raise CgroupError(
            "`unified` resources are for version 2 of control groups, and this host has version 1",
            "use the named resources",
        )
    for section, controller, values in _SETTINGS:
        path, given = paths.get(controller, ""), resources.get(section)
        settings = values(path, given) if given else []
        if path:
            files.settle(path, settings)
        elif settings and limits_anything({section: given}):
            raise files.missing(controller)


def limit_devices(path: str, rules: Sequence[device_rules.Rule]) -> None:
    """Set the rules of a group's device controller.

    Raises:
        CgroupError: version 1 can't express a rule, or the group's parent doesn't allow what it allows.
    """
    allow_all, lines = device_rules.exceptions(rules)
    files.write(f"{path}/devices.{'allow' if allow_all else 'deny'}", "a")
    if lines:
        files.write(f"{path}/devices.{'deny' if allow_all else 'allow'}", *lines)


def _swappiness(memory: Mapping[str, Any]) -> int | None:
    value: int | None = memory.get("swappiness")
    if value is not None and not 0 <= value <= 100:
        raise CgroupError(f"swappiness {value} is out of range", "give 0 to 100")
    return value


def _memory(path: str, memory: Mapping[str, Any]) -> Values:
    limit, swap = memory.get("limit"), memory.get("swap")
    if limit == -1 and not swap and os.access(f"{path}/{WITH_SWAP}", os.F_OK):
        swap = -1
    values = [
        ("memory.use_hierarchy", 1 if memory.get("useHierarchy") else None),
        ("memory.limit_in_bytes", limit or None),
        (WITH_SWAP, swap or None),
        ("memory.soft_limit_in_bytes", memory.get("reservation") or None),
        ("memory.kmem.limit_in_bytes", memory.get("kernel") or None),
        ("memory.kmem.tcp.limit_in_bytes", memory.get("kernelTCP") or None),
        ("memory.swappiness", _swappiness(memory)),
        ("memory.oom_control", None if (oom := memory.get("disableOOMKiller")) is None else int(oom)),
    ]
    return [(name, str(value)) for name, value in values if value is not None]


def _cpu(_path: str, cpu: Mapping[str, Any]) -> Values:
    values = [(name, str(cpu[key])) for key, name in _CPU if cpu.get(key)]
    optional = (("burst", "cpu.cfs_burst_us"), ("idle", "cpu.idle"))
    return values + [(name, str(cpu[key])) for key, name in optional if cpu.get(key) is not None]


def _blkio(path: str, block: Mapping[str, Any]) -> Values:
    weight = "blkio.weight" if os.access(f"{path}/blkio.weight", os.F_OK) else "blkio.bfq.weight"
    weights = ((weight, "weight"), ("blkio.leaf_weight", "leafWeight"))
    values = [(name, str(block[key])) for name, key in weights if block.get(key)]
    for name, key in weights:
        values += _by_device(f"{name}_device", block.get("weightDevice"), key)
    for key, name in _THROTTLES:
        values += _by_device(name, block.get(key), "rate")
    return values


def _by_device(name: str, devices: Sequence[Mapping[str, int]] | None, key: str) -> Values:
    return [
        (name, f"{device['major']}:{device['minor']} {device[key]}")
        for device in devices or ()
        if device.get(key) is not None
    ]


def _hugetlb(path: str, limits: Sequence[Mapping[str, Any]]) -> Values:
    return hugetlb(path, limits, "limit_in_bytes")


def _classes(_path: str, network: Mapping[str, Any]) -> Values:
    return [("net_cls.classid", str(network["classID"]))] if network.get("classID") else []


def _priorities(_path: str, network: Mapping[str, Any]) -> Values:
    return [
        ("net_prio.ifpriomap", f"{each['name']} {each['priority']}")
        for each in network.get("priorities") or ()
    ]


_SETTINGS = (
    ("memory", "memory", _memory),
    ("cpu", "cpu", _cpu),
    ("cpu", "cpuset", cpuset),
    ("pids", "pids", pids),
    ("blockIO", "blkio", _blkio),
    ("hugepageLimits", "hugetlb", _hugetlb),
    ("network", "net_cls", _classes),
    ("network", "net_prio", _priorities),
    ("rdma", "rdma", rdma),
)

"""The parts of `linux.resources` that both versions of control groups take in the same form.

OCI runtime specification, config-linux, "Control groups". As in runc, a number that is 0 where 0 limits
nothing is one that isn't set.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Values = list[tuple[str, str]]

_SECTIONS = ("memory", "cpu", "pids", "blockIO", "hugepageLimits", "network", "rdma", "unified")


def limits_anything(resources: Mapping[str, Any]) -> bool:
    """Whether there is anything to set besides devices; what is unlimited, unset or empty is not."""
    return any(_limits(resources.get(section)) for section in _SECTIONS)


def _limits(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_limits(each) for each in value.values())
    return bool(value) and value != -1


def cpuset(_path: str, cpu: Mapping[str, Any]) -> Values:
    """What goes into the cpuset controller's files."""
    return [(f"cpuset.{key}", cpu[key]) for key in ("cpus", "mems") if cpu.get(key)]


def pids(_path: str, given: Mapping[str, Any]) -> Values:
    """What goes into pids.max."""
    limit = given.get("limit")
    return [("pids.max", str(limit) if limit > 0 else "max")] if limit else []


def rdma(_path: str, limits: Mapping[str, Mapping[str, Any]]) -> Values:
    """What goes into rdma.max."""
    values = []
    for device, limit in limits.items():
        keys = (("hca_handle", "hcaHandles"), ("hca_object", "hcaObjects"))
        given = " ".join(f"{name}={limit[key]}" for name, key in keys if limit.get(key) is not None)
        values.append(("rdma.max", f"{device} {given}"))
    return values


def hugetlb(path: str, limits: Sequence[Mapping[str, Any]], suffix: str) -> Values:
    """What goes into the huge page files: the limit of use, and that of reservations where there is one.

    Args:
        path: the group.
        limits: the `hugepageLimits` array.
        suffix: how the files of this version end.
    """
    values = []
    for limit in limits:
        size = limit["pageSize"]
        values.append((f"hugetlb.{size}.{suffix}", str(limit["limit"])))
        if os.access(f"{path}/hugetlb.{size}.rsvd.{suffix}", os.F_OK):
            values.append((f"hugetlb.{size}.rsvd.{suffix}", str(limit["limit"])))
    return values

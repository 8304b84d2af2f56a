"""What `linux.resources` of a configuration may hold; see config-linux.md, Control groups."""

from __future__ import annotations

from runtime.oci.config_shape import (
    INT64,
    UINT16,
    UINT32,
    UINT64,
    FieldError,
    array,
    boolean,
    filled,
    integer,
    mapping,
    number_list,
    one_of,
    record,
    shown,
    string,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LIMIT = integer(-1, (1 << 63) - 1)
_NUMBER = integer(0, (1 << 32) - 1)


def _access(value: Any) -> None:
    string(value)
    if not set(value) <= {"r", "w", "m"}:
        raise FieldError(f"{shown(value)} is no access", "write letters of rwm")


def _file_name(unified: Any) -> None:
    _strings_by_name(unified)
    for name in unified:
        if "/" in name or name in (".", ".."):
            raise FieldError("is no file of a control group", path=f"[{shown(name)}]")


def _page_size(value: Any) -> None:
    string(value)
    digits = value[:-2]
    if value[-2:] not in ("KB", "MB", "GB") or not (digits.isascii() and digits.isdecimal()):
        raise FieldError(f"{shown(value)} is no page size", "write one such as 2MB")


def _some_weight(device: Any) -> None:
    if "weight" not in device and "leafWeight" not in device:
        raise FieldError("has neither weight nor leafWeight")


def _some_limit(device: Any) -> None:
    if "hcaHandles" not in device and "hcaObjects" not in device:
        raise FieldError("has neither hcaHandles nor hcaObjects")


def _burst_within_quota(cpu: Any) -> None:
    if 0 < cpu.get("quota", 0) < cpu.get("burst", 0):
        raise FieldError(f"{cpu['burst']} is above the quota of {cpu['quota']}", path="burst")


_strings_by_name = mapping(string)
_device = {"major": _NUMBER, "minor": _NUMBER}
_throttle = array(record({**_device, "rate": UINT64}, ("major", "minor", "rate")))

RESOURCES = record(
    {
        "devices": array(
            record(
                {
                    "allow": boolean,
                    "type": one_of("", "a", "b", "c"),
                    "major": INT64,
                    "minor": INT64,
                    "access": _access,
                },
                ("allow",),
            )
        ),
        "memory": record(
            {
                "limit": _LIMIT,
                "reservation": _LIMIT,
                "swap": _LIMIT,
                "kernel": _LIMIT,
                "kernelTCP": _LIMIT,
                "swappiness": integer(0, 100),
                "disableOOMKiller": boolean,
                "useHierarchy": boolean,
                "checkBeforeUpdate": boolean,
            }
        ),
        "cpu": record(
            {
                "shares": UINT64,
                "quota": INT64,
                "burst": UINT64,
                "period": UINT64,
                "realtimeRuntime": INT64,
                "realtimePeriod": UINT64,
                "cpus": number_list,
                "mems": number_list,
                "idle": integer(0, 1),
            },
            rule=_burst_within_quota,
        ),
        "blockIO": record(
            {
                "weight": UINT16,
                "leafWeight": UINT16,
                "weightDevice": array(
                    record(
                        {**_device, "weight": UINT16, "leafWeight": UINT16}, ("major", "minor"), _some_weight
                    )
                ),
                "throttleReadBpsDevice": _throttle,
                "throttleWriteBpsDevice": _throttle,
                "throttleReadIOPSDevice": _throttle,
                "throttleWriteIOPSDevice": _throttle,
            }
        ),
        "hugepageLimits": array(record({"pageSize": _page_size, "limit": UINT64}, ("pageSize", "limit"))),
        "network": record(
            {
                "classID": UINT32,
                "priorities": array(record({"name": filled, "priority": UINT32}, ("name", "priority"))),
            }
        ),
        "pids": record({"limit": INT64}, ("limit",)),
        "rdma": mapping(record({"hcaHandles": UINT32, "hcaObjects": UINT32}, rule=_some_limit)),
        "unified": _file_name,
    }
)
"""Every member of `linux.resources`; also what `update` takes."""

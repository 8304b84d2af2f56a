# ruff: noqa: PTH208 - plain strings, as in system calls
"""The form of `runc events --stats`, common to both versions of control groups.

As its Go structures have it, most numbers that are zero and lists that are empty are left out.
"""

from __future__ import annotations

import os

from runtime.cgroups import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNLIMITED = (1 << 64) - 1
"""How a limit of `max` is shown."""

CPUSET_FLAGS = (
    "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
    "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level",
)  # fmt: skip
"""The numbers of the `cpuset` section that version 1 alone has."""


def shaped(**sections: dict[str, Any]) -> dict[str, Any]:
    """All sections, with those that come from elsewhere empty."""
    return {**sections, "intel_rdt": {}, "network_interfaces": None}


def without_zeros(**values: Any) -> dict[str, Any]:
    """The values that aren't zero or empty."""
    return {name: value for name, value in values.items() if value}


def number(path: str) -> int:
    """The number in a file: 0 where there is no such file, UNLIMITED for `max`."""
    text = files.read_if_there(path).strip()
    return UNLIMITED if text == "max" else int(text or 0)


def keyed(path: str) -> dict[str, int]:
    """A flat keyed file; empty where there is no such file."""
    return {
        key: int(value) for key, value in (line.split() for line in files.read_if_there(path).splitlines())
    }


def numbers(ranges: str) -> list[int]:
    """The members of a list such as `0-2,5`; see cpuset(7), "List format"."""
    members: list[int] = []
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        if first:
            members += range(int(first), int(last or first) + 1)
    return members


def pids(path: str) -> dict[str, int]:
    """The `pids` section."""
    limit = number(f"{path}/pids.max")
    return without_zeros(current=number(f"{path}/pids.current"), limit=0 if limit == UNLIMITED else limit)


def memory_entry(*, limit: int = 0, usage: int = 0, max: int = 0, failcnt: int = 0) -> dict[str, int]:
    """A part of the `memory` section, in bytes."""
    return {"limit": limit, **without_zeros(usage=usage, max=max), "failcnt": failcnt}


def blkio_entry(device: str, operation: str, value: int) -> dict[str, Any]:
    """One device's counter; `device` is `major:minor`."""
    major, minor = device.split(":")
    return without_zeros(major=int(major), minor=int(minor), op=operation, value=value)


def hugetlb_entry(*, usage: int, maximum: int, failcnt: int) -> dict[str, int]:
    """One huge page size's use, in bytes."""
    return {**without_zeros(usage=usage, max=maximum), "failcnt": failcnt}


def huge_page_sizes(path: str, suffix: str) -> list[str]:
    """The sizes a group has files for, such as `2MB`."""
    try:
        names = os.listdir(path or "/nonexistent")
    except OSError:
        return []
    ends = [name.removeprefix("hugetlb.") for name in names if name.startswith("hugetlb.")]
    return sorted(
        end.removesuffix(suffix) for end in ends if end.endswith(suffix) and f".rsvd{suffix}" not in end
    )

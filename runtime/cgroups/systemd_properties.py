"""Resource limits of the OCI specification as properties of systemd units.

Sources: config-linux.md of the runtime specification; systemd.resource-control(5) and
org.freedesktop.systemd1(5) for names, units and types.
"""

from __future__ import annotations

from runtime.cgroups.resources_v2 import weight_of_shares
from runtime.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Property = tuple[str, tuple[str, Any]]

_INFINITY = (1 << 64) - 1
_DEFAULT_PERIOD = 100_000
_GRAIN = 10_000
_MOST_PROCESSORS = 1 << 16
"""More than any kernel is built for (CONFIG_NR_CPUS), and few enough for a mask."""
"""Microseconds a second: systemd thinks in hundredths of a processor."""


def translate(resources: dict[str, Any]) -> list[Property]:
    """Name and typed value of each property that `linux.resources` sets, for the unified hierarchy.

    Raises:
        CgroupError: a value has no meaning.
    """
    memory, cpu = resources.get("memory") or {}, resources.get("cpu") or {}
    values = {
        "MemoryMax": _amount(memory.get("limit")),
        "MemoryLow": _amount(memory.get("reservation")),
        "MemorySwapMax": _swap(memory.get("limit"), memory.get("swap")),
        "TasksMax": _amount((resources.get("pids") or {}).get("limit")),
        "CPUWeight": weight_of_shares(cpu["shares"]) if cpu.get("shares") else None,
        "CPUQuotaPeriodUSec": _amount(cpu.get("period")),
        "CPUQuotaPerSecUSec": _quota(cpu.get("quota"), cpu.get("period")),
    }
    sets = {"AllowedCPUs": cpu.get("cpus"), "AllowedMemoryNodes": cpu.get("mems")}
    return [
        *((name, ("t", value)) for name, value in values.items() if value is not None),
        *((name, ("ay", bits(text))) for name, text in sets.items() if text),
    ]


def bits(text: str) -> bytes:
    """A list of numbers such as `0-2,7` (cpuset(7), "List format") as a mask, the lowest bit first.

    Raises:
        CgroupError: it is none.
    """
    mask = 0
    try:
        for part in text.split(","):
            first, _, last = part.strip().partition("-")
            low, high = int(first), int(last or first)
            if high >= _MOST_PROCESSORS:
                raise ValueError
            for number in range(low, high + 1):
                mask |= 1 << number
    except ValueError:
        raise CgroupError(f"{text!r} is no list of processors or nodes", "write it as in 0-2,7") from None
    return mask.to_bytes(-(-mask.bit_length() // 8), "little")


def _amount(value: int | None) -> int | None:
    """What systemd calls it; 0 stands for a value not given."""
    return _INFINITY if value and value < 0 else value or None


def _swap(limit: int | None, both: int | None) -> int | None:
    """The specification counts memory and swap together, version 2 swap alone."""
    if not both or both < 0 or not limit or limit < 0:
        return _amount(both) if both and both < 0 else None
    if both < limit:
        raise CgroupError(f"a limit of {both} bytes for memory and swap is less than {limit} for memory")
    return both - limit


def _quota(quota: int | None, period: int | None) -> int | None:
    """Microseconds of processor time a second; systemd rounds down to its grain, so this rounds up."""
    if not quota or quota < 0:
        return _INFINITY if quota or period else None
    return -(-quota * 1_000_000 // (period or _DEFAULT_PERIOD) // _GRAIN) * _GRAIN

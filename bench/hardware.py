"""The hardware that a workload sees: devices, drivers, firmware, interrupts and timers.

Sources: sysfs(5), proc_interrupts(5), and of the kernel Documentation/ABI/stable/sysfs-devices-system-clock.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

QUESTIONS = {
    "devices": "ls -d /sys/bus/*/devices/*",
    "drivers": "for each in /sys/bus/*/devices/*/driver; do readlink $each; done",
    "firmware": "cd /sys/firmware && ls -d efi acpi devicetree qemu_fw_cfg dmi",
    "interrupts": "cat /proc/interrupts",
    "clocksource": "cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
    "other-clocksources": "cat /sys/devices/system/clocksource/clocksource0/available_clocksource",
    "clock-events": "cat /sys/devices/system/clockevents/clockevent*/current_device",
    "disks": "ls /sys/block",
    "interfaces": "ls /sys/class/net",
    "nodes": "ls /dev",
}
_UNKNOWN = "not told"


@dataclass(frozen=True)
class Hardware:
    """What is seen.

    Args:
        devices: how many by the bus they are on.
        drivers: bound to a device, sorted.
        interrupts: lines that the kernel counts.
        facts: all of it in words, by name.
    """

    devices: Mapping[str, int]
    drivers: tuple[str, ...]
    interrupts: int
    facts: Mapping[str, str]


def seen(answers: Mapping[str, str]) -> Hardware:
    """Read the answers to the questions."""
    devices = Counter(re.findall(r"^/sys/bus/([^/\n]+)/devices/", answers["devices"], re.M))
    drivers = tuple(sorted({line.rpartition("/")[2] for line in answers["drivers"].splitlines()}))
    interrupts = re.findall(r"^\s*(\w+):\s+\d", answers["interrupts"], re.M)
    listed = {
        "devices": ", ".join(f"{bus} {count}" for bus, count in sorted(devices.items())),
        "drivers": " ".join(drivers),
        "interrupts": " ".join(interrupts),
        "timers": " ".join(dict.fromkeys(answers["clock-events"].split())),
    }
    nodes = (re.sub(r"\d+$", "N", node) for node in answers["nodes"].split())
    listed["nodes"] = " ".join(dict.fromkeys(nodes))
    plain = ("firmware", "clocksource", "other-clocksources", "disks", "interfaces")
    told = {**listed, **{name: " ".join(answers[name].split()) for name in plain}}
    facts = {name: text or _UNKNOWN for name, text in told.items()}
    return Hardware(devices, drivers, len(interrupts), facts)

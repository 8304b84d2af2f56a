"""Which machine this is: a hash that stays the same over reboots, and for every user.

Sources: machine-id(5), Linux Documentation/ABI/stable/sysfs-devices-system-cpu (topology),
Documentation/ABI/testing/sysfs-firmware-dmi-entries (the files in /sys/class/dmi/id that anyone may read).
"""

import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path("/")
_DMI = ("sys_vendor", "product_name", "board_vendor", "board_name")
_KIB_OF_A_GIB = 1 << 20


def machine_id(root: Path = _ROOT) -> str:
    """Sixteen hexadecimal digits; neither host name, boot id nor uptime are in it."""
    return hashlib.sha256(repr(sorted(lasting(root).items())).encode()).hexdigest()[:16]


def lasting(root: Path = _ROOT) -> Mapping[str, str]:
    """What the id is made of: the system's own id, processor, topology, memory, its name by firmware."""
    return {
        "machine-id": _text(root / "etc/machine-id"),
        "architecture": platform.machine(),
        "cpu": cpu_model(root),
        "topology": _topology(root),
        "memory": _memory(root),
        **{name: _text(root / "sys/class/dmi/id" / name) for name in _DMI},
    }


def cpu_model(root: Path = _ROOT) -> str:
    """As the kernel calls it, or "unknown"."""
    lines = _text(root / "proc/cpuinfo").splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or "unknown"


def _topology(root: Path) -> str:
    """Packages, cores and threads of the CPUs that are there, whether or not they are online."""
    cpus = root / "sys/devices/system/cpu"
    places = [
        (_text(cpu / "topology/physical_package_id"), _text(cpu / "topology/core_id"))
        for cpu in cpus.glob("cpu[0-9]*")
    ]
    packages = {package for package, _ in places}
    return f"{len(packages)} packages, {len(set(places))} cores, {len(places)} threads"


def _memory(root: Path) -> str:
    """In GiB: how much of it a kernel takes for itself before it counts differs from one to the next."""
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return f"{round(int(line.split()[1]) / _KIB_OF_A_GIB)} GiB"
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""

"""What KVM this host has, as far as can be told without booting a guest on it.

Sources: Documentation/virt/kvm/ of the Linux kernel; CPUID leaf 1, ECX bit 31 (`hypervisor` in cpuinfo),
which every hypervisor sets; Documentation/ABI/stable/sysfs-hypervisor-xen; SMBIOS.
"""

import os
import re
from enum import StrEnum
from pathlib import Path

_DEVICE = Path("/dev/kvm")
_ROOT = Path("/")
_VENDORS = re.compile(
    r"QEMU|KVM|Bochs|VMware|VirtualBox|innotek|Xen|Amazon EC2|Google|Hetzner|DigitalOcean|Parallels"
)


class Kvm(StrEnum):
    """What became of KVM; the values are for a person."""

    UNUSED = "not asked for"
    ABSENT = "absent"
    REFUSED = "refused"
    FOREIGN = "for other guests"
    FAKE = "boots no guest"
    NESTED = "nested"
    NATIVE = "native"


def fault() -> tuple[Kvm, str] | None:
    """Why KVM can't even be opened, or None when it can; the device's mode is left as it is."""
    try:
        os.close(os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        why = f"there is no {_DEVICE}; switch virtualization on in the firmware and load the module kvm"
        return Kvm.ABSENT, why
    except OSError as error:
        hint = "; join the group kvm" if isinstance(error, PermissionError) else ""
        return Kvm.REFUSED, f"{_DEVICE} can't be opened: {error.strerror}{hint}"
    return None


def modules() -> list[str]:
    """The kernel's parts that make KVM work, such as kvm_intel; none on ARM, where it is one with `kvm`."""
    return sorted(path.name for path in (_ROOT / "sys/module").glob("kvm_*"))


def gives_nested() -> bool | None:
    """Whether guests of this host can have guests of their own, or None where the kernel doesn't say."""
    for path in (_ROOT / "sys/module").glob("kvm_*/parameters/nested"):
        return path.read_text().strip() in ("1", "Y")
    return None


def surrounding() -> str | None:
    """By what this host shows that it is a virtual machine itself, or None when nothing shows it."""
    if vendor := _read("sys/hypervisor/type"):
        return f"hypervisor {vendor}"
    for name in ("sys_vendor", "product_name"):
        said = _read(f"sys/class/dmi/id/{name}")
        if said and _VENDORS.search(said):
            return said
    if re.search(r"^flags\s*:.*\bhypervisor\b", _read("proc/cpuinfo") or "", re.MULTILINE):
        return "the processor says so"
    if said := _read("proc/device-tree/hypervisor/compatible"):
        return said.strip("\0")
    return None


def describe() -> str:
    """What of all that a person would want to know, in a line."""
    where = (
        f"this host is a virtual machine ({found})" if (found := surrounding()) else "no sign of a hypervisor"
    )
    parts = [where, f"KVM by {', '.join(names)}" if (names := modules()) else "no KVM module by name"]
    if (nested := gives_nested()) is not None:
        parts.append(f"guests {'can' if nested else 'can not'} use KVM themselves")
    return "; ".join(parts)


def _read(name: str) -> str | None:
    try:
        return (_ROOT / name).read_text(errors="replace").strip()
    except OSError:
        return None

"""Capability names, numbers and the structures of capset(2); see capabilities(7)."""

from __future__ import annotations

import struct

from tare.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES = (  # noqa: SIM905 - a list literal would fill the page
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE"
    " NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT"
    " SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE"
    " AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ"
    " PERFMON BPF CHECKPOINT_RESTORE"
).split()
NUMBERS = {f"CAP_{name}": number for number, name in enumerate(_NAMES)}
"""Every capability of linux/capability.h by name."""

_DEFAULT = (  # noqa: SIM905 - as above
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP"
    " SETUID SYS_CHROOT"
).split()
DEFAULT = frozenset(f"CAP_{name}" for name in _DEFAULT)
"""What Docker leaves a container by default."""

_VERSION_3 = 0x20080522


def mask(names: Iterable[str]) -> int:
    """The set as a bit mask.

    Raises:
        UsageError: an unknown name.
    """
    value = 0
    for name in names:
        if name not in NUMBERS:
            raise UsageError(f"{name!r} is no capability", "see capabilities(7) for the names")
        value |= 1 << NUMBERS[name]
    return value


def dropped(names: Iterable[str]) -> tuple[int, ...]:
    """Numbers of all capabilities this kernel knows and the set lacks."""
    kept = mask(names)
    return tuple(number for number in range(last() + 1) if not kept >> number & 1)


def ours() -> frozenset[str]:
    """Those this process may have itself, beyond which it can give nobody any."""
    with open("/proc/self/status") as file:  # noqa: PTH123 - spares a start the import
        line = next(line for line in file if line.startswith("CapPrm:"))
    permitted = int(line.split()[1], 16)
    return frozenset(name for name, number in NUMBERS.items() if permitted >> number & 1)


def last() -> int:
    """The highest capability this kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:  # noqa: PTH123 - spares a start the import
        return int(file.read())


def capset_arguments(names: Iterable[str]) -> tuple[bytes, bytes]:
    """Header and data for capset(2): effective and permitted as given, inheritable empty."""
    value = mask(names)
    return capset_masks(value, value, 0)


def capset_masks(effective: int, permitted: int, inheritable: int) -> tuple[bytes, bytes]:
    """Header and data for capset(2) from three bit masks."""
    sets = (effective, permitted, inheritable)
    words = [value >> shift & 0xFFFFFFFF for shift in (0, 32) for value in sets]
    return struct.pack("=Ii", _VERSION_3, 0), struct.pack("=6I", *words)

"""The kernel filesystems of a container and the paths hidden from it, as OCI runtimes and Docker have them.

One table serves both our own start and the bundle written for other runtimes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from runtime import syscalls


@dataclass(frozen=True)
class Mount:
    """A kernel filesystem inside the container.

    Args:
        target: absolute path inside.
        filesystem: its type.
        attributes: mount attributes, a subset of ATTRIBUTES, by their mount(8) name.
        options: the filesystem's own options, `key=value` or `key`.
    """

    target: str
    filesystem: str
    attributes: tuple[str, ...]
    options: tuple[str, ...] = ()


ATTRIBUTES = {
    "nosuid": syscalls.MOUNT_ATTR_NOSUID,
    "noexec": syscalls.MOUNT_ATTR_NOEXEC,
    "nodev": syscalls.MOUNT_ATTR_NODEV,
    "ro": syscalls.MOUNT_ATTR_RDONLY,
    "strictatime": syscalls.MOUNT_ATTR_STRICTATIME,
}


def flags(names: Iterable[str]) -> int:
    """MOUNT_ATTR_* flags of names in ATTRIBUTES."""
    return reduce(lambda joined, name: joined | ATTRIBUTES[name], names, 0)


PROC = Mount("/proc", "proc", ("nosuid", "noexec", "nodev"))
DEV = Mount("/dev", "tmpfs", ("nosuid", "strictatime"), ("mode=755", "size=65536k"))
PTS = Mount(
    "/dev/pts", "devpts", ("nosuid", "noexec"), ("newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
)
SHM = Mount("/dev/shm", "tmpfs", ("nosuid", "noexec", "nodev"), ("mode=1777", "size=65536k"))
MQUEUE = Mount("/dev/mqueue", "mqueue", ("nosuid", "noexec", "nodev"))
SYSFS = Mount("/sys", "sysfs", ("nosuid", "noexec", "nodev", "ro"))
CGROUP = "/sys/fs/cgroup"
CGROUP1 = Mount(CGROUP, "cgroup", ("nosuid", "noexec", "nodev", "ro"))
CGROUP2 = Mount(CGROUP, "cgroup2", ("nosuid", "noexec", "nodev", "ro"))

KERNEL = (PROC, DEV, PTS, SHM, MQUEUE, SYSFS)

MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

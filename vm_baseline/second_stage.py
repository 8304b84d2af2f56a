"""The host kernel's page tables for a guest's memory: KVM's second level, as EPT, NPT or stage 2.

The kernel counts them for control groups of version 2 with the memory controller, so they are known of a
QEMU that has such a group to itself. libvirt makes one as root: a daemon always, an embedded one where it
finds systemd-machined. None is made here: libvirt starts QEMU, which could only be moved into it once much
of its memory is charged to another.
Source: Documentation/admin-guide/cgroup-v2.rst of the Linux kernel (sec_pagetables, cgroup.type).
"""

import re
from collections.abc import Collection
from pathlib import Path

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")


def second_stage(pid: int, others: Collection[int] = (), root: Path = _CGROUP) -> int | None:
    """Bytes of a guest's second-level tables, 0 with TCG; None where QEMU has no such group.

    Args:
        pid: QEMU's process.
        others: processes of the same machine, which have no guest of their own.
        root: where version 2 is mounted.

    Raises:
        FileNotFoundError: the process is gone.
    """
    group = own_group(pid, others, root)
    try:
        text = (group / "memory.stat").read_text() if group else ""
    except OSError:
        return None
    found = re.search(r"^sec_pagetables (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else None


def own_group(pid: int, others: Collection[int], root: Path) -> Path | None:
    """The control group with no other processes in it than these, or None. Arguments as above."""
    lines = (_PROC / str(pid) / "cgroup").read_text().splitlines()
    place = root / next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    try:
        # A threaded group has threads only; their process and its memory are in the domain above.
        while place != root and (place / "cgroup.type").read_text() == "threaded\n":
            place = place.parent
        members = {int(member) for member in (place / "cgroup.procs").read_text().split()}
    except OSError:
        return None
    return place if place != root and members - set(others) == {pid} else None

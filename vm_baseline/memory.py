"""The guest's memory as the host sees it: whether it can be given, and how it is kept.

Sources: Documentation/admin-guide/mm/ksm.rst and hugetlbpage.rst of the Linux kernel; proc_meminfo(5);
https://libvirt.org/formatdomain.html, "Memory Backing" and "Memory balloon device".
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tare.errors import UsageError
from vm_baseline.errors import HypervisorError
from vm_baseline.spec import Accelerator, MachineSpec

_MEMINFO = Path("/proc/meminfo")
_KSM = Path("/sys/kernel/mm/ksm/run")


@dataclass(frozen=True)
class HugePages:
    """The host's pool of huge pages of the default size.

    Args:
        size: bytes of one.
        total: how many the pool has.
        free: how many nobody uses.
    """

    size: int
    total: int
    free: int


def check(spec: MachineSpec) -> None:
    """Refuse what this host can't give, before anything is made.

    Raises:
        UsageError: the guest's memory is larger than the host's.
        HypervisorError: too few huge pages are free.
    """
    host = _meminfo("MemTotal")
    if spec.memory > host:
        raise UsageError(
            f"{spec.memory >> 20} MiB of memory are more than the host's {host >> 20} MiB", "ask for less"
        )
    if spec.memory_options.huge_pages:
        pool = huge_pages()
        needed = -(-spec.memory // pool.size)
        if pool.free < needed:
            raise HypervisorError(
                f"{needed} huge pages of {pool.size >> 10} KiB are needed and {pool.free} are free",
                f"as root, sysctl vm.nr_hugepages={pool.total - pool.free + needed}",
            )


def check_vcpus(vcpus: int, accelerator: Accelerator) -> None:
    """Refuse more virtual processors than the host has where they run on its processors.

    Raises:
        UsageError: there are too many; emulated ones may be more, they are threads that take turns.
    """
    host = len(os.sched_getaffinity(0))
    if accelerator is Accelerator.KVM and vcpus > host:
        raise UsageError(f"{vcpus} virtual processors are more than the host's {host}", "ask for fewer")


def huge_pages() -> HugePages:
    """The pool as it is now."""
    return HugePages(_meminfo("Hugepagesize"), _meminfo("HugePages_Total"), _meminfo("HugePages_Free"))


def ksm() -> str:
    """Whether the host merges equal pages, in a line for a person; nothing here ever switches that on."""
    try:
        runs = _KSM.read_text().strip() == "1"
    except OSError:
        return "the host's kernel has no KSM: equal pages of guests are never merged"
    if runs:
        return "ksmd runs: equal pages of guests that are marked mergeable become one"
    return f"ksmd is off: no page is merged; as root, echo 1 > {_KSM}"


def _meminfo(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)( kB)?$", _MEMINFO.read_text(), re.MULTILINE)
    return int(found[1]) * (1024 if found[2] else 1) if found else 0

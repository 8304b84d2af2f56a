"""What a machine costs its host, read from /proc and the disk images' metadata.

Nothing here asks the guest or QEMU, and one pass over smaps serves both halves of the memory, so that
measuring disturbs neither. Sources: proc_pid_smaps(5), proc_pid_status(5) (VmPTE), proc_pid_task(5),
proc_pid_stat(5), stat(2) (st_blocks), and of the Linux kernel's Documentation scheduler/sched-stats.rst
(schedstat) and admin-guide/mm/ksm.rst (ksm_merging_pages).
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from vm_baseline.errors import HypervisorError
from vm_baseline.processes import children
from vm_baseline.second_stage import second_stage

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_HEADER = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (rw-[ps]) ")
_FIELD = re.compile(r"(\w+): +(\d+) kB")
_PRIVATE = ("Private_Clean", "Private_Dirty", "Private_Hugetlb")
_HUGE = ("Private_Hugetlb", "Shared_Hugetlb")


@dataclass(frozen=True)
class Cpu:
    """Host CPU seconds since the machine's start, by what spent them.

    Args:
        vcpus: QEMU's threads that execute the guest, emulation included.
        io: its other threads: the main loop, I/O threads, workers.
        vhost: the kernel's threads that serve the guest's network for it; 0 without vhost.
        virtiofsd: the processes that serve its volumes; 0 without any.
    """

    vcpus: float
    io: float
    vhost: float
    virtiofsd: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.vcpus + self.io + self.vhost + self.virtiofsd

    def __sub__(self, earlier: Self) -> "Cpu":
        """What was spent since an earlier measurement, as while a guest idled or was busy."""
        return Cpu(*(getattr(self, field.name) - getattr(earlier, field.name) for field in fields(Cpu)))


@dataclass(frozen=True)
class Footprint:
    """What one machine costs its host; bytes, apart from `cpu`.

    Args:
        ram: the guest's memory that is resident on the host.
        ram_pss: of that, this machine's share: a page merged by KSM counts a part for each that shares it.
        merged: of the guest's memory, what KSM has merged; None where the kernel doesn't tell.
        qemu_pss: QEMU's own memory besides, its share of files such as libraries included.
        qemu_uss: of that, what only this process has and its end would free.
        virtiofsd_pss: memory of the processes that serve its volumes, their share of the guest's included.
        virtiofsd_uss: of that, what their end would free.
        page_tables: the kernel's for QEMU's address space, and theirs.
        second_stage: the kernel's for the guest's (EPT, NPT, stage 2), or None where it can't be told; see
            `vm_baseline.second_stage`.
        managers: PSS of the processes that speak with libvirt, which all machines of one connection share.
        disk_base: allocated by the disk images that instances share.
        disk_own: allocated by the instance's own files.
        cpu: what it spent so far.
    """

    ram: int
    ram_pss: int
    merged: int | None
    qemu_pss: int
    qemu_uss: int
    virtiofsd_pss: int
    virtiofsd_uss: int
    page_tables: int
    second_stage: int | None
    managers: int
    disk_base: int
    disk_own: int
    cpu: Cpu

    @property
    def memory(self) -> int:
        """Bytes of host memory that this machine alone accounts for."""
        own = self.ram_pss + self.qemu_pss + self.virtiofsd_pss
        return own + self.page_tables + (self.second_stage or 0)


def measure(
    pid: int,
    memory: int,
    *,
    bases: Iterable[Path] = (),
    own: Iterable[Path] = (),
    managers: Iterable[int] = (),
    servers: Iterable[int] = (),
) -> Footprint:
    """The footprint of a machine.

    Args:
        pid: QEMU's process.
        memory: bytes the guest was given; QEMU maps exactly as many in one piece.
        bases: the disk images that instances share.
        own: the files of this instance.
        managers: processes that manage it.
        servers: processes that serve its volumes; their children do, too.

    Raises:
        HypervisorError: the process is gone, may not be looked at, or maps no such memory.
    """
    place = _PROC / str(pid)
    serving = [each for server in servers for each in (server, *children(server))]
    try:
        ram, rest = _split(list(_mappings((place / "smaps").read_text())), memory)
        return Footprint(
            ram=ram.get("Rss", 0) + sum(ram.get(name, 0) for name in _HUGE),
            ram_pss=ram.get("Pss", 0) + sum(ram.get(name, 0) for name in _HUGE),
            merged=_merged(place),
            qemu_pss=sum(mapping.get("Pss", 0) for mapping in rest),
            qemu_uss=sum(mapping.get(name, 0) for mapping in rest for name in _PRIVATE),
            virtiofsd_pss=sum(map(pss, serving)),
            virtiofsd_uss=sum(map(_uss, serving)),
            page_tables=_field((place / "status").read_text(), "VmPTE")
            + sum(_field(_text(each, "status"), "VmPTE") for each in serving),
            second_stage=second_stage(pid, serving),
            managers=sum(map(pss, managers)),
            disk_base=sum(_allocated(path) for path in bases),
            disk_own=sum(_allocated(path) for path in own),
            cpu=_cpu(pid, serving),
        )
    except (FileNotFoundError, ProcessLookupError) as error:
        raise HypervisorError(f"the machine's process {pid} is gone") from error
    except PermissionError as error:
        raise HypervisorError(
            f"the memory of process {pid} can't be looked at", "run as root or as the user that runs QEMU"
        ) from error


def pss(pid: int) -> int:
    """Proportional set size of a process in bytes, 0 when it is gone."""
    return _field(_text(pid, "smaps_rollup"), "Pss")


def _uss(pid: int) -> int:
    text = _text(pid, "smaps_rollup")
    return sum(_field(text, name) for name in _PRIVATE)


def _text(pid: int, name: str) -> str:
    """A file about a process; nothing when it is gone."""
    try:
        return (_PROC / str(pid) / name).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _mappings(text: str) -> Iterator[dict[str, int]]:
    """Bytes by field of each mapping; `size` is of those that can be read and written but not executed."""
    current: dict[str, int] = {}
    for line in text.splitlines():
        if field := _FIELD.match(line):
            current[field[1]] = int(field[2]) * 1024
        elif "-" in line.partition(" ")[0]:
            if current:
                yield current
            header = _HEADER.match(line)
            current = {"size": int(header[2], 16) - int(header[1], 16) if header else 0}
    if current:
        yield current


def _split(mappings: list[dict[str, int]], memory: int) -> tuple[dict[str, int], list[dict[str, int]]]:
    """The guest's memory, and everything else."""
    candidates = [mapping for mapping in mappings if mapping["size"] == memory]
    if not candidates:
        raise HypervisorError(f"QEMU maps no {memory} bytes as the guest's memory")
    ram = max(candidates, key=lambda mapping: mapping.get("Rss", 0))
    return ram, [mapping for mapping in mappings if mapping is not ram]


def _field(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _merged(place: Path) -> int | None:
    try:
        return int((place / "ksm_merging_pages").read_text()) * _PAGE
    except OSError:
        return None


def _allocated(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _cpu(pid: int, serving: Iterable[int]) -> Cpu:
    spent = {"vcpus": 0.0, "io": 0.0, "vhost": 0.0}
    for task in (_PROC / str(pid) / "task").iterdir():
        try:
            name, seconds = (task / "comm").read_text().strip(), _seconds(task)
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has ended meanwhile
        spent[_kind(name, pid)] += seconds
    ended = _ticks(_PROC / str(pid)) - sum(spent.values())  # by workers that read from disks and are gone
    spent["io"] += max(0.0, ended)
    spent["vhost"] += sum(_seconds(task) for task in _kernel_threads(f"vhost-{pid}"))
    return Cpu(**spent, virtiofsd=sum(map(_whole, serving)))


def _whole(pid: int) -> float:
    """CPU time of a process with its ended threads, as exactly as is known; 0 when it is gone."""
    place = _PROC / str(pid)
    try:
        return max(_ticks(place), sum(_seconds(task) for task in (place / "task").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def _kind(name: str, pid: int) -> str:
    if name == f"vhost-{pid}":  # from Linux 6.4 on they are threads of the process they serve
        return "vhost"
    return "vcpus" if re.match(r"(CPU \d+|ALL CPUs)/", name) else "io"


def _kernel_threads(name: str) -> list[Path]:
    """Kernel threads of that name; they are children of kthreadd, process 2."""
    found = []
    for place in (_PROC / str(child) for child in children(2)):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if (place / "comm").read_text().strip() == name:
                found.append(place)
    return found


def _seconds(task: Path) -> float:
    """CPU time of a thread: in ns where the kernel counts so (schedstat), else in clock ticks (stat)."""
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:
        return _ticks(task)


def _ticks(place: Path) -> float:
    user, system = (place / "stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS

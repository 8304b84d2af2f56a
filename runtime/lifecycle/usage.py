"""What a running container uses, and its processes."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.lifecycle.record import Record


@dataclass(frozen=True)
class Process:
    """A process of a container as the host sees it; `seconds` of processor time."""

    pid: int
    parent: int
    user: int
    seconds: float
    command: str


@dataclass(frozen=True)
class Usage:
    """What a container uses, from its control groups and its network namespace.

    Args:
        time: of the measurement, nanoseconds of the monotonic clock.
        cpu_seconds: processor time so far.
        memory: bytes in use, without page cache that is easily given back.
        memory_limit: bytes, the host's memory without a limit.
        pids: processes and threads.
        read_bytes, written_bytes: of block devices so far.
        received_bytes, sent_bytes: over its interfaces, loopback left out, so far.
    """

    time: int
    cpu_seconds: float
    memory: int
    memory_limit: int
    pids: int
    read_bytes: int
    written_bytes: int
    received_bytes: int
    sent_bytes: int


def processes(record: Record) -> list[Process]:
    """The processes of a container, by their ids."""
    groups = record.groups()
    first = int(record.state["pid"])
    pids = groups.processes() if groups and groups.paths else _beside(first)
    found = []
    for pid in pids:
        # It may end while we look.
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(_process(pid))
    return found


def read(record: Record) -> Usage:
    """What a container uses now.

    Raises:
        CgroupError: it has no control groups.
    """
    import time

    groups = record.groups()
    stats: dict[str, Any] = groups.stats() if groups else {}
    memory = stats.get("memory", {})
    usage = memory.get("usage", {})
    raw = memory.get("raw", {})
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    moved = stats.get("blkio", {}).get("ioServiceBytesRecursive") or []
    received, sent = _traffic(int(record.state["pid"]))
    return Usage(
        time=time.monotonic_ns(),
        cpu_seconds=stats.get("cpu", {}).get("usage", {}).get("total", 0) / 1e9,
        memory=max(usage.get("usage", 0) - raw.get("total_inactive_file", raw.get("inactive_file", 0)), 0),
        memory_limit=min(usage.get("limit") or total, total),
        pids=stats.get("pids", {}).get("current", 0),
        read_bytes=_sum(moved, "read"),
        written_bytes=_sum(moved, "write"),
        received_bytes=received,
        sent_bytes=sent,
    )


def _beside(first: int) -> list[int]:
    """The processes in the PID namespace of one, for where no control group has them."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208
        with suppress(OSError):
            if Path(f"/proc/{name}/ns/pid").samefile(f"/proc/{first}/ns/pid"):
                found.append(int(name))
    return sorted(found)


def _sum(entries: list[dict[str, Any]], operation: str) -> int:
    return sum(entry.get("value", 0) for entry in entries if entry.get("op", "").lower() == operation)


def _traffic(pid: int) -> tuple[int, int]:
    try:
        lines = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    except (FileNotFoundError, ProcessLookupError, OSError):
        return 0, 0
    columns = [
        numbers.split()
        for name, _, numbers in (line.partition(":") for line in lines)
        if name.strip() != "lo"
    ]
    return sum(int(each[0]) for each in columns), sum(int(each[8]) for each in columns)


def _process(pid: int) -> Process:
    directory = Path(f"/proc/{pid}")
    text = directory.joinpath("stat").read_text()
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    words = directory.joinpath("cmdline").read_bytes().split(b"\0")
    command = b" ".join(words).decode(errors="replace").strip() or f"[{name}]"
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Process(pid, int(fields[1]), directory.stat().st_uid, seconds, command)

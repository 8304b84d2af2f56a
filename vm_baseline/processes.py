"""Finding and ending processes of ours by their command lines."""

import contextlib
import os
import re
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path


def qemu_processes(prefix: str) -> list[tuple[int, str]]:
    """Process and guest name of each QEMU whose guest name starts so."""
    found = []
    for pid, words in command_lines():
        if "-name" in words[:-1]:
            guest = words[words.index("-name") + 1]
            if match := re.match(rf"guest=({re.escape(prefix)}[^,]*)", guest):
                found.append((pid, match[1]))
    return found


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """Process and argument list of every process that can be seen."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                yield int(entry.name), os.fsdecode((entry / "cmdline").read_bytes()).split("\0")


def children(pid: int) -> list[int]:
    """The processes a process has started and not yet waited for; none when it is gone."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # it ended meanwhile
        for task in Path("/proc", str(pid), "task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def started(pid: int) -> tuple[int, int]:
    """Monotonic ns at which a process was started, and how many that may be off: half a tick.

    Source: proc_pid_stat(5), field 22, which counts whole ticks since the host booted.
    """
    tick = 10**9 // os.sysconf("SC_CLK_TCK")
    ticks = int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[19])
    suspended = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return ticks * tick + tick // 2 - suspended, tick // 2


def end(pid: int, number: signal.Signals, limit: float) -> bool:
    """Send a signal, also to one that is stopped, and wait up to `limit` seconds.

    Returns:
        Whether the process has ended; an unreaped one has.
    """
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, number)
            signal.pidfd_send_signal(process, signal.SIGCONT)  # one that is stopped takes nothing else
        return bool(select.select([process], [], [], limit)[0])
    finally:
        os.close(process)

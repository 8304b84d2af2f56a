"""Finding and ending processes of ours by their command lines."""

import contextlib
import os
import re
import select
import signal
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


def end(pid: int, number: signal.Signals, limit: float) -> bool:
    """Send a signal and wait up to `limit` seconds; whether the process has ended (an unreaped one has)."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, number)
        return bool(select.select([process], [], [], limit)[0])
    finally:
        os.close(process)

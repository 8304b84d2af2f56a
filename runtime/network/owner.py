"""Whom a reservation belongs to, so that it can be taken back when the owner is gone."""

import os
from typing import Any


def owner(directory: str) -> list[Any]:
    """The calling process, and the directory that stands for what it makes, if there is one.

    Args:
        directory: of a container that outlives its maker; empty for one that doesn't.
    """
    pid = os.getpid()
    return [pid, started(pid), directory]


def is_alive(owned: list[Any]) -> bool:
    """Whether the process still runs or the directory is still there."""
    pid, began, directory = owned
    return began == started(pid) or bool(directory and os.path.isdir(directory))  # noqa: PTH112


def started(pid: int) -> int:
    """When a process started, in clock ticks since boot, which with its id makes it unique; -1 once it ended.

    That is field 22 of proc_pid_stat(5); a zombie has ended.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return -1
    return -1 if fields[0] in (b"Z", b"X") else int(fields[19])
